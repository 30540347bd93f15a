// Teredo (RFC 4380): IPv6 in UDP behind optional authentication and origin indications. The
// origin states the client's address and port as the server sees them. Client and relay differ
// by direction, and the inner addresses are unique: one zone for all.
//
// The same without indications is IPv6 in UDP as TSP tunnels send it (RFC 5572).
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kTeredo;

// Bytes of the indications before the IPv6 header; SIZE_MAX if they do not fit.
std::size_t indications(const Cursor& at, std::size_t& origin_at) {
  std::size_t i = 0;
  if (at.captured >= 4 && at.be16(0) == 0x0001) i = 13U + at.u8(2) + at.u8(3);
  if (i + 8 <= at.captured && at.be16(i) == 0x0000) {
    origin_at = i;
    i += 8;
  }
  return i < at.captured ? i : SIZE_MAX;
}

}  // namespace

bool teredo_fits(const Context& c) {
  std::size_t origin_at = SIZE_MAX;
  const std::size_t before = indications(c.at, origin_at);
  if (before == SIZE_MAX) return false;
  Cursor in = c.at;
  in.skip(before);
  if (in.u8(0) >> 4 != 6 || in.wire < 40) return false;
  // A bubble may have a trailer, and faulty senders a payload, behind the packet.
  return c.partial || c.quoted || plausible_ip(in, Fit::kWithin);
}

Step teredo(Context& c) {
  std::size_t origin_at = SIZE_MAX;
  const std::size_t before = indications(c.at, origin_at);
  if (before == SIZE_MAX || !c.need(before, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  if (origin_at != SIZE_MAX) {
    via->flags = 1;
    via->aux = c.at.be16(origin_at + 2) ^ 0xffffU;
    via->key = c.at.be32(origin_at + 4) ^ 0xffffffffU;
  }
  c.enter_zone(kName, 0);
  c.at.skip(before);
  return {ipv6};
}

// Any port: exactly an IPv6 packet, from or to the Teredo prefix 2001::/32.
bool teredo_shape(const Context& c) {
  std::size_t origin_at = SIZE_MAX;
  const std::size_t before = indications(c.at, origin_at);
  if (before == SIZE_MAX) return false;
  Cursor in = c.at;
  in.skip(before);
  if (in.captured < 40 || in.u8(0) >> 4 != 6 || !plausible_ip(in, Fit::kExact) ||
      in.u8(8) == 0xff)
    return false;
  return in.be32(8) == 0x20010000U || in.be32(24) == 0x20010000U;
}

bool ipv6_in_udp_fits(const Context& c) {
  return c.at.captured != 0 && c.at.u8(0) >> 4 == 6 && plausible_ip(c.at, Fit::kExact);
}

}  // namespace natlens::decode
