// Zones: what both directions of an encapsulation share keeps inner connections apart, and
// joins request and answer.
#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;

namespace {

struct Direction {
  std::string_view src = "198.51.100.1";
  std::string_view dst = "203.0.113.1";
};
constexpr Direction kThere{};
constexpr Direction kBack{.src = "203.0.113.1", .dst = "198.51.100.1"};
constexpr Direction kElsewhere{.src = "198.51.100.9", .dst = "203.0.113.1"};

std::uint32_t zone(const Direction& d, std::uint8_t number, const Bytes& payload) {
  const Decoded decoded(
      eth(0x0800, ipv4({.src = d.src, .dst = d.dst, .protocol = number}, payload)));
  REQUIRE(decoded.out.layer_count == 2);
  return decoded.layer(1).zone;
}

Bytes gre(std::uint32_t key) {
  return hex("2000 0800") + be32(key) + inner_ipv4();
}
Bytes gretap(std::uint32_t key) {
  return hex("2000 6558") + be32(key) + eth(0x0800, inner_ipv4());
}
Bytes vxlan(std::uint32_t vni) {
  return udp(5000, 4789, hex("08000000") + be32(vni << 8) + eth(0x0800, inner_ipv4()));
}
Bytes gtpu(std::uint32_t teid) {
  return udp(2152, 2152, hex("30ff") + be16(inner_ipv4().size()) + be32(teid) + inner_ipv4());
}
Bytes l2tp(std::uint16_t session) {
  return udp(1701, 1701, hex("0002 0007") + be16(session) + hex("0021") + inner_ipv4());
}
Bytes pptp(std::uint16_t call) {
  return hex("3001 880b") + be16(inner_ipv4().size() + 2) + be16(call) + be32(1) + hex("0021") +
         inner_ipv4();
}

}  // namespace

TEST_CASE("zone: a key that both directions share", "[decode][zone]") {
  CHECK(zone(kThere, 17, vxlan(7)) == zone(kBack, 17, vxlan(7)));
  CHECK(zone(kThere, 17, vxlan(7)) == zone(kElsewhere, 17, vxlan(7)));
  CHECK(zone(kThere, 17, vxlan(7)) != zone(kThere, 17, vxlan(8)));
  CHECK(zone(kThere, 47, gre(7)) == zone(kBack, 47, gre(7)));
  CHECK(zone(kThere, 47, gre(7)) != zone(kThere, 47, gre(8)));
  CHECK(zone(kThere, 47, gre(7)) != zone(kThere, 17, vxlan(7)));
}

TEST_CASE("zone: NVGRE's flow id is no part of it, a small GRE key is", "[decode][zone]") {
  CHECK(zone(kThere, 47, gretap(0x00123401)) == zone(kBack, 47, gretap(0x001234ff)));
  CHECK(zone(kThere, 47, gretap(1)) != zone(kThere, 47, gretap(2)));
}

TEST_CASE("zone: a key of one direction gives way to the pair of outer addresses",
          "[decode][zone]") {
  CHECK(zone(kThere, 17, gtpu(1)) == zone(kBack, 17, gtpu(2)));
  CHECK(zone(kThere, 17, gtpu(1)) != zone(kElsewhere, 17, gtpu(1)));
  CHECK(zone(kThere, 17, l2tp(1)) == zone(kBack, 17, l2tp(2)));
  CHECK(zone(kThere, 47, pptp(1)) == zone(kBack, 47, pptp(2)));
  CHECK(zone(kThere, 4, inner_ipv4()) == zone(kBack, 4, inner_ipv4()));
  CHECK(zone(kThere, 4, inner_ipv4()) != zone(kElsewhere, 4, inner_ipv4()));
}

TEST_CASE("zone: MPLS on a link shares nothing: one direction may be without labels",
          "[decode][zone]") {
  const Decoded labelled(eth(0x8847, be32(100 << 12 | 0x140) + inner_ipv4()));
  CHECK(labelled.layer(0).zone == 0);
}

TEST_CASE("zone: 6to4 answers through another relay", "[decode][zone]") {
  const Bytes inner = ipv6({.src = "2002:c633:6401::1"}, udp(1, 2, filler(4)));
  CHECK(zone(kThere, 41, inner) == zone(kElsewhere, 41, inner));
  const Bytes native = ipv6({}, udp(1, 2, filler(4)));
  CHECK(zone(kThere, 41, native) != zone(kElsewhere, 41, native));
}

TEST_CASE("zone: a quote lies in the zone of the error", "[decode][zone]") {
  const Decoded d(
      eth(0x8100, vlan_tag(7, 0x0800, ipv4({.protocol = 1}, icmp(3, 3, 0, inner_ipv4())))));
  CHECK(d.layer(1).zone == d.layer(0).zone);
  CHECK(d.layer(0).zone != 0);
}
