#include "support/scene.h"

using natlens::test::Scene;

TEST_CASE("NAT-HAIRPIN: calls of an external endpoint that lead nowhere",
          "[findings][hairpin]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.11:50300 > 203.0.113.30:7010 text open
    1.0 lan udp 172.20.4.10:50400 > 198.51.100.66:50300 text hello #first
    2.0 lan udp 172.20.4.10:50400 > 198.51.100.66:50300 text hello #second
    3.0 both udp 172.20.4.11:50300 > 203.0.113.30:7010 text close
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-HAIRPIN", "unsupported"));
  CHECK(scene.find("NAT-HAIRPIN")->facts["internal"] == "172.20.4.11:50300");
  CHECK(scene.names("NAT-HAIRPIN", "cause", "lan", "first"));
  CHECK(scene.names("NAT-HAIRPIN", "cause", "lan", "second"));
  CHECK(scene.misses("NAT-HAIRPIN", "lan"));
}

TEST_CASE("NAT-HAIRPIN: none for one try, a call that arrives, or the router's own port",
          "[findings][hairpin]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.11:50300 > 203.0.113.30:7010 text open
    0.0 both udp 172.20.4.12:50301 > 203.0.113.30:7010 text open
    1.0 lan udp 172.20.4.10:50400 > 198.51.100.66:50300 text single
    1.0 lan udp 172.20.4.10:50401 > 198.51.100.66:50301 text hello
    1.0001 lan udp 198.51.100.66:50401 > 172.20.4.12:50301 text hello ttl 63
    2.0 lan udp 172.20.4.10:50401 > 198.51.100.66:50301 text again
    2.0001 lan udp 198.51.100.66:50401 > 172.20.4.12:50301 text again ttl 63
    1.0 lan udp 172.20.4.10:50402 > 198.51.100.66:123 text time
    2.0 lan udp 172.20.4.10:50402 > 198.51.100.66:123 text time
    3.0 both udp 172.20.4.11:50300 > 203.0.113.30:7010 text close
    3.0 both udp 172.20.4.12:50301 > 203.0.113.30:7010 text close
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-HAIRPIN"));
}

TEST_CASE("NAT-HAIRPIN: the caller's own address, and a reset", "[findings][hairpin]") {
  Scene scene;
  scene.play(R"(
    1.0 lan tcp 172.20.4.10:50400 > 198.51.100.66:443 S seq 77 id 500 #call
    1.0001 lan tcp 172.20.4.10:50400 > 172.20.4.11:443 S seq 77 id 500 ttl 63 #image
    1.0002 lan tcp 172.20.4.11:443 > 172.20.4.10:50400 SA seq 9 ack 78
    1.0003 lan tcp 172.20.4.10:50400 > 172.20.4.11:443 R seq 78 #reset
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-HAIRPIN", "internal-source"));
  CHECK(scene.find("NAT-HAIRPIN")->severity == "error");
  CHECK(scene.names("NAT-HAIRPIN", "cause", "lan", "call"));
  CHECK(scene.names("NAT-HAIRPIN", "cause", "lan", "image"));
  CHECK(scene.names("NAT-HAIRPIN", "effect", "lan", "reset"));
}

TEST_CASE("NAT-HAIRPIN: a router that shows its own address is none", "[findings][hairpin]") {
  Scene scene("03-portforward-hairpin");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-HAIRPIN"));
}
