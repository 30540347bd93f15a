#include "support/scene.h"

using natlens::test::Scene;
using natlens::test::SceneFrame;

namespace {

Scene& without_udp(Scene& scene) {
  for (const char* tap : {"lan", "wan"}) {
    scene.erase(tap, [](const SceneFrame& f) {
      return f.bytes.size() > 24 && f.bytes[12] == 8 && f.bytes[13] == 0 && f.bytes[23] == 17;
    });
  }
  return scene;
}

// Flows to one server, from `ports` external ports on; a packet each now and later.
std::string flows(int ports, int first, const std::string& server = "203.0.113.30:7010") {
  std::string out;
  for (int i = 0; i < ports; ++i) {
    for (const double time : {0.0, 4.0}) {
      out += fmt::format("{} both udp 172.20.4.10:{} > {} as {} text flow{}at{}\n",
                         time + 0.01 * i, 50100 + i, server, first + i, i, time);
    }
  }
  return out;
}

// One more, which never leaves; and one to another server, which gets a port.
constexpr const char* kFifth = R"(
  1.0 lan udp 172.20.4.11:50900 > 203.0.113.30:7010 text fifth #lost
  2.0 lan udp 172.20.4.11:50900 > 203.0.113.30:7010 text fifth #again
)";
constexpr const char* kElsewhere = R"(
  1.5 both udp 172.20.4.11:50901 > 203.0.113.31:7010 as 40000 text elsewhere #control
)";

}  // namespace

TEST_CASE("NAT-PORT-EXHAUSTED: all ports towards a server are in use", "[findings][ports]") {
  Scene scene;
  without_udp(scene).play(flows(4, 40000)).play(kFifth).play(kElsewhere);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-PORT-EXHAUSTED", "destination"));
  const auto* found = scene.find("NAT-PORT-EXHAUSTED");
  CHECK(found->facts["in_use"] == 4);
  CHECK(found->facts["capacity"] == 4);
  CHECK(scene.names("NAT-PORT-EXHAUSTED", "cause", "lan", "lost"));
  CHECK(scene.names("NAT-PORT-EXHAUSTED", "cause", "lan", "again"));
  CHECK(scene.names("NAT-PORT-EXHAUSTED", "control", "wan", "control"));
  CHECK(scene.misses("NAT-PORT-EXHAUSTED", "wan"));
  REQUIRE(scene.raised("NAT-DROP-OUT"));
  CHECK(scene.find("NAT-DROP-OUT")->explained_by == found->id);
}

