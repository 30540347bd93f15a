#include "support/scene.h"

using natlens::test::Scene;
using natlens::test::SceneFrame;

namespace {

// Without the UDP traffic of the capture itself, whose ports are kept.
Scene& without_udp(Scene& scene) {
  for (const char* tap : {"lan", "wan"}) {
    scene.erase(tap, [](const SceneFrame& f) {
      return f.bytes.size() > 24 && f.bytes[12] == 8 && f.bytes[13] == 0 && f.bytes[23] == 17;
    });
  }
  return scene;
}

// Two hosts with one socket each, and three servers' ends, each seen from another port.
constexpr const char* kSymmetric = R"(
  0.0 both udp 172.20.4.10:50100 > 203.0.113.30:7010 as 61001 text one #first
  0.1 both udp 172.20.4.10:50100 > 203.0.113.31:7010 as 61802 text two #second
  0.2 both udp 172.20.4.10:50100 > 203.0.113.30:7011 as 62703 text three
  0.3 both udp 172.20.4.11:50200 > 203.0.113.30:7010 as 63004 text four
  0.4 both udp 172.20.4.11:50200 > 203.0.113.31:7010 as 60105 text five
  0.5 both udp 172.20.4.11:50200 > 203.0.113.30:7011 as 60506 text six
  1.0 both udp 172.20.4.10:50100 > 203.0.113.30:7010 as 61001 text seven
  1.1 both udp 172.20.4.10:50100 > 203.0.113.31:7010 as 61802 text eight
  1.2 both udp 172.20.4.10:50100 > 203.0.113.30:7011 as 62703 text nine
  1.3 both udp 172.20.4.11:50200 > 203.0.113.30:7010 as 63004 text ten
  1.4 both udp 172.20.4.11:50200 > 203.0.113.31:7010 as 60105 text eleven
  1.5 both udp 172.20.4.11:50200 > 203.0.113.30:7011 as 60506 text twelve
)";

// A binding request to a server outside and its answer: seen as 203.0.113.200:50100.
constexpr const char* kStun = R"(
  3.0 both udp 172.20.4.12:50100 > 203.0.113.30:3478 hex 000100002112a442000102030405060708090a0b #ask
  3.1 both udp 203.0.113.30:3478 > 172.20.4.12:50100 hex 0101000c2112a442000102030405060708090a0b002000080001e2a6ea12d58a #answer
)";

}  // namespace

TEST_CASE("NAT-MAPPING-SYMMETRIC: another port for each destination", "[findings][mapping]") {
  Scene scene;
  without_udp(scene).play(kSymmetric);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-MAPPING-SYMMETRIC", "udp"));
  CHECK(scene.find("NAT-MAPPING-SYMMETRIC")->severity == "info");
  CHECK(scene.find("NAT-MAPPING-SYMMETRIC")->facts["behaviour"] ==
        "address-and-port-dependent");
  CHECK(scene.names("NAT-MAPPING-SYMMETRIC", "example", "lan", "first"));
  CHECK(scene.names("NAT-MAPPING-SYMMETRIC", "example", "wan", "first"));
  CHECK(scene.names("NAT-MAPPING-SYMMETRIC", "example", "wan", "second"));
}

TEST_CASE("NAT-MAPPING-SYMMETRIC: with peers that look for each other it is a warning",
          "[findings][mapping]") {
  Scene scene;
  without_udp(scene).play(kSymmetric).play(kStun);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-MAPPING-SYMMETRIC", "udp"));
  CHECK(scene.find("NAT-MAPPING-SYMMETRIC")->severity == "warning");
}

TEST_CASE("NAT-MAPPING-SYMMETRIC: a socket that keeps its port is none",
          "[findings][mapping]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50100 > 203.0.113.30:7010 as 61001 text one
    0.1 both udp 172.20.4.10:50100 > 203.0.113.31:7010 as 61001 text two
    0.2 both udp 172.20.4.11:50200 > 203.0.113.30:7010 as 63004 text four
    0.3 both udp 172.20.4.11:50200 > 203.0.113.31:7010 as 63004 text five
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-MAPPING-SYMMETRIC"));
  CHECK(!scene.raised("NAT-MAPPING-UNSTABLE"));
}

TEST_CASE("NAT-MAPPING-UNSTABLE: the port that another host holds", "[findings][mapping]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:6000 > 203.0.113.30:9000 text one #first
    0.1 both udp 172.20.4.11:6000 > 203.0.113.31:9000 text two #holds
    0.2 both udp 172.20.4.10:6000 > 203.0.113.31:9000 as 51234 text three #clash
    0.3 both udp 172.20.4.10:6000 > 203.0.113.30:9001 text third
    0.9 both udp 172.20.4.10:6000 > 203.0.113.30:9000 text four
    0.9 both udp 172.20.4.11:6000 > 203.0.113.31:9000 text five
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-MAPPING-UNSTABLE", "conflict"));
  CHECK(scene.find("NAT-MAPPING-UNSTABLE")->facts["held_by"] == "172.20.4.11:6000");
  CHECK(scene.names("NAT-MAPPING-UNSTABLE", "example", "wan", "first"));
  CHECK(scene.names("NAT-MAPPING-UNSTABLE", "example", "wan", "clash"));
  CHECK(scene.names("NAT-MAPPING-UNSTABLE", "cause", "wan", "holds"));
}

