// Links without a link header: raw IP (LINKTYPE_RAW, IPV4, IPV6) and the BSD loopback, whose
// four bytes are the address family in the writing host's byte order (NULL) or big endian
// (LOOP).
#include "tables.h"

namespace natlens::decode {
namespace {

// AF_INET6 differs by system: Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin.
bool is_inet6(std::uint32_t family) {
  return family == 10 || family == 23 || family == 24 || family == 28 || family == 30;
}

Step loopback(Context& c, std::uint32_t family) {
  Via* via = c.add_via(Encapsulation::kNull);
  if (via == nullptr) return kFinished;
  via->key = family;
  c.at.skip(4);
  if (family == 2) return {ipv4};
  if (is_inet6(family)) return {ipv6};
  return {ip_by_nibble};
}

}  // namespace

Step link_null(Context& c) {
  if (!c.need(4, Encapsulation::kNull)) return kFinished;
  std::uint32_t family = c.at.be32(0);
  if (family > 0xffff) family = __builtin_bswap32(family);
  return loopback(c, family);
}

Step link_loop(Context& c) {
  if (!c.need(4, Encapsulation::kNull)) return kFinished;
  return loopback(c, c.at.be32(0));
}

Step link_raw(Context& c) {
  if (c.add_via(Encapsulation::kRaw) == nullptr) return kFinished;
  return {ip_by_nibble};
}

Step ip_by_nibble(Context& c) {
  if (!c.need(1, Encapsulation::kRaw)) return kFinished;
  switch (c.at.u8(0) >> 4) {
    case 4:
      return {ipv4};
    case 6:
      return {ipv6};
    default:
      return c.stop(DecodeStop::kUnsupported, Encapsulation::kRaw);
  }
}

}  // namespace natlens::decode
