#include "support/scene.h"

using natlens::test::Scene;

namespace {

// A UDP stream of five seconds, then the server speaks again after `silence` seconds.
std::string stream(int port, double silence, bool comes_through) {
  std::string text;
  for (int i = 0; i < 6; ++i) {
    text += fmt::format("{} both udp 172.20.4.10:{} > 203.0.113.30:7010 text q{}{}\n", i * 1.0,
                        port, port, i);
    text += fmt::format("{} both udp 203.0.113.30:7010 > 172.20.4.10:{} text a{}{}\n",
                        i * 1.0 + 0.01, port, port, i);
  }
  const double late = 5.01 + silence;
  text +=
      comes_through
          ? fmt::format("{} both udp 203.0.113.30:7010 > 172.20.4.10:{} text late{} #late{}\n",
                        late, port, port, port)
          : fmt::format("{} wan udp 203.0.113.30:7010 > 198.51.100.66:{} text late{} #late{}\n",
                        late, port, port, port);
  return text;
}

}  // namespace

TEST_CASE("NAT-TIMEOUT-UDP: mappings that are gone after 40 s", "[findings][life]") {
  Scene scene;
  scene.play(stream(50000, 40, false) + stream(50001, 45, false) + stream(50002, 20, true))
      .goes_on(60);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-TIMEOUT-UDP", "stream"));
  const auto* found = scene.find("NAT-TIMEOUT-UDP");
  CHECK(found->severity == "warning");
  CHECK(found->facts["mappings"] == 2);
  CHECK(found->facts["lower_s"].get<double>() > 19);
  CHECK(found->facts["upper_s"].get<double>() < 41);
  CHECK(scene.names("NAT-TIMEOUT-UDP", "cause", "wan", "late50000"));
  CHECK(scene.names("NAT-TIMEOUT-UDP", "cause", "wan", "late50001"));
  CHECK(scene.names("NAT-TIMEOUT-UDP", "control", "wan", "late50002"));
}

TEST_CASE("NAT-TIMEOUT-UDP: one refusal proves nothing, nor one after 130 s",
          "[findings][life]") {
  Scene scene;
  scene.play(stream(50000, 40, false) + stream(50001, 130, false)).goes_on(150);
  INFO(scene.told());
  CHECK((!scene.raised("NAT-TIMEOUT-UDP") ||
         scene.find("NAT-TIMEOUT-UDP")->facts["mappings"] != 1));
  Scene slow;
  slow.play(stream(50000, 130, false) + stream(50001, 131, false)).goes_on(150);
  INFO(slow.told());
  CHECK(!slow.raised("NAT-TIMEOUT-UDP"));
}

TEST_CASE("NAT-TIMEOUT-ICMP: an answer after five seconds is refused", "[findings][life]") {
  Scene scene;
  scene.play(R"(
    0.0 both icmp 172.20.4.10 > 203.0.113.30 echo 900 seq 1
    0.1 both icmp 203.0.113.30 > 172.20.4.10 echo 900 seq 1 answer
    1.0 both icmp 172.20.4.10 > 203.0.113.30 echo 900 seq 2
    6.0 wan icmp 203.0.113.30 > 198.51.100.66 echo 900 seq 2 answer #late
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-TIMEOUT-ICMP"));
  CHECK(scene.names("NAT-TIMEOUT-ICMP", "cause", "wan", "late"));
  CHECK(scene.find("NAT-TIMEOUT-ICMP")->severity == "info");
}

TEST_CASE("NAT-TIMEOUT-ICMP: an answer that comes through is none", "[findings][life]") {
  Scene scene;
  scene.play(R"(
    0.0 both icmp 172.20.4.10 > 203.0.113.30 echo 900 seq 1
    5.0 both icmp 203.0.113.30 > 172.20.4.10 echo 900 seq 1 answer
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-TIMEOUT-ICMP"));
}

namespace {

// Behind an exchange of three seconds one small packet again and again.
std::string keepalives(double every, int count) {
  std::string text;
  for (int i = 0; i < 4; ++i) {
    text += fmt::format("{} both udp 172.20.4.12:50500 > 203.0.113.30:5555 text s{}\n", i, i);
    text += fmt::format("{} both udp 203.0.113.30:5555 > 172.20.4.12:50500 text t{}\n",
                        i + 0.01, i);
  }
  for (int i = 0; i < count; ++i) {
    text += fmt::format("{} both udp 172.20.4.12:50500 > 203.0.113.30:5555 text k{} #keep{}\n",
                        4 + i * every, i, i);
  }
  return text;
}

}  // namespace

TEST_CASE("NAT-KEEPALIVE-SLOW: longer apart than a mapping lives", "[findings][life]") {
  Scene scene;
  scene.play(stream(50000, 30, false) + stream(50001, 31, false) + keepalives(45, 6))
      .goes_on(240);
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-KEEPALIVE-SLOW"));
  CHECK(scene.find("NAT-KEEPALIVE-SLOW")->severity == "warning");
  CHECK((scene.names("NAT-KEEPALIVE-SLOW", "cause", "lan", "keep5") ||
         scene.names("NAT-KEEPALIVE-SLOW", "cause", "wan", "keep5")));
}

TEST_CASE("NAT-KEEPALIVE-SLOW: often enough is none", "[findings][life]") {
  Scene scene;
  scene.play(stream(50000, 30, false) + stream(50001, 31, false) + keepalives(10, 8))
      .goes_on(80);
  INFO(scene.told());
  CHECK(!scene.raised("NAT-KEEPALIVE-SLOW"));
}