TEST_CASE("NAT-PORT-EXHAUSTED: none while a port is free", "[findings][ports]") {
  Scene scene;
  without_udp(scene).play(flows(4, 40000)).play(kFifth).play(kElsewhere).play(R"(
    3.0 both udp 172.20.4.12:50902 > 203.0.113.31:7010 as 40007 text free
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-PORT-EXHAUSTED"));
  CHECK(scene.raised("NAT-DROP-OUT"));
}

TEST_CASE("NAT-PORT-EXHAUSTED: none if the server got another flow meanwhile",
          "[findings][ports]") {
  Scene scene;
  without_udp(scene).play(flows(4, 40000)).play(kFifth).play(kElsewhere).play(R"(
    1.7 both udp 172.20.4.12:50902 > 203.0.113.30:7010 as 40002 text lucky
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-PORT-EXHAUSTED"));
}

TEST_CASE("NAT-PORT-OVERLOADED: two hosts, one external end, one server", "[findings][ports]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50100 > 203.0.113.30:7010 as 61000 text one #one
    0.1 both udp 172.20.4.11:50200 > 203.0.113.30:7010 as 61000 text two #two
    0.2 both udp 172.20.4.10:50100 > 203.0.113.30:7010 as 61000 text three
    0.3 both udp 172.20.4.11:50200 > 203.0.113.30:7010 as 61000 text four
    0.4 both udp 172.20.4.10:50100 > 203.0.113.30:7010 as 61000 text five
    0.5 both udp 172.20.4.11:50200 > 203.0.113.30:7010 as 61000 text six
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-PORT-OVERLOADED"));
  CHECK(scene.names("NAT-PORT-OVERLOADED", "cause", "lan", "one"));
  CHECK(scene.names("NAT-PORT-OVERLOADED", "cause", "lan", "two"));
  CHECK(scene.names("NAT-PORT-OVERLOADED", "cause", "wan", "one"));
}

TEST_CASE("NAT-PORT-SHARED: two hosts, one external end, two servers", "[findings][ports]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50100 > 203.0.113.30:7010 text one #one
    0.1 both udp 172.20.4.11:50100 > 203.0.113.31:7010 text two #two
    0.2 both udp 172.20.4.10:50100 > 203.0.113.30:7010 text three
    0.3 both udp 172.20.4.11:50100 > 203.0.113.31:7010 text four
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-PORT-OVERLOADED"));
  REQUIRE(scene.raised("NAT-PORT-SHARED"));
  CHECK(scene.find("NAT-PORT-SHARED")->severity == "info");
  CHECK(scene.names("NAT-PORT-SHARED", "example", "wan", "one"));
  CHECK(scene.names("NAT-PORT-SHARED", "example", "wan", "two"));
}

TEST_CASE("NAT-PORT-SHARED, NAT-PORT-OVERLOADED: one after the other is neither",
          "[findings][ports]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50100 > 203.0.113.30:7010 text one
    0.1 both udp 172.20.4.10:50100 > 203.0.113.30:7010 text two
    1.0 both udp 172.20.4.11:50100 > 203.0.113.31:7010 text three
    1.1 both udp 172.20.4.11:50100 > 203.0.113.31:7010 text four
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-PORT-SHARED"));
  CHECK(!scene.raised("NAT-PORT-OVERLOADED"));
}

TEST_CASE("NAT-PORT-PARITY: a system port that became another, and odd ones even",
          "[findings][ports]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:500 > 203.0.113.30:7010 as 41000 text one #one
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-PORT-PARITY", "range"));
  CHECK(!scene.raised("NAT-PORT-PARITY", "parity"));
  CHECK(scene.names("NAT-PORT-PARITY", "example", "lan", "one"));
  CHECK(scene.names("NAT-PORT-PARITY", "example", "wan", "one"));

  Scene random("04-double-nat-cgn", "h1-lan", "h1-wan");
  INFO(random.told());
  CHECK(random.raised("NAT-PORT-PARITY", "parity"));
  CHECK(!random.raised("NAT-PORT-PARITY", "range"));
}

TEST_CASE("NAT-PORT-PREDICTABLE: one port after the other", "[findings][ports]") {
  const auto scatter = [](Scene& scene, int step) {
    for (int i = 0; i < 36; ++i) {
      scene.play(fmt::format(
          "{} both udp 172.20.4.10:{} > 203.0.113.30:7010 as {} text n{} {}\n", 0.1 * i,
          50100 + i * 7, 20000 + i * step % 20000, i, i == 1 ? "#second" : ""));
    }
  };
  Scene scene;
  scatter(without_udp(scene), 1);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-PORT-PREDICTABLE", "udp"));
  CHECK(scene.names("NAT-PORT-PREDICTABLE", "example", "wan", "second"));

  Scene random;
  scatter(without_udp(random), 7919);
  INFO(random.told());
  CHECK(!random.raised("NAT-PORT-PREDICTABLE"));
}

TEST_CASE("CGN-BLOCK: each subscriber has ports of its own", "[findings][ports]") {
  const auto subscribers = [](Scene& scene, bool blocks) {
    for (int host = 0; host < 3; ++host) {
      for (int i = 0; i < 8; ++i) {
        const int port = blocks ? 20000 + host * 512 + i * 61 : 20000 + (host + i * 3) * 1700;
        scene.play(
            fmt::format("{} both udp 172.20.4.{}:{} > 203.0.113.30:7010 as {} text h{}n{} {}\n",
                        0.1 * i + 0.01 * host, 10 + host, 50100 + i * 7, port, host, i,
                        i == 0 && host == 0 ? "#first" : ""));
      }
    }
  };
  Scene scene;
  subscribers(without_udp(scene), true);
  INFO(scene.told());
  REQUIRE(scene.raised("CGN-BLOCK"));
  CHECK(!scene.raised("CGN-BLOCK", "full"));
  CHECK(scene.find("CGN-BLOCK")->severity == "info");
  CHECK(scene.find("CGN-BLOCK")->facts["subscribers"] == 3);
  CHECK(scene.names("CGN-BLOCK", "example", "wan", "first"));

  Scene mixed;
  subscribers(without_udp(mixed), false);
  INFO(mixed.told());
  CHECK(!mixed.raised("CGN-BLOCK"));
}
