// IEEE 802.1AE: user data in clear only where neither the E (encrypted) nor the C (changed
// text) bit is set; the integrity value, 16 bytes as a rule, ends the frame.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint8_t kEncryptedOrChanged = 0x0c;
constexpr std::uint8_t kHasSci = 0x20;
constexpr std::size_t kIcvBytes = 16;

}  // namespace

Step macsec(Context& c) {
  if (!c.need(6, Encapsulation::kMacsec)) return kFinished;
  Via* via = c.add_via(Encapsulation::kMacsec);
  if (via == nullptr) return kFinished;
  via->flags = c.at.u8(0);
  via->aux = c.at.be32(2);
  std::size_t header_bytes = 6;
  if ((via->flags & kHasSci) != 0) {
    header_bytes = 14;
    if (!c.need(14, Encapsulation::kMacsec)) return kFinished;
    via->key = c.at.be64(6);
  }
  const std::size_t short_length = c.at.u8(1) & 0x3fU;
  c.at.skip(header_bytes);
  if ((via->flags & kEncryptedOrChanged) != 0)
    return c.stop(DecodeStop::kEncrypted, Encapsulation::kMacsec);
  if (c.at.wire < kIcvBytes + 2) return c.stop(DecodeStop::kMalformed, Encapsulation::kMacsec);
  c.at.limit(c.at.wire - kIcvBytes);
  if (short_length >= 2) c.at.limit(short_length);
  if (!c.need(2, Encapsulation::kMacsec)) return kFinished;
  via->next = c.at.be16(0);
  c.at.skip(2);
  return by_ethertype(c, via->next);
}

}  // namespace natlens::decode
