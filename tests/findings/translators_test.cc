#include "support/scene.h"

using natlens::test::Bytes;
using natlens::test::Ipv4Header;
using natlens::test::Ipv6Header;
using natlens::test::Scene;
using natlens::test::operator+;
using natlens::test::TcpHeader;

namespace {

constexpr std::string_view kClient = "2001:db8:1::10";
constexpr std::string_view kServer6 = "64:ff9b::cb00:711e";  // 203.0.113.30
constexpr std::string_view kServer4 = "203.0.113.30";

struct Segment {
  bool out = true;
  std::uint16_t flags = 0x10;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::size_t length = 0;
};

Bytes segment(const Segment& s) {
  TcpHeader header;
  header.src = s.out ? 50000 : 443;
  header.dst = s.out ? 443 : 50000;
  header.seq = s.seq;
  header.ack = s.ack;
  header.flags = s.flags;
  if ((s.flags & 2) != 0) header.options = natlens::test::hex("02 04 05 a0");
  return natlens::test::tcp(header, natlens::test::filler(s.length));
}
Bytes as_v6(const Segment& s) {
  Ipv6Header header;
  header.src = s.out ? kClient : kServer6;
  header.dst = s.out ? kServer6 : kClient;
  header.next = 6;
  return natlens::test::with_l4_checksum(natlens::test::ipv6(header, segment(s)));
}
Bytes as_v4(const Segment& s) {
  Ipv4Header header;
  header.src = s.out ? Scene::kExternal : kServer4;
  header.dst = s.out ? kServer4 : Scene::kExternal;
  header.protocol = 6;
  header.fragment = 0x4000;
  return natlens::test::with_l4_checksum(natlens::test::ipv4(header, segment(s)));
}
void both(Scene& scene, double time, const Segment& s) {
  scene.packet(time + (s.out ? 0 : 0.0002), "lan", as_v6(s));
  scene.packet(time + (s.out ? 0.0002 : 0), "wan", as_v4(s));
}

// A connection through the translator, an error about a packet of the inside host, and its
// image.
void too_big(Scene& scene, std::uint16_t v4_mtu, std::uint16_t v6_mtu) {
  both(scene, 0.0, {true, 0x02, 100, 0, 0});
  both(scene, 0.1, {false, 0x12, 900, 101, 0});
  both(scene, 0.2, {true, 0x10, 101, 901, 0});
  const Segment large{true, 0x18, 101, 901, 1400};
  both(scene, 0.3, large);
  Ipv4Header from;
  from.src = "203.0.113.77";
  from.dst = Scene::kExternal;
  from.protocol = 1;
  const Bytes v4 = as_v4(large);
  scene.packet(0.4, "wan",
               natlens::test::ipv4(
                   from, natlens::test::icmp(3, 4, v4_mtu, {v4.begin(), v4.begin() + 60})),
               "error4");
  Ipv6Header to;
  to.src = "64:ff9b::cb00:714d";
  to.dst = kClient;
  to.next = 58;
  const Bytes v6 = as_v6(large);
  scene.packet(0.4002, "lan",
               natlens::test::with_l4_checksum(natlens::test::ipv6(
                   to, natlens::test::icmp(2, 0, v6_mtu, {v6.begin(), v6.begin() + 80}))),
               "error6");
}

}  // namespace

TEST_CASE("NAT64-MTU: an MTU that was translated wrong", "[findings][translators]") {
  Scene scene;
  too_big(scene, 1400, 1480);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT64-MTU", "wrong-mtu"));
  CHECK(scene.find("NAT64-MTU")->facts["at_most"] == 1420);
  CHECK(scene.names("NAT64-MTU", "cause", "wan", "error4"));
  CHECK(scene.names("NAT64-MTU", "cause", "lan", "error6"));

  Scene below;  // IPv6 has no links that small
  too_big(below, 1200, 1220);
  INFO(below.told());
  CHECK(below.raised("NAT64-MTU", "wrong-mtu"));
}

TEST_CASE("NAT64-MTU: 20 more, less for another link, and 1280 at least",
          "[findings][translators]") {
  for (const auto& [v4, v6] :
       {std::pair(1400, 1420), std::pair(1400, 1400), std::pair(1200, 1280)}) {
    Scene scene;
    too_big(scene, static_cast<std::uint16_t>(v4), static_cast<std::uint16_t>(v6));
    INFO(scene.told());
    CHECK(!scene.raised("NAT64-MTU"));
  }
}

namespace {

// A host behind a prefix translation: its packets inside, and as the outside shows them.
void prefix(Scene& scene, std::string_view internal, std::string_view external) {
  for (std::uint16_t i = 0; i < 6; ++i) {
    for (const bool outside : {false, true}) {
      Ipv6Header header;
      header.src = outside ? external : internal;
      header.dst = "2001:db8:ffff::9";
      header.next = 17;
      header.hop_limit = outside ? 63 : 64;
      const Bytes payload =
          natlens::test::filler(40U + 16U * i) + natlens::test::be16(i * 331U);
      scene.packet(0.1 * i + (outside ? 0.0002 : 0), outside ? "wan" : "lan",
                   natlens::test::with_l4_checksum(
                       natlens::test::ipv6(header, natlens::test::udp(50000, 7010, payload))),
                   i == 0 ? "first" : "");
    }
  }
}

}  // namespace

TEST_CASE("NPT-INVALID: a prefix translation that changes checksums",
          "[findings][translators]") {
  Scene scene;
  prefix(scene, "fd01:203:405:1::1234", "2001:db8:1:1::1234");
  INFO(scene.told());
  REQUIRE(scene.raised("NPT-INVALID", "not-neutral"));
  CHECK(scene.find("NPT-INVALID")->severity == "info");
  CHECK(scene.names("NPT-INVALID", "example", "lan", "first"));
  CHECK(scene.names("NPT-INVALID", "example", "wan", "first"));

  Scene neutral;  // the example of RFC 6296
  prefix(neutral, "fd01:203:405:1::1234", "2001:db8:1:d550::1234");
  INFO(neutral.told());
  CHECK(!neutral.raised("NPT-INVALID"));
}
