// IEEE 802.2 LLC and SNAP (RFC 1042): what follows an Ethernet length, an 802.11 header, a
// bridged frame. SNAP with OUI 0 (or 0000f8, bridged) names an ethertype.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint8_t kSnap = 0xaa;
constexpr std::uint8_t kIp = 0x06;

}  // namespace

Step llc(Context& c) {
  if (!c.need(3, Encapsulation::kLlc)) return kFinished;
  Via* via = c.add_via(Encapsulation::kLlc);
  if (via == nullptr) return kFinished;
  const std::uint8_t dsap = c.at.u8(0);
  if (dsap == kSnap && c.at.u8(1) == kSnap && c.at.u8(2) == 3) {
    if (!c.need(8, Encapsulation::kLlc)) return kFinished;
    via->flags = 1;
    via->key = c.at.be24(3);
    via->next = c.at.be16(6);
    c.at.skip(8);
    if (via->key == 0 || via->key == 0xf8) return by_ethertype(c, via->next);
    return c.stop(DecodeStop::kUnsupported, Encapsulation::kLlc);
  }
  if (dsap == kIp && c.at.u8(1) == kIp && c.at.u8(2) == 3) {
    c.at.skip(3);
    return {ipv4};
  }
  return c.stop(DecodeStop::kUnsupported, Encapsulation::kLlc);
}

}  // namespace natlens::decode
