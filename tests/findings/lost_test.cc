#include "support/scene.h"

using natlens::test::Scene;

TEST_CASE("NAT-DROP-OUT: a flow that never appears outside", "[findings][lost]") {
  Scene scene;
  scene.play(R"(
    0.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #first
    1.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100
    3.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #last
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-DROP-OUT", "flow"));
  CHECK(scene.names("NAT-DROP-OUT", "cause", "lan", "first"));
  CHECK(scene.names("NAT-DROP-OUT", "cause", "lan", "last"));
  CHECK(scene.misses("NAT-DROP-OUT", "wan"));
  CHECK(scene.find("NAT-DROP-OUT")->count == 3);
  CHECK(scene.find("NAT-DROP-OUT")->frames.back().role == "control");
}

TEST_CASE("NAT-DROP-OUT: one lost SYN is none, nor is one to the NAT itself",
          "[findings][lost]") {
  Scene scene;
  scene.play(R"(
    0.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100
    0.1 both tcp 172.20.4.10:50001 > 203.0.113.30:2525 S seq 100
    0.2 both tcp 203.0.113.30:2525 > 172.20.4.10:50001 SA seq 7 ack 101
    0.3 lan udp 172.20.4.10:50002 > 172.20.4.1:53 len 20
    1.3 lan udp 172.20.4.10:50002 > 172.20.4.1:53 len 20
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-DROP-OUT"));
}

TEST_CASE("NAT-DROP-OUT: all flows to one port are a policy", "[findings][lost]") {
  Scene scene;
  scene.play(R"(
    0.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100
    1.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100
    0.0 lan tcp 172.20.4.11:50001 > 203.0.113.31:2525 S seq 300
    1.0 lan tcp 172.20.4.11:50001 > 203.0.113.31:2525 S seq 300 #last
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-DROP-OUT", "flow"));
  REQUIRE(scene.raised("NAT-DROP-OUT", "port"));
  CHECK(scene.find("NAT-DROP-OUT", "port")->facts["flows"] == 2);
  CHECK(scene.names("NAT-DROP-OUT", "cause", "lan", "last"));
}

namespace {

// A UDP flow of `packets` either way, of which every `lost`-th answer is missing inside.
std::string answers(int packets, int lost) {
  std::string text;
  for (int i = 0; i < packets; ++i) {
    const double time = 0.5 + i * 0.05;
    text +=
        fmt::format("{} both udp 172.20.4.10:50100 > 203.0.113.30:7010 text q{:04}\n", time, i);
    text +=
        fmt::format("{} {} udp 203.0.113.30:7010 > {}:50100 text a{:04} {}\n", time + 0.01,
                    i % lost == 1 ? "wan" : "both",
                    i % lost == 1 ? Scene::kExternal : "172.20.4.10", i, i == 1 ? "#lost" : "");
  }
  return text;
}

}  // namespace

TEST_CASE("NAT-DROP-IN: answers that arrive outside only", "[findings][lost]") {
  Scene scene;
  scene.play(answers(100, 20));
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-DROP-IN", "packets"));
  CHECK(scene.find("NAT-DROP-IN")->count == 5);
  CHECK(scene.find("NAT-DROP-IN")->severity == "error");
  CHECK(scene.names("NAT-DROP-IN", "cause", "wan", "lost"));
  CHECK(scene.misses("NAT-DROP-IN", "lan"));
}

TEST_CASE("NAT-DROP-IN: two lost packets are below the threshold", "[findings][lost]") {
  Scene scene;
  scene.play(answers(100, 50));
  INFO(scene.told());
  CHECK(!scene.raised("NAT-DROP-IN"));
}

TEST_CASE("NAT-DROP-IN: a threshold that is set counts, and is in the facts",
          "[findings][lost]") {
  Scene scene;
  scene.set("loss_least", "2").set("loss_err", "0.5").play(answers(100, 50));
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-DROP-IN"));
  CHECK(scene.find("NAT-DROP-IN")->severity == "warning");
  CHECK(scene.find("NAT-DROP-IN")->facts["loss_err"] == 0.5);
}

TEST_CASE("PATH-LOST-BEYOND: what left the NAT and was not answered", "[findings][lost]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #first
    1.0 both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #second
  )");
  INFO(scene.told());
  CHECK(scene.names("PATH-LOST-BEYOND", "cause", "wan", "first"));
  CHECK(scene.names("PATH-LOST-BEYOND", "cause", "wan", "second"));
  CHECK(!scene.raised("NAT-DROP-OUT"));
}

TEST_CASE("PATH-LOST-BEYOND: an answer, or a single try, is none", "[findings][lost]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #answered
    1.0 both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #answered2
    1.1 both tcp 203.0.113.30:2525 > 172.20.4.10:50000 SA seq 7 ack 101
    0.0 both tcp 172.20.4.10:50001 > 203.0.113.30:2525 S seq 100 #single
  )");
  INFO(scene.told());
  CHECK(!scene.names("PATH-LOST-BEYOND", "cause", "wan", "answered"));
  CHECK(!scene.names("PATH-LOST-BEYOND", "cause", "wan", "single"));
}

// A virtual machine on a bridge: its card, and its host's.
TEST_CASE("PATH-NOT-REACHED: sent behind a bridge, never at the card of the host",
          "[findings][lost]") {
  Scene scene("05-vm-chain", "vm5", "host-eth0");
  scene.play(R"(
    4.0 lan tcp 192.168.178.77:50000 > 203.0.113.40:2525 S seq 100 #first
    5.0 lan tcp 192.168.178.77:50000 > 203.0.113.40:2525 S seq 100 #last
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-NOT-REACHED"));
  CHECK(scene.names("PATH-NOT-REACHED", "cause", "vm5", "first"));
  CHECK(scene.names("PATH-NOT-REACHED", "cause", "vm5", "last"));
  CHECK(scene.misses("PATH-NOT-REACHED", "host-eth0"));
  CHECK(!scene.raised("NAT-DROP-OUT"));
}

TEST_CASE("PATH-NOT-REACHED: what the card of the host shows too did reach it",
          "[findings][lost]") {
  Scene scene("05-vm-chain", "vm5", "host-eth0");
  scene.play(R"(
    4.0 lan tcp 192.168.178.77:50000 > 203.0.113.40:2525 S seq 100
    4.0001 wan tcp 192.168.178.77:50000 > 203.0.113.40:2525 S seq 100
    5.0 lan tcp 192.168.178.77:50000 > 203.0.113.40:2525 S seq 100
    5.0001 wan tcp 192.168.178.77:50000 > 203.0.113.40:2525 S seq 100
  )");
  INFO(scene.told());
  CHECK(!scene.raised("PATH-NOT-REACHED"));
}
