// AH (RFC 4302). What it covers is in clear. To conntrack an IPv4 packet with AH is AH whatever
// follows, so the layer's protocol stays 51; in IPv6 it is one extension header among others.
#include "encap_ah.h"

#include "tables.h"

namespace natlens::decode {

bool authentication_header(Context& c, std::uint8_t& next, std::size_t& bytes) {
  if (!c.need(12, Encapsulation::kAh)) return false;
  Via* via = c.add_via(Encapsulation::kAh);
  if (via == nullptr) return false;
  next = c.at.u8(0);
  bytes = (c.at.u8(1) + 2U) * 4U;
  via->next = next;
  via->key = c.at.be32(4);
  via->aux = c.at.be32(8);
  if (bytes >= 12) return true;
  c.stop(DecodeStop::kMalformed, Encapsulation::kAh);
  return false;
}

Step ah(Context& c) {
  std::uint8_t next = 0;
  std::size_t bytes = 0;
  if (!authentication_header(c, next, bytes) || !c.need(bytes, Encapsulation::kAh))
    return kFinished;
  c.at.skip(bytes);
  c.layer().l4 = c.at.bytes();
  c.layer().l4_wire_bytes = c.at.wire;
  c.layer().l4_offset = c.at.offset;
  return by_ip_protocol(c, next);
}

}  // namespace natlens::decode
