#include "support/scene.h"

using natlens::test::Scene;

namespace {

const std::string kOpened = R"(
  0.0  both tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100
  0.01 both tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq 7 ack 101
  0.02 both tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 101 ack 8
  0.03 both tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 101 ack 8 len 10
  0.04 both tcp 203.0.113.30:443 > 172.20.4.10:50000 A seq 8 ack 111
)";
const std::string kGoesOn = R"(
  1.0  both tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 111 ack 8 len 10
  1.01 both tcp 203.0.113.30:443 > 172.20.4.10:50000 A seq 8 ack 121
)";

}  // namespace

TEST_CASE("CT-INVALID: a segment far out of the window is dropped", "[findings][invalid]") {
  Scene scene;
  scene.play(
      kOpened +
      "0.5 lan tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 900000000 ack 8 len 10 #far" +
      kGoesOn);
  INFO(scene.told());
  REQUIRE(scene.raised("CT-INVALID", "seq-over"));
  CHECK(scene.find("CT-INVALID")->severity == "warning");
  CHECK(scene.find("CT-INVALID")->confidence == "likely");
  CHECK(scene.find("CT-INVALID")->facts["fate"] == "dropped");
  CHECK(scene.names("CT-INVALID", "cause", "lan", "far"));
  CHECK(scene.misses("CT-INVALID", "wan"));
}

TEST_CASE("CT-INVALID: what is left untranslated", "[findings][invalid]") {
  Scene scene;
  scene.play(kOpened + R"(
    0.5    lan tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 900000000 ack 8 len 10 #far
    0.5002 wan tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 900000000 ack 8 len 10 ttl 63 #leak
  )" + kGoesOn);
  INFO(scene.told());
  REQUIRE(scene.raised("CT-INVALID", "seq-over"));
  CHECK(scene.find("CT-INVALID")->confidence == "certain");
  CHECK(scene.find("CT-INVALID")->facts["fate"] == "untranslated");
  CHECK(scene.names("CT-INVALID", "cause", "lan", "far"));
  CHECK(scene.names("CT-INVALID", "effect", "wan", "leak"));
}

TEST_CASE("CT-INVALID: the connection stalls", "[findings][invalid]") {
  Scene scene;
  scene.play(kOpened + R"(
    0.5 lan tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 900000000 ack 8 len 10 #first
    1.6 lan tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 900000000 ack 8 len 10 #again
    3.7 lan tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 900000000 ack 8 len 10 #last
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("CT-INVALID", "seq-over"));
  CHECK(scene.find("CT-INVALID")->severity == "error");
  CHECK(scene.names("CT-INVALID", "cause", "lan", "first"));
  CHECK(scene.names("CT-INVALID", "cause", "lan", "last"));
}

TEST_CASE("CT-INVALID: none if the box translates it, or the capture began in the middle",
          "[findings][invalid]") {
  Scene passes;
  passes.play(kOpened +
              "0.5 both tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 900000000 ack 8 len 10" +
              kGoesOn);
  INFO(passes.told());
  CHECK(!passes.raised("CT-INVALID"));
  Scene picked_up;
  picked_up.play(R"(
    0.03 both tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 101 ack 8 len 10
    0.04 both tcp 203.0.113.30:443 > 172.20.4.10:50000 A seq 8 ack 111
    0.5  lan  tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 900000000 ack 8 len 10
  )" + kGoesOn);
  INFO(picked_up.told());
  CHECK(!picked_up.raised("CT-INVALID"));
}
