#include "support/scene.h"

using natlens::test::Scene;

TEST_CASE("NAT-RST-GENERATED: a reject in the name of the server", "[findings][made]") {
  Scene scene;
  scene.play(R"(
    0.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #syn
    0.0003 lan tcp 203.0.113.30:2525 > 172.20.4.10:50000 RA ack 101 win 0 id 0 ttl 64 #rst
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-RST-GENERATED", "reject"));
  CHECK(scene.find("NAT-RST-GENERATED")->severity == "warning");
  CHECK(scene.find("NAT-RST-GENERATED")->confidence == "certain");
  CHECK(scene.names("NAT-RST-GENERATED", "cause", "lan", "rst"));
  CHECK(scene.names("NAT-RST-GENERATED", "example", "lan", "syn"));
  CHECK(!scene.raised("NAT-DROP-OUT"));
}

TEST_CASE("NAT-RST-GENERATED: in the middle of a connection", "[findings][made]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100
    0.1 both tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq 700 ack 101
    0.2 both tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 101 ack 701
    0.3 both tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 101 ack 701 len 50
    0.4 both tcp 203.0.113.30:443 > 172.20.4.10:50000 PA seq 701 ack 151 len 70
    1.4 lan tcp 203.0.113.30:443 > 172.20.4.10:50000 R seq 771 win 0 ttl 64 #rst
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-RST-GENERATED"));
  CHECK(scene.find("NAT-RST-GENERATED")->severity == "error");
  CHECK(scene.names("NAT-RST-GENERATED", "cause", "lan", "rst"));
  CHECK(scene.misses("NAT-RST-GENERATED", "wan"));
}

TEST_CASE("NAT-RST-GENERATED: a reset that the server sent is none", "[findings][made]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100
    0.1 both tcp 203.0.113.30:2525 > 172.20.4.10:50000 RA ack 101 win 0 id 0
    0.0 lan tcp 172.20.4.10:50001 > 172.20.4.1:2525 S seq 100
    0.0003 lan tcp 172.20.4.1:2525 > 172.20.4.10:50001 RA ack 101 win 0 id 0 ttl 64
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-RST-GENERATED"));
}

TEST_CASE("NAT-ICMP-GENERATED: prohibited by the NAT", "[findings][made]") {
  Scene scene;
  scene.play(R"(
    0.0 lan udp 172.20.4.10:50000 > 203.0.113.30:2525 len 20 #sent
    0.0003 lan icmp 172.20.4.1 > 172.20.4.10 type 3 code 13 quote udp 172.20.4.10:50000 > 203.0.113.30:2525 len 20
  )");
  scene.play(
      "1.0 lan icmp 172.20.4.1 > 172.20.4.10 type 3 code 13 #again "
      "quote udp 172.20.4.10:50000 > 203.0.113.30:2525 len 20");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-ICMP-GENERATED", "prohibited"));
  CHECK(scene.names("NAT-ICMP-GENERATED", "example", "lan", "sent"));
  CHECK(scene.names("NAT-ICMP-GENERATED", "cause", "lan", "again"));
  CHECK(scene.find("NAT-ICMP-GENERATED")->facts["source"] == "172.20.4.1");
  CHECK(scene.find("NAT-ICMP-GENERATED")->count == 2);
}

TEST_CASE("NAT-ICMP-GENERATED: an error that was forwarded is none", "[findings][made]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:2525 len 20
    0.1 wan icmp 203.0.113.30 > 198.51.100.66 type 3 code 3 ttl 62 quote udp 198.51.100.66:50000 > 203.0.113.30:2525 len 20
    0.1002 lan icmp 203.0.113.30 > 172.20.4.10 type 3 code 3 ttl 61 quote udp 172.20.4.10:50000 > 203.0.113.30:2525 len 20
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-ICMP-GENERATED"));
}

namespace {

// An SSH-like session that is silent for `silence` seconds; then the server speaks.
std::string idle_session(double silence, const std::string& what_then) {
  return fmt::format(R"(
    0.0 both tcp 172.20.4.10:50000 > 203.0.113.30:22 S seq 100
    0.1 both tcp 203.0.113.30:22 > 172.20.4.10:50000 SA seq 700 ack 101
    0.2 both tcp 172.20.4.10:50000 > 203.0.113.30:22 A seq 101 ack 701
    0.3 both tcp 203.0.113.30:22 > 172.20.4.10:50000 PA seq 701 ack 101 len 30
    0.4 both tcp 172.20.4.10:50000 > 203.0.113.30:22 A seq 101 ack 731
    {0} {1}
  )",
                     0.4 + silence, what_then);
}

}  // namespace

TEST_CASE("NAT-STALE-REJECT: a forgotten connection is reset towards the server",
          "[findings][made]") {
  Scene scene;
  scene.goes_on(50).play(idle_session(
      40, "wan tcp 203.0.113.30:22 > 198.51.100.66:50000 PA seq 731 ack 101 len 20 #late"));
  scene.play(
      "40.4005 wan tcp 198.51.100.66:50000 > 203.0.113.30:22 R seq 101 win 0 id 0 ttl 64 #rst");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-STALE-REJECT"));
  CHECK(scene.names("NAT-STALE-REJECT", "cause", "wan", "late"));
  CHECK(scene.names("NAT-STALE-REJECT", "effect", "wan", "rst"));
  CHECK(scene.misses("NAT-STALE-REJECT", "lan"));
  CHECK(scene.raised("NAT-TIMEOUT-TCP", "established"));
}

TEST_CASE("NAT-STALE-REJECT: a late packet that comes through is none", "[findings][made]") {
  Scene scene;
  scene.goes_on(50).play(idle_session(
      40, "both tcp 203.0.113.30:22 > 172.20.4.10:50000 PA seq 731 ack 101 len 20"));
  INFO(scene.told());
  CHECK(!scene.raised("NAT-STALE-REJECT"));
  CHECK(!scene.raised("NAT-TIMEOUT-TCP"));
}
