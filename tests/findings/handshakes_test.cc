#include "support/scene.h"

using natlens::test::Scene;

TEST_CASE("TCP-SYN-UNANSWERED: the NAT does not let it out", "[findings][handshakes]") {
  Scene scene;
  scene.play(R"(
    0.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #first
    1.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #second
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("TCP-SYN-UNANSWERED", "nat-out"));
  CHECK(scene.names("TCP-SYN-UNANSWERED", "cause", "lan", "first"));
  CHECK(scene.names("TCP-SYN-UNANSWERED", "cause", "lan", "second"));
  CHECK(scene.find("TCP-SYN-UNANSWERED", "nat-out")->severity == "error");
  CHECK(scene.find("TCP-SYN-UNANSWERED", "nat-out")->explained_by ==
        scene.find("NAT-DROP-OUT")->id);
}

TEST_CASE("TCP-SYN-UNANSWERED: the answer does not come in", "[findings][handshakes]") {
  Scene scene;
  scene.play(R"(
    0.0  both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #first
    0.01 wan  tcp 203.0.113.30:2525 > 198.51.100.66:50000 SA seq 7 ack 101
    1.0  both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #second
    1.01 wan  tcp 203.0.113.30:2525 > 198.51.100.66:50000 SA seq 7 ack 101 #answer
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("TCP-SYN-UNANSWERED", "nat-in"));
  CHECK(scene.find("TCP-SYN-UNANSWERED", "nat-in")->severity == "error");
  CHECK(scene.names("TCP-SYN-UNANSWERED", "cause", "lan", "second"));
  CHECK(scene.names("TCP-SYN-UNANSWERED", "effect", "wan", "answer"));
}

TEST_CASE("TCP-SYN-UNANSWERED: lost behind the NAT is a warning", "[findings][handshakes]") {
  Scene scene;
  scene.play(R"(
    0.0 both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #first
    1.0 both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #second
  )");
  INFO(scene.told());
  CHECK(scene.names("TCP-SYN-UNANSWERED", "cause", "lan", "first"));
  CHECK(scene.find("TCP-SYN-UNANSWERED", "beyond")->severity == "warning");
}

TEST_CASE("TCP-SYN-UNANSWERED: none if it is answered or refused, or tried once",
          "[findings][handshakes]") {
  Scene scene;
  scene.play(R"(
    0.0  both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #one
    1.0  both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100
    1.01 both tcp 203.0.113.30:2525 > 172.20.4.10:50000 SA seq 7 ack 101
    0.1  both tcp 172.20.4.10:50001 > 203.0.113.30:2526 S seq 100
    1.1  both tcp 172.20.4.10:50001 > 203.0.113.30:2526 S seq 100
    1.11 both tcp 203.0.113.30:2526 > 172.20.4.10:50001 RA seq 0 ack 101
    0.2  both tcp 172.20.4.10:50002 > 203.0.113.30:2527 S seq 100
  )");
  INFO(scene.told());
  for (const auto& one : scene.findings()) {
    if (one.code == "TCP-SYN-UNANSWERED")
      CHECK(one.facts["destination"] == "203.0.113.31:7999");
  }
}

TEST_CASE("TCP-HALF-OPEN: the client's ACK is lost in the NAT", "[findings][handshakes]") {
  const std::string opening = R"(
    0.0  both tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100
    0.01 both tcp 203.0.113.30:2525 > 172.20.4.10:50000 SA seq 7 ack 101
    0.02 lan  tcp 172.20.4.10:50000 > 203.0.113.30:2525 A seq 101 ack 8 #ack
    1.01 both tcp 203.0.113.30:2525 > 172.20.4.10:50000 SA seq 7 ack 101 #again
    1.02 lan  tcp 172.20.4.10:50000 > 203.0.113.30:2525 A seq 101 ack 8
  )";
  Scene scene;
  scene.play(opening + R"(
    3.01 both tcp 203.0.113.30:2525 > 172.20.4.10:50000 SA seq 7 ack 101 #third
    3.02 lan  tcp 172.20.4.10:50000 > 203.0.113.30:2525 A seq 101 ack 8
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("TCP-HALF-OPEN", "ack-lost"));
  CHECK(scene.names("TCP-HALF-OPEN", "cause", "lan", "ack"));
  CHECK(scene.names("TCP-HALF-OPEN", "effect", "wan", "third"));
  CHECK(scene.misses("TCP-HALF-OPEN", "wan"));
  Scene once;
  once.play(opening);
  INFO(once.told());
  CHECK(!once.raised("TCP-HALF-OPEN"));
}

TEST_CASE("TCP-HALF-OPEN: a flood of SYNs", "[findings][handshakes]") {
  const auto flood = [](int handshakes) {
    std::string out;
    for (int i = 0; i < handshakes; ++i) {
      const double time = 0.1 + i * 0.005;
      out += fmt::format(
          "{0} wan tcp 192.0.2.{1}:{2} > 198.51.100.66:8080 S seq 5 #f{3}\n"
          "{4} wan tcp 198.51.100.66:8080 > 192.0.2.{1}:{2} SA seq 9 ack 6\n",
          time, 1 + i % 20, 20000 + i, i, time + 0.001);
    }
    return out;
  };
  Scene scene;
  scene.play(flood(101));
  INFO(scene.told());
  REQUIRE(scene.raised("TCP-HALF-OPEN", "syn-flood"));
  CHECK(scene.names("TCP-HALF-OPEN", "cause", "wan", "f0"));
  CHECK(scene.find("TCP-HALF-OPEN")->facts["sources"] == 20);
  Scene few;
  few.play(flood(100));
  INFO(few.told());
  CHECK(!few.raised("TCP-HALF-OPEN"));
}

namespace {

const std::string kClosed = R"(
  0.0  both tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100
  0.01 both tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq 7 ack 101
  0.02 both tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 101 ack 8
  0.03 both tcp 172.20.4.10:50000 > 203.0.113.30:443 FA seq 101 ack 8
  0.04 both tcp 203.0.113.30:443 > 172.20.4.10:50000 FA seq 8 ack 102
  0.05 both tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 102 ack 9 #closed
  2.0  both tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 90 #again
)";

}  // namespace

TEST_CASE("TCP-TUPLE-REUSED: not answered, reset, or fine", "[findings][handshakes]") {
  Scene ignored;
  ignored.play(kClosed + "3.0 both tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 90 #last");
  INFO(ignored.told());
  REQUIRE(ignored.raised("TCP-TUPLE-REUSED", "ignored"));
  CHECK(ignored.names("TCP-TUPLE-REUSED", "cause", "wan", "again"));
  CHECK(ignored.names("TCP-TUPLE-REUSED", "effect", "wan", "last"));
  Scene reset;
  reset.play(kClosed +
             "2.01 both tcp 203.0.113.30:443 > 172.20.4.10:50000 RA seq 0 ack 91 #rst");
  INFO(reset.told());
  REQUIRE(reset.raised("TCP-TUPLE-REUSED", "rst"));
  Scene fine;
  fine.play(kClosed + "2.01 both tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq 99 ack 91");
  INFO(fine.told());
  CHECK(!fine.raised("TCP-TUPLE-REUSED"));
}
