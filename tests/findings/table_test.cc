#include "support/scene.h"

using natlens::test::Scene;

namespace {

// Two questions of one new socket; the first does not get out, and comes again.
std::string race(int port, double begin, double gap, double again) {
  return fmt::format(
      "{0} lan  udp 172.20.4.10:{1} > 203.0.113.31:53 text first_question{1} id 31 #lost{1}\n"
      "{2} both udp 172.20.4.10:{1} > 203.0.113.31:53 text second_question{1} id 32\n"
      "{3} both udp 203.0.113.31:53 > 172.20.4.10:{1} text second_answer{1}\n"
      "{4} both udp 172.20.4.10:{1} > 203.0.113.31:53 text first_question{1} id 33 #retry{1}\n"
      "{5} both udp 203.0.113.31:53 > 172.20.4.10:{1} text first_answer{1}\n",
      begin, port, begin + gap, begin + gap + 0.01, begin + again, begin + again + 0.01);
}

}  // namespace

TEST_CASE("CT-CLASH: one of two first packets is lost, and asked again after five seconds",
          "[findings][table]") {
  Scene scene;
  scene.play(race(50000, 0.5, 0.0005, 5.0)).goes_on(8);
  INFO(scene.told());
  REQUIRE(scene.raised("CT-CLASH", "dns"));
  CHECK(scene.find("CT-CLASH")->severity == "warning");
  CHECK(scene.find("CT-CLASH")->facts["retry_after_ms"] == 5000);
  CHECK(scene.names("CT-CLASH", "cause", "lan", "lost50000"));
  CHECK(scene.names("CT-CLASH", "effect", "lan", "retry50000"));
  CHECK(scene.misses("CT-CLASH", "wan"));
}

TEST_CASE("CT-CLASH: another pause needs two of them, and a gap is none", "[findings][table]") {
  Scene twice;
  twice.play(race(50000, 0.5, 0.0005, 6.0) + race(50010, 0.9, 0.0005, 6.0)).goes_on(8);
  INFO(twice.told());
  REQUIRE(twice.raised("CT-CLASH"));
  CHECK(twice.find("CT-CLASH")->count == 2);
  Scene once;
  once.play(race(50000, 0.5, 0.0005, 6.0)).goes_on(8);
  INFO(once.told());
  CHECK(!once.raised("CT-CLASH"));
  Scene apart;
  apart.play(race(50000, 0.5, 0.05, 5.0)).goes_on(8);
  INFO(apart.told());
  CHECK(!apart.raised("CT-CLASH"));
}

namespace {

// Flows that live on, and `failing` new ones that do not get out, to three ends.
void fill(Scene& scene, int failing, bool old_ones_pass = true) {
  const std::int64_t until = scene.frames("lan").front().time_ns + 2'000'000'000;
  for (const char* tap : {"lan", "wan"}) {
    scene.erase(tap, [&](const auto& frame) { return frame.time_ns > until; });
  }
  const char* ends[] = {"203.0.113.30", "203.0.113.31", "192.0.2.200"};
  std::string text;
  for (int i = 0; i < 9; ++i) {
    for (int k = 0; k < 20; ++k) {
      const double time = 0.1 + k * 0.4 + i * 0.002;
      const bool passes = old_ones_pass || k < 5;
      text += fmt::format("{} {} udp {}:{} > {}:7010 text q{:02}x{:02}\n", time,
                          passes ? "both" : "lan", fmt::format("172.20.4.{}", 10 + i % 3),
                          51000 + i, ends[i / 3], i, k);
      if (!passes) continue;
      text += fmt::format("{} both udp {}:7010 > {}:{} text a{:02}x{:02}\n", time + 0.001,
                          ends[i / 3], fmt::format("172.20.4.{}", 10 + i % 3), 51000 + i, i, k);
    }
  }
  for (int i = 0; i < failing; ++i) {
    text += fmt::format("{} lan udp 172.20.4.{}:{} > {}:7010 text fail{:03} #fail{}\n",
                        2.5 + i * 0.05, 10 + i % 3, 52000 + i, ends[i / 3 % 3], i, i);
  }
  scene.play(text);
}

}  // namespace

TEST_CASE("CT-TABLE-FULL: nothing new passes while the old lives on", "[findings][table]") {
  Scene scene;
  fill(scene, 20);
  INFO(scene.told());
  REQUIRE(scene.raised("CT-TABLE-FULL"));
  CHECK(scene.find("CT-TABLE-FULL")->confidence == "likely");
  CHECK(scene.find("CT-TABLE-FULL")->count == 20);
  CHECK(scene.names("CT-TABLE-FULL", "cause", "lan", "fail0"));
  CHECK(scene.names("CT-TABLE-FULL", "cause", "lan", "fail19"));
  CHECK(scene.misses("CT-TABLE-FULL", "wan"));
}

TEST_CASE("CT-TABLE-FULL: a few failures, or an uplink that is down, are none",
          "[findings][table]") {
  Scene few;
  fill(few, 19);
  INFO(few.told());
  CHECK(!few.raised("CT-TABLE-FULL"));
  Scene down;
  fill(down, 30, false);
  INFO(down.told());
  CHECK(!down.raised("CT-TABLE-FULL"));
}
