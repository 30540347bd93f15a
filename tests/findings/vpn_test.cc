#include "support/scene.h"

using natlens::test::be16;
using natlens::test::be32;
using natlens::test::Bytes;
using natlens::test::filler;
using natlens::test::Ipv4Header;
using natlens::test::Scene;
using natlens::test::operator+;
using natlens::test::SceneFrame;

namespace {

// A WireGuard message: type, then as many bytes as such a message has, all different.
std::string message(int type, int size, int number) {
  std::string out = fmt::format("{:02x}000000", type);
  for (int i = 4; i < size; ++i)
    out += fmt::format("{:02x}", (i * 7 + number * 31 + type) & 255);
  return out;
}
std::string opens(double time, int number, const std::string& where = "both") {
  return fmt::format("{} {} udp 172.20.4.10:51820 > 203.0.113.30:51820 hex {} #open{}\n", time,
                     where, message(1, 148, number), number);
}
std::string answers(double time, int number, const std::string& where = "both") {
  return fmt::format("{} {} udp 203.0.113.30:51820 > {}:51820 hex {} #answer{}\n", time, where,
                     where == "both" ? "172.20.4.10" : Scene::kExternal, message(2, 92, number),
                     number);
}
std::string sends(double time, int number, bool out, int size) {
  return fmt::format("{} both udp {}:51820 > {}:51820 hex {} #data{}\n", time,
                     out ? "172.20.4.10" : "203.0.113.30", out ? "203.0.113.30" : "172.20.4.10",
                     message(4, size, number), number);
}

// UDP from the client's tunnel port, in two fragments, at both taps.
void play_fragments(Scene& scene, double time, std::uint16_t id, int type, int size) {
  const Bytes whole =
      natlens::test::udp(51820, 51820, natlens::test::hex(message(type, size, id)));
  const std::ptrdiff_t cut = 1480;
  REQUIRE(whole.size() > static_cast<std::size_t>(cut));
  for (const bool out : {false, true}) {
    const std::string src = out ? std::string(Scene::kExternal) : "172.20.4.10";
    for (const bool rest : {false, true}) {
      Ipv4Header header;
      header.src = src;
      header.dst = "203.0.113.30";
      header.ttl = out ? 63 : 64;
      header.id = id;
      header.fragment = rest ? static_cast<std::uint16_t>(cut / 8) : 0x2000;
      const Bytes part(rest ? whole.begin() + cut : whole.begin(),
                       rest ? whole.end() : whole.begin() + cut);
      scene.packet(time + (out ? 0.0002 : 0) + (rest ? 0.00005 : 0), out ? "wan" : "lan",
                   natlens::test::ipv4(header, part), rest ? fmt::format("last{}", id) : "");
    }
  }
}

}  // namespace

TEST_CASE("VPN-HANDSHAKE-FAILED: nobody answers", "[findings][vpn]") {
  Scene scene;
  scene.play(opens(0, 1) + opens(5, 2) + opens(10, 3));
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-HANDSHAKE-FAILED", "no-answer"));
  CHECK(scene.find("VPN-HANDSHAKE-FAILED")->count == 3);
  CHECK(scene.find("VPN-HANDSHAKE-FAILED")->facts["protocol"] == "WireGuard");
  CHECK(scene.names("VPN-HANDSHAKE-FAILED", "cause", "lan", "open1"));
  CHECK(scene.names("VPN-HANDSHAKE-FAILED", "cause", "lan", "open3"));
  CHECK(!scene.names("VPN-HANDSHAKE-FAILED", "cause", "wan", "open1"));
}

TEST_CASE("VPN-HANDSHAKE-FAILED: the answer gets lost, or is a cookie", "[findings][vpn]") {
  Scene scene;
  scene.play(opens(0, 1) + opens(5, 2) + opens(9, 3) + answers(9.1, 4, "wan"));
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-HANDSHAKE-FAILED", "answer-lost"));
  CHECK(scene.names("VPN-HANDSHAKE-FAILED", "effect", "wan", "answer4"));
  CHECK(scene.misses("VPN-HANDSHAKE-FAILED", "lan"));

  Scene busy;
  busy.play(opens(0, 1) + opens(5, 2) + opens(9, 3))
      .play(fmt::format("5.1 both udp 203.0.113.30:51820 > 172.20.4.10:51820 hex {} #cookie\n",
                        message(3, 64, 9)));
  INFO(busy.told());
  REQUIRE(busy.raised("VPN-HANDSHAKE-FAILED", "cookie"));
  CHECK(busy.names("VPN-HANDSHAKE-FAILED", "effect", "lan", "cookie"));
}

