#include "support/scene.h"

using natlens::test::Bytes;
using natlens::test::Scene;

namespace {

// A datagram in two pieces of one source at a tap; `offset` of the piece.
Bytes piece(const std::string& src, const std::string& dst, int id, bool first) {
  natlens::test::Ipv4Header header;
  header.src = src;
  header.dst = dst;
  header.protocol = 17;
  header.id = static_cast<std::uint16_t>(id);
  const Bytes whole = natlens::test::with_l4_checksum(natlens::test::ipv4(
      header, natlens::test::udp(
                  50000, 7010, natlens::test::filler(static_cast<std::size_t>(600 + id % 8)))));
  const auto at = [&](std::size_t n) { return whole.begin() + static_cast<std::ptrdiff_t>(n); };
  header.fragment = first ? 0x2000 : 400 / 8;
  return natlens::test::ipv4(header,
                             first ? Bytes(at(20), at(420)) : Bytes(at(420), whole.end()));
}

void send(Scene& scene,
          double time,
          const std::string& tap,
          const std::string& src,
          int id,
          bool in_order = true) {
  const std::string name = fmt::format("d{}", id);
  scene.packet(time, tap, piece(src, "203.0.113.30", id, in_order), name + "a");
  scene.packet(time + 0.0001, tap, piece(src, "203.0.113.30", id, !in_order), name + "b");
}

const std::string kInside = "172.20.4.10";
const std::string kOutside(Scene::kExternal);
// A whole datagram of the same flow.
const std::string kWhole =
    "0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text whole\n"
    "0.1 both udp 203.0.113.30:7010 > 172.20.4.10:50000 text answer\n";

}  // namespace

TEST_CASE("FRAG-DROPPED: no datagram in pieces passes", "[findings][fragments]") {
  Scene scene;
  scene.play(kWhole).goes_on(6);
  for (int i = 0; i < 3; ++i) send(scene, 0.5 + i * 0.1, "lan", kInside, 300 + i);
  INFO(scene.told());
  REQUIRE(scene.raised("FRAG-DROPPED", "all"));
  CHECK(scene.find("FRAG-DROPPED")->count == 3);
  CHECK(scene.names("FRAG-DROPPED", "cause", "lan", "d300b"));
  CHECK(scene.misses("FRAG-DROPPED", "wan"));
}

TEST_CASE("FRAG-DROPPED: only those out of order", "[findings][fragments]") {
  Scene scene;
  scene.play(kWhole).goes_on(6);
  for (int i = 0; i < 6; ++i) {
    const bool in_order = i % 2 == 0;
    send(scene, 0.5 + i * 0.1, "lan", kInside, 300 + i, in_order);
    if (in_order) send(scene, 0.5003 + i * 0.1, "wan", kOutside, 300 + i);
  }
  INFO(scene.told());
  REQUIRE(scene.raised("FRAG-DROPPED", "out-of-order"));
  CHECK(scene.names("FRAG-DROPPED", "cause", "lan", "d301b"));
  CHECK(!scene.names("FRAG-DROPPED", "cause", "lan", "d300b"));
}

TEST_CASE("FRAG-DROPPED: none where they pass, and two are too few", "[findings][fragments]") {
  Scene passes;
  passes.play(kWhole).goes_on(6);
  Scene few;
  few.play(kWhole).goes_on(6);
  for (int i = 0; i < 4; ++i) {
    send(passes, 0.5 + i * 0.1, "lan", kInside, 300 + i);
    send(passes, 0.5003 + i * 0.1, "wan", kOutside, 300 + i);
    if (i < 2) send(few, 0.5 + i * 0.1, "lan", kInside, 300 + i);
  }
  INFO(passes.told());
  CHECK(!passes.raised("FRAG-DROPPED"));
  INFO(few.told());
  CHECK(!few.raised("FRAG-DROPPED"));
}

TEST_CASE("FRAG-ID-REUSED: two hosts use one identification at once", "[findings][fragments]") {
  const std::string other = "172.20.4.11";
  const auto play = [&](Scene& scene, bool at_once) {
    scene.play(kWhole).goes_on(6);
    scene.play("0.2 both udp 172.20.4.11:50000 > 203.0.113.30:7010 text other as 50001");
    for (const auto& [tap, shift] : {std::pair("lan", 0.0), std::pair("wan", 0.0003)}) {
      const bool lan = std::string_view(tap) == "lan";
      const double later = at_once ? 0 : 1;
      const auto put = [&](double time, const std::string& src, bool first, const char* name) {
        scene.packet(time + shift, tap, piece(lan ? src : kOutside, "203.0.113.30", 77, first),
                     name);
      };
      put(0.5, kInside, true, "one1");
      put(0.51 + later, other, true, "two1");
      put(0.52, kInside, false, "one2");
      put(0.53 + later, other, false, "two2");
    }
  };
  Scene scene;
  play(scene, true);
  INFO(scene.told());
  REQUIRE(scene.raised("FRAG-ID-REUSED"));
  CHECK(scene.names("FRAG-ID-REUSED", "cause", "lan", "one2"));
  CHECK(scene.names("FRAG-ID-REUSED", "cause", "lan", "two2"));
  Scene apart;
  play(apart, false);
  INFO(apart.told());
  CHECK(!apart.raised("FRAG-ID-REUSED"));
}
