// NSH (RFC 8300), in Ethernet or VXLAN-GPE. A service path belongs to one direction, so it is
// no zone.
#include "tables.h"

namespace natlens::decode {

Step nsh(Context& c) {
  constexpr auto kName = Encapsulation::kNsh;
  if (!c.need(8, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  const std::size_t length = (c.at.be16(0) & 0x3fU) * 4U;
  via->next = c.at.u8(3);
  via->key = c.at.be24(4);
  via->aux = c.at.u8(7);
  if (c.at.u8(0) >> 6 != 0 || length < 8) return c.stop(DecodeStop::kMalformed, kName);
  if (!c.need(length, kName)) return kFinished;
  c.at.skip(length);
  switch (via->next) {
    case 1:
      return {ipv4};
    case 2:
      return {ipv6};
    case 3:
      return {ethernet};
    case 4:
      return {nsh};
    case 5:
      return {mpls};
    default:
      return c.stop(DecodeStop::kUnsupported, kName);
  }
}

}  // namespace natlens::decode
