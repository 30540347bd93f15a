#include "support/scene.h"

using natlens::test::Scene;

namespace {

// A connection whose client sends three full segments that the NAT does not let out, and sends
// the first of them again and again.
std::string stuck(int repeats, int length = 1400) {
  std::string out = R"(
    0.0  both tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100 #syn
    0.01 both tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq 7 ack 101
    0.02 both tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 101 ack 8
    0.03 both tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 101 ack 8 len 60
    0.04 both tcp 203.0.113.30:443 > 172.20.4.10:50000 A seq 8 ack 161
  )";
  for (int i = 0; i < 3; ++i) {
    out += fmt::format(
        "{} lan tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq {} ack 8 len {} #large{}\n",
        0.05 + i * 0.0001, 161 + i * length, length, i);
  }
  for (int i = 0; i < repeats; ++i) {
    out += fmt::format(
        "{} lan tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 161 ack 8 len {} #again{}\n",
        0.3 * (2 << i) - 0.3, length, i);
  }
  return out;
}

std::string told(const std::string& where, const std::string& to, int mtu) {
  return fmt::format(
      "0.0512 {} icmp 192.0.2.200:0 > {}:0 type 3 code 4 mtu {} #{}error quote tcp {}:50000 > "
      "203.0.113.30:443 A id 900 seq 161 ack 8 len 1400;\n",
      where, to, mtu, where, to);
}

}  // namespace

TEST_CASE("MTU-BLACKHOLE: large packets vanish and nobody says so", "[findings][mtu]") {
  Scene scene;
  scene.play(stuck(3)).goes_on(8);
  INFO(scene.told());
  REQUIRE(scene.raised("MTU-BLACKHOLE", "no-icmp"));
  CHECK(scene.find("MTU-BLACKHOLE")->severity == "error");
  CHECK(scene.find("MTU-BLACKHOLE")->facts["smallest_lost_bytes"] == 1440);
  CHECK(scene.find("MTU-BLACKHOLE")->facts["largest_passed_bytes"] < 1440);
  CHECK(scene.find("MTU-BLACKHOLE")->facts["mss_in"] == 1460);
  CHECK(scene.names("MTU-BLACKHOLE", "cause", "lan", "large0"));
  CHECK(scene.names("MTU-BLACKHOLE", "cause", "lan", "again2"));
  CHECK(scene.misses("MTU-BLACKHOLE", "wan"));
  REQUIRE(scene.raised("MTU-MSS-TOO-BIG", "not-clamped"));
  CHECK(scene.find("MTU-MSS-TOO-BIG")->severity == "error");
  CHECK(scene.names("MTU-MSS-TOO-BIG", "example", "lan", "syn"));
}

TEST_CASE("MTU-BLACKHOLE: the ICMP error is lost, or does not help", "[findings][mtu]") {
  Scene lost;
  lost.play(stuck(3) + told("wan", std::string(Scene::kExternal), 1300)).goes_on(8);
  INFO(lost.told());
  CHECK(lost.raised("MTU-BLACKHOLE", "icmp-lost"));
  CHECK(lost.names("MTU-BLACKHOLE", "example", "wan", "wanerror"));
  Scene ignored;
  ignored.play(stuck(4) + told("lan", "172.20.4.10", 1300)).goes_on(8);
  INFO(ignored.told());
  CHECK(ignored.raised("MTU-BLACKHOLE", "icmp-ignored"));
  Scene wrong;
  wrong.play(stuck(3) + told("lan", "172.20.4.10", 1500)).goes_on(8);
  INFO(wrong.told());
  CHECK(wrong.raised("MTU-BLACKHOLE", "icmp-wrong-mtu"));
}

TEST_CASE("MTU-BLACKHOLE: a sender that obeys, loss at random, fewer than the threshold",
          "[findings][mtu]") {
  Scene obeys;
  obeys.play(stuck(1) + told("lan", "172.20.4.10", 1300)).goes_on(8);
  INFO(obeys.told());
  CHECK(!obeys.raised("MTU-BLACKHOLE"));
  REQUIRE(obeys.raised("MTU-MSS-TOO-BIG"));
  CHECK(obeys.find("MTU-MSS-TOO-BIG")->severity == "info");
  Scene random;
  random
      .play(stuck(3) +
            "4.0 both tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 161 ack 8 len 1400\n")
      .goes_on(8);
  INFO(random.told());
  CHECK(!random.raised("MTU-BLACKHOLE"));
  Scene few;
  few.set("mtu_min_failures", "7").play(stuck(3)).goes_on(8);
  INFO(few.told());
  CHECK(!few.raised("MTU-BLACKHOLE"));
}