TEST_CASE("VPN-HANDSHAKE-FAILED: not for two tries, nor if the third succeeds",
          "[findings][vpn]") {
  Scene two;
  two.play(opens(0, 1) + opens(5, 2));
  INFO(two.told());
  CHECK(!two.raised("VPN-HANDSHAKE-FAILED"));

  Scene late;
  late.play(opens(0, 1) + opens(5, 2) + opens(10, 3) + answers(10.1, 4));
  INFO(late.told());
  CHECK(!late.raised("VPN-HANDSHAKE-FAILED"));
}

TEST_CASE("VPN-NO-DATA: up, and one end sends keepalives alone", "[findings][vpn]") {
  const std::string up = opens(0, 1) + answers(0.1, 2) + sends(0.2, 3, true, 32) +
                         sends(1, 4, true, 128) + sends(2, 5, true, 128) +
                         sends(3, 6, true, 128) + sends(4, 7, false, 32) +
                         sends(40, 8, false, 32);
  Scene scene;
  scene.play(up);
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-NO-DATA", "one-direction"));
  CHECK(scene.find("VPN-NO-DATA")->severity == "warning");
  CHECK(scene.names("VPN-NO-DATA", "example", "lan", "answer2"));
  CHECK(scene.names("VPN-NO-DATA", "cause", "lan", "data8"));

  Scene healthy;
  healthy.play(up + sends(4.5, 9, false, 96));
  INFO(healthy.told());
  CHECK(!healthy.raised("VPN-NO-DATA"));

  Scene idle;
  idle.play(opens(0, 1) + answers(0.1, 2) + sends(0.2, 3, true, 32) + sends(40, 8, false, 32));
  INFO(idle.told());
  REQUIRE(idle.raised("VPN-NO-DATA", "idle"));
  CHECK(idle.find("VPN-NO-DATA")->severity == "info");

  Scene brief;
  brief.play(opens(0, 1) + answers(0.1, 2) + sends(0.2, 3, true, 32) + sends(20, 8, false, 32));
  INFO(brief.told());
  CHECK(!brief.raised("VPN-NO-DATA"));
}

TEST_CASE("VPN-FLAPPING: sessions set up faster than they age", "[findings][vpn]") {
  const auto sessions = [](Scene& scene, double period) {
    for (int i = 0; i < 3; ++i) {
      scene.play(opens(i * period, 10 + i) + answers(i * period + 0.1, 20 + i) +
                 sends(i * period + 0.2, 30 + i, true, 128) +
                 sends(i * period + 0.3, 40 + i, false, 128));
    }
  };
  Scene scene;
  sessions(scene, 20);
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-FLAPPING", "rekey"));
  CHECK(scene.find("VPN-FLAPPING")->facts["intervals_ms"][0] == 20000);
  CHECK(scene.names("VPN-FLAPPING", "cause", "lan", "answer20"));
  CHECK(scene.names("VPN-FLAPPING", "cause", "lan", "answer22"));

  Scene regular;
  sessions(regular, 120);
  INFO(regular.told());
  CHECK(!regular.raised("VPN-FLAPPING"));
}

TEST_CASE("VPN-OUTER-FRAGMENTED: packets of the tunnel do not fit", "[findings][vpn]") {
  Scene scene;
  scene.play(opens(0, 1) + answers(0.1, 2));
  play_fragments(scene, 0.5, 501, 4, 1600);
  play_fragments(scene, 0.6, 502, 4, 1600);
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-OUTER-FRAGMENTED"));
  CHECK(scene.find("VPN-OUTER-FRAGMENTED")->facts["outer_bytes"] == 1628);
  CHECK(scene.find("VPN-OUTER-FRAGMENTED")->facts["largest_fragment_bytes"] == 1500);
  CHECK(scene.names("VPN-OUTER-FRAGMENTED", "cause", "lan", "last501"));
  CHECK(scene.names("VPN-OUTER-FRAGMENTED", "cause", "lan", "last502"));

  Scene whole;  // fragments of something else
  whole.play(opens(0, 1) + answers(0.1, 2) + sends(0.5, 3, true, 1200));
  INFO(whole.told());
  CHECK(!whole.raised("VPN-OUTER-FRAGMENTED"));
}

