// Generic UDP encapsulation (draft-ietf-intarea-gue): variant 0 has a header with an IP
// protocol number, variant 1 is IP itself. Foo over UDP has no header: the same as variant 1.
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint8_t kControl = 0x20;

}  // namespace

bool gue_fits(const Context& c) {
  if (c.at.captured < 4) return false;
  switch (c.at.u8(0) >> 6) {
    case 0:
      return 4U + (c.at.u8(0) & 0x1fU) * 4U <= c.at.wire;
    case 1:
      return plausible_ip(c.at, Fit::kExact);
    default:
      return false;
  }
}

Step gue(Context& c) {
  if (c.at.u8(0) >> 6 == 1) return {fou};
  Via* via = c.add_via(Encapsulation::kGue);
  if (via == nullptr) return kFinished;
  const std::size_t header_bytes = 4U + (c.at.u8(0) & 0x1fU) * 4U;
  via->flags = c.at.u8(0);
  via->next = c.at.u8(1);
  if (!c.need(header_bytes, Encapsulation::kGue)) return kFinished;
  c.at.skip(header_bytes);
  if ((via->flags & kControl) != 0) return kFinished;
  switch (via->next) {
    case protocol::kIpip:
      return {ipv4_in_ip};
    case protocol::kIpv6:
      return {ipv6_in_ip};
    case protocol::kGre:
      return {gre};
    case protocol::kEsp:
      return {esp};
    case 97:
      return {etherip};
    case 137:
      return {mpls_in_ip};
    default:
      return c.stop(DecodeStop::kUnsupported, Encapsulation::kGue);
  }
}

Step fou(Context& c) {
  if (c.add_via(Encapsulation::kFou) == nullptr) return kFinished;
  c.enter_zone_of_outer_pair(Encapsulation::kFou);
  return {ip_by_nibble};
}

// Any port: exactly an IPv4 packet with a correct header checksum.
bool fou_shape(const Context& c) {
  return c.at.captured >= 20 && c.at.u8(0) >> 4 == 4 && convincing_ip(c.at, Fit::kExact);
}

}  // namespace natlens::decode
