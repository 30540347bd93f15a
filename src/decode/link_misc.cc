// Link types whose header is only passed over: the BSDs' ENC and PFLOG, IP over FireWire,
// ARCNET as Linux shows it.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::size_t kEncHeader = 12;
constexpr std::size_t kFirewireHeader = 18;
constexpr std::size_t kArcnetHeader = 8;  // RFC 1201, unsplit
constexpr std::uint8_t kArcnetIp = 212;

}  // namespace

// Family, SPI and flags: the clear side of IPsec.
Step link_enc(Context& c) {
  if (!c.need(kEncHeader, Encapsulation::kNull)) return kFinished;
  c.at.skip(kEncHeader);
  return {ip_by_nibble};
}

// The header says its length, padded to four bytes.
Step link_pflog(Context& c) {
  if (!c.need(1, Encapsulation::kNull)) return kFinished;
  const std::size_t length = (c.at.u8(0) + 3U) & ~3U;
  if (!c.need(length, Encapsulation::kNull)) return kFinished;
  c.at.skip(length);
  return {ip_by_nibble};
}

Step link_firewire(Context& c) {
  if (!c.need(kFirewireHeader, Encapsulation::kNull)) return kFinished;
  const std::uint16_t type = c.at.be16(16);
  c.at.skip(kFirewireHeader);
  return by_ethertype(c, type);
}

Step link_arcnet(Context& c) {
  if (!c.need(kArcnetHeader, Encapsulation::kNull)) return kFinished;
  if (c.at.u8(4) != kArcnetIp || c.at.u8(5) != 0)
    return c.stop(DecodeStop::kUnsupported, Encapsulation::kNull);
  c.at.skip(kArcnetHeader);
  return {ipv4};
}

}  // namespace natlens::decode
