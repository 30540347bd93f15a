#include "support/scene.h"

using natlens::test::Scene;

TEST_CASE("LEAK-PRIVATE-SOURCE: what is INVALID inside leaves untranslated",
          "[findings][leaks]") {
  Scene scene;
  scene.play(R"(
    0.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:443 FA seq 100 ack 7 #inside
    0.0002 wan tcp 172.20.4.10:50000 > 203.0.113.30:443 FA seq 100 ack 7 ttl 63 #leak
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("LEAK-PRIVATE-SOURCE", "invalid"));
  CHECK(scene.find("LEAK-PRIVATE-SOURCE")->confidence == "certain");
  CHECK(scene.names("LEAK-PRIVATE-SOURCE", "cause", "wan", "leak"));
  CHECK(scene.names("LEAK-PRIVATE-SOURCE", "example", "lan", "inside"));
}

TEST_CASE("LEAK-PRIVATE-SOURCE: whole flows that no rule translates", "[findings][leaks]") {
  Scene scene;
  scene.play(R"(
    0.0 lan udp 172.20.4.10:50000 > 203.0.113.30:4500 len 30 #inside
    0.0002 wan udp 172.20.4.10:50000 > 203.0.113.30:4500 len 30 ttl 63 #leak
  )");
  INFO(scene.told());
  CHECK(scene.raised("LEAK-PRIVATE-SOURCE", "not-natted"));
  CHECK(scene.names("LEAK-PRIVATE-SOURCE", "cause", "wan", "leak"));
}

TEST_CASE("LEAK-PRIVATE-SOURCE: a destination that answers the private address is none",
          "[findings][leaks]") {
  Scene scene;
  scene.play(R"(
    0.0 lan udp 172.20.4.10:50000 > 203.0.113.30:4500 len 30
    0.0002 wan udp 172.20.4.10:50000 > 203.0.113.30:4500 len 30 ttl 63
    0.0100 wan udp 203.0.113.30:4500 > 172.20.4.10:50000 len 31
    0.0102 lan udp 203.0.113.30:4500 > 172.20.4.10:50000 len 31 ttl 63
  )");
  INFO(scene.told());
  CHECK(!scene.raised("LEAK-PRIVATE-SOURCE"));
}

TEST_CASE("LEAK-PRIVATE-DESTINATION: private addresses sent out", "[findings][leaks]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:50000 > 10.99.0.1:443 S seq 100 #first
    1.0 both tcp 172.20.4.10:50000 > 10.99.0.1:443 S seq 100 #second
  )");
  INFO(scene.told());
  CHECK(scene.names("LEAK-PRIVATE-DESTINATION", "cause", "wan", "first"));
}

TEST_CASE("LEAK-PRIVATE-DESTINATION: one that answers is none", "[findings][leaks]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:50000 > 10.99.0.1:443 S seq 100
    0.1 both tcp 10.99.0.1:443 > 172.20.4.10:50000 SA seq 7 ack 101
    0.3 both tcp 172.20.4.10:50001 > 10.99.0.1:80 S seq 100
  )");
  INFO(scene.told());
  CHECK(!scene.raised("LEAK-PRIVATE-DESTINATION"));
}