namespace {

// IPsec between an inside host and a peer, as both taps show it.
void play_ipsec(Scene& scene,
                double time,
                std::uint8_t protocol,
                int host,
                std::uint16_t sequence,
                bool out,
                const std::string& name = "") {
  const Bytes payload =
      be32(0x1000U + static_cast<std::size_t>(host)) + be32(sequence) + filler(80) +
      be16(sequence * 77U + static_cast<std::size_t>(host) * 13U) + be16(out ? 1 : 2);
  for (const bool outside : {false, true}) {
    const std::string inner =
        outside ? std::string(Scene::kExternal) : fmt::format("172.20.4.{}", host);
    const std::string peer = "203.0.113.30";
    Ipv4Header header;
    header.src = out ? inner : peer;
    header.dst = out ? peer : inner;
    header.protocol = protocol;
    header.ttl = outside == out ? 63 : 64;
    header.id = static_cast<std::uint16_t>(600 + sequence * 20 + host);
    scene.packet(time + (outside == out ? 0.0002 : 0), outside ? "wan" : "lan",
                 natlens::test::ipv4(header, payload), name);
  }
}

}  // namespace

TEST_CASE("VPN-ESP-NAT: two hosts, one peer, no ports", "[findings][vpn]") {
  Scene scene;
  for (std::uint16_t i = 0; i < 4; ++i) {
    play_ipsec(scene, 0.1 + i, 50, 10, i, true, i == 0 ? "first" : "");
    play_ipsec(scene, 0.2 + i, 50, 11, i, true, i == 0 ? "second" : "");
  }
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-ESP-NAT", "ambiguous"));
  CHECK(scene.find("VPN-ESP-NAT")->severity == "error");
  CHECK(scene.find("VPN-ESP-NAT")->facts["hosts"] == 2);
  CHECK(scene.names("VPN-ESP-NAT", "cause", "lan", "first"));
  CHECK(scene.names("VPN-ESP-NAT", "cause", "lan", "second"));
}

TEST_CASE("VPN-ESP-NAT: one host alone passes, AH never does", "[findings][vpn]") {
  Scene scene;
  for (std::uint16_t i = 0; i < 4; ++i) {
    play_ipsec(scene, 0.1 + i, 50, 10, i, true);
    play_ipsec(scene, 0.2 + i, 50, 10, i, false);
  }
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-ESP-NAT", "passthrough"));
  CHECK(scene.find("VPN-ESP-NAT")->severity == "info");

  Scene ah;
  for (std::uint16_t i = 0; i < 4; ++i)
    play_ipsec(ah, 0.1 + i, 51, 10, i, true, i == 0 ? "first" : "");
  INFO(ah.told());
  REQUIRE(ah.raised("VPN-ESP-NAT", "ah"));
  CHECK(ah.names("VPN-ESP-NAT", "cause", "lan", "first"));
  CHECK(ah.names("VPN-ESP-NAT", "cause", "wan", "first"));
}

TEST_CASE("VPN-NESTED: a tunnel in a tunnel, and one in itself", "[findings][vpn]") {
  const auto play = [](Scene& scene, const std::string& outer, const std::string& middle) {
    for (int i = 0; i < 3; ++i) {
      Ipv4Header inner, mid, out;
      inner.src = "10.1.0.1";
      inner.dst = "10.2.0.1";
      mid.src = middle;
      mid.dst = "203.0.113.30";
      mid.protocol = 4;
      out.src = outer;
      out.dst = "203.0.113.30";
      out.protocol = 4;
      const Bytes packet = natlens::test::with_l4_checksum(
          natlens::test::ipv4(inner, natlens::test::udp(5000, 5001, filler(40U + 8U * i))));
      scene.packet(0.1 * i, "lan", natlens::test::ipv4(out, natlens::test::ipv4(mid, packet)),
                   i == 0 ? "first" : "");
    }
  };
  Scene nested;
  play(nested, "172.20.4.10", "10.9.0.1");
  INFO(nested.told());
  REQUIRE(nested.raised("VPN-NESTED"));
  CHECK(nested.find("VPN-NESTED")->severity == "info");
  CHECK(nested.names("VPN-NESTED", "cause", "lan", "first"));

  Scene recursive;
  play(recursive, "172.20.4.10", "172.20.4.10");
  INFO(recursive.told());
  REQUIRE(recursive.raised("VPN-NESTED", "recursive"));
  CHECK(recursive.find("VPN-NESTED")->severity == "error");

  Scene plain;
  INFO(plain.told());
  CHECK(!plain.raised("VPN-NESTED"));
}