TEST_CASE("NAT-MAPPING-UNSTABLE: where no clash explains it", "[findings][mapping]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:6000 > 203.0.113.30:9000 text one #first
    0.1 both udp 172.20.4.10:6000 > 203.0.113.31:9000 as 51234 text two #other
    0.2 both udp 172.20.4.11:6001 > 203.0.113.30:9000 text three
    0.3 both udp 172.20.4.11:6001 > 203.0.113.31:9000 as 51239 text four
    0.4 both udp 172.20.4.12:6002 > 203.0.113.30:9000 text five
    0.5 both udp 172.20.4.12:6002 > 203.0.113.31:9000 text six
    0.9 both udp 172.20.4.10:6000 > 203.0.113.30:9000 text seven
    0.9 both udp 172.20.4.11:6001 > 203.0.113.30:9000 text eight
    0.9 both udp 172.20.4.12:6002 > 203.0.113.30:9000 text nine
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-MAPPING-UNSTABLE", "unexplained"));
  CHECK(scene.names("NAT-MAPPING-UNSTABLE", "example", "wan", "first"));
  CHECK(scene.names("NAT-MAPPING-UNSTABLE", "example", "wan", "other"));
}

TEST_CASE("NAT-MAPPING-UNSTABLE: a later socket on the same port is none",
          "[findings][mapping]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:6000 > 203.0.113.30:9000 S seq 1
    0.1 both tcp 203.0.113.30:9000 > 172.20.4.10:6000 RA seq 0 ack 2
    2.0 both tcp 172.20.4.10:6000 > 203.0.113.31:9000 S as 51234 seq 1
    2.1 both tcp 203.0.113.31:9000 > 172.20.4.10:6000 RA as 51234 seq 0 ack 2
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-MAPPING-UNSTABLE"));
}

TEST_CASE("NAT-POOL-ARBITRARY: one host, several addresses at once", "[findings][mapping]") {
  const auto flows = [](Scene& scene, const std::string& second) {
    int id = 0;
    for (int host = 10; host < 13; ++host) {
      for (int flow = 0; flow < 2; ++flow) {
        for (const double time : {0.1 * flow, 1.0 + 0.1 * flow}) {
          const std::string rest =
              fmt::format("{} > 203.0.113.3{}:7010 id {} text host{}flow{}at{} ttl",
                          50100 + flow, host == 12 ? 0 : flow, ++id, host, flow, time);
          const std::string name = host == 12 && time < 1 ? fmt::format("#flow{}", flow) : "";
          scene.play(fmt::format("{} lan udp 172.20.4.{}:{} 64 {}", time, host, rest, name));
          scene.play(fmt::format("{} wan udp {}:{} 63 {}", time + 0.0002,
                                 flow == 1 ? second : std::string(Scene::kExternal), rest,
                                 name));
        }
      }
    }
  };
  Scene scene;
  flows(scene, "198.51.100.67");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-POOL-ARBITRARY"));
  CHECK(scene.find("NAT-POOL-ARBITRARY")->severity == "warning");  // 172.20.4.12, one server
  CHECK(scene.find("NAT-POOL-ARBITRARY")->facts["addresses"].size() == 2);
  CHECK(scene.names("NAT-POOL-ARBITRARY", "example", "wan", "flow1"));

  Scene healthy;
  flows(healthy, std::string(Scene::kExternal));
  INFO(healthy.told());
  CHECK(!healthy.raised("NAT-POOL-ARBITRARY"));
}

TEST_CASE("NAT-DOUBLE: the outside address is private", "[findings][mapping]") {
  Scene scene("04-double-nat-cgn", "h1-lan", "h1-wan");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-DOUBLE", "private"));
  CHECK(scene.find("NAT-DOUBLE")->facts["cgn"] == true);
  CHECK(scene.find("NAT-DOUBLE")->frames.front().tap == "h1-lan");
  CHECK(scene.find("NAT-DOUBLE")->frames.back().tap == "h1-wan");
}

TEST_CASE("NAT-DOUBLE: a server tells of another address", "[findings][mapping]") {
  Scene scene;
  scene.play(kStun);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-DOUBLE", "beyond"));
  CHECK(scene.find("NAT-DOUBLE")->facts["mapped"] == "203.0.113.200:50100");
  CHECK(scene.names("NAT-DOUBLE", "cause", "wan", "answer"));
  CHECK(scene.names("NAT-DOUBLE", "example", "wan", "ask"));
}

TEST_CASE("NAT-DOUBLE: a public address that the server sees is none", "[findings][mapping]") {
  Scene scene;
  scene.play(R"(
    3.0 both udp 172.20.4.12:50100 > 203.0.113.30:3478 hex 000100002112a442000102030405060708090a0b
    3.1 both udp 203.0.113.30:3478 > 172.20.4.12:50100 hex 0101000c2112a442000102030405060708090a0b002000080001e2a6e721c000
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-DOUBLE"));
}
