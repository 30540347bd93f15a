#include "support/scene.h"

using natlens::test::Scene;

namespace {

// A transfer in both directions that leaves through another port from `change` on.
std::string transfer(int port, int change, const std::string& server, bool refused) {
  std::string text;
  for (int i = 0; i < 10; ++i) {
    const std::string as = i >= change ? fmt::format("as {}", port + 7) : "";
    text += fmt::format("{} both udp 172.20.4.10:{} > {}:7010 text q{}{} {} #q{}\n", i * 0.2,
                        port, server, port, i, as, i);
    if (i < change || !refused) {
      text += fmt::format("{} both udp {}:7010 > 172.20.4.10:{} text a{}{} {}\n",
                          i * 0.2 + 0.01, server, port, port, i, as);
    }
  }
  return text;
}

}  // namespace

TEST_CASE("NAT-MAPPING-CHANGED: another port in the middle", "[findings][life]") {
  Scene scene;
  scene.play(transfer(50000, 5, "203.0.113.30", true));
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-MAPPING-CHANGED", "port"));
  const auto* found = scene.find("NAT-MAPPING-CHANGED");
  CHECK(found->severity == "error");
  CHECK(found->facts["old"] == "198.51.100.66:50000");
  CHECK(found->facts["new"] == "198.51.100.66:50007");
  CHECK(scene.names("NAT-MAPPING-CHANGED", "cause", "wan", "q5"));
  CHECK(scene.names("NAT-MAPPING-CHANGED", "example", "wan", "q0"));
}

TEST_CASE("NAT-MAPPING-CHANGED: a far end that goes on makes it a warning",
          "[findings][life]") {
  Scene scene;
  scene.play(transfer(50000, 5, "203.0.113.30", false));
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-MAPPING-CHANGED", "port"));
  CHECK(scene.find("NAT-MAPPING-CHANGED")->severity == "warning");
}

TEST_CASE("NAT-MAPPING-CHANGED: a new connection under an old tuple is none",
          "[findings][life]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:50000 > 203.0.113.30:80 S seq 100
    0.1 both tcp 203.0.113.30:80 > 172.20.4.10:50000 RA ack 101
    1.0 both tcp 172.20.4.10:50000 > 203.0.113.30:80 S seq 90000 as 51111
    1.1 both tcp 203.0.113.30:80 > 172.20.4.10:50000 SA seq 7 ack 90001 as 51111
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-MAPPING-CHANGED"));
}

TEST_CASE("NAT-STATE-LOST: all mappings change at one moment", "[findings][life]") {
  Scene scene;
  std::string text;
  for (int i = 0; i < 6; ++i) {
    text += transfer(50000 + 20 * i, 5,
                     i % 3 == 0   ? "203.0.113.30"
                     : i % 3 == 1 ? "203.0.113.31"
                                  : "192.0.2.200",
                     true);
  }
  // Behind the end of what the capture had: nothing else is open.
  scene.erase("lan", [&](const auto& f) { return f.bytes.size() > 34 && f.bytes[23] != 17; });
  scene.play(text);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-STATE-LOST"));
  CHECK(scene.names("NAT-STATE-LOST", "cause", "wan", "q5"));
}

TEST_CASE("NAT-STATE-LOST: two mappings that change are no box that lost all",
          "[findings][life]") {
  Scene scene;
  scene.play(transfer(50000, 5, "203.0.113.30", true) +
             transfer(50020, 5, "203.0.113.31", true));
  INFO(scene.told());
  CHECK(!scene.raised("NAT-STATE-LOST"));
}
