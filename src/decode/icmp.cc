// ICMP (RFC 792) and ICMPv6 (RFC 4443). An error quotes the packet it is about: a layer of its
// own, marked `quoted`, and whatever that packet carries. RFC 4884 says in a length byte where
// the quote ends if extensions follow it.
#include "tables.h"

namespace natlens::decode {
namespace {

bool is_error_v4(std::uint8_t type) {
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}
bool is_error_v6(std::uint8_t type) {
  return type >= 1 && type <= 4;
}

struct Family {
  Encapsulation name;
  TransportKind transport;
  bool (*is_error)(std::uint8_t);
  std::size_t length_at;    // RFC 4884: byte that holds the quote's length
  std::size_t length_unit;  // in these
  bool (*has_length)(std::uint8_t);
};

constexpr Family kV4{
    Encapsulation::kIcmp, TransportKind::kIcmp, is_error_v4, 5, 4, [](std::uint8_t t) {
      return t == 3 || t == 11 || t == 12;
    }};
constexpr Family kV6{
    Encapsulation::kIcmpv6, TransportKind::kIcmpv6, is_error_v6, 4, 8, [](std::uint8_t t) {
      return t == 1 || t == 3;
    }};

Step quote(Context& c, const Family& family, std::uint8_t type, std::size_t length) {
  if (c.add_via(family.name) == nullptr) return kFinished;
  c.at.skip(8);
  if (family.has_length(type) && length != 0) c.at.limit(length);
  c.quoted = true;
  if (c.at.captured == 0) {
    --c.out.via_count;  // nothing is quoted, or the capture cut it
    return c.at.wire != 0 ? c.stop(DecodeStop::kSnap, family.name) : kFinished;
  }
  return {ip_by_nibble};
}

Step message(Context& c, const Family& family) {
  if (!c.need(4, family.name)) return kFinished;
  Layer& layer = c.layer();
  layer.icmp.type = c.at.u8(0);
  layer.icmp.code = c.at.u8(1);
  layer.icmp.error = family.is_error(layer.icmp.type);
  if (!c.need(8, family.name)) return kFinished;
  layer.transport = family.transport;
  layer.icmp.id = c.at.be16(4);
  layer.icmp.sequence = c.at.be16(6);
  layer.payload = c.at.bytes().subspan(8);
  layer.payload_wire_bytes = c.at.wire - 8;
  if (!layer.icmp.error) return kFinished;
  return quote(c, family, layer.icmp.type, c.at.u8(family.length_at) * family.length_unit);
}

}  // namespace

Step icmp(Context& c) {
  return message(c, kV4);
}
Step icmpv6(Context& c) {
  return message(c, kV6);
}

}  // namespace natlens::decode
