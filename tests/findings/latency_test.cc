#include "support/scene.h"

using natlens::test::Scene;

namespace {

// Flows of 25 datagrams out, each so much later at the outside.
std::string flows(int count, double transit) {
  std::string out;
  for (int f = 0; f < count; ++f) {
    for (int i = 0; i < 25; ++i) {
      const double time = 0.1 + i * 0.1 + f * 0.003;
      out += fmt::format(
          "{} lan udp 172.20.4.10:{} > 203.0.113.30:7010 text f{:02}p{:02} id {} #in{}x{}\n",
          time, 51000 + f, f, i, 2000 + 100 * f + i, f, i);
      out += fmt::format(
          "{} wan udp 198.51.100.66:{} > 203.0.113.30:7010 text f{:02}p{:02} id {} ttl 63 "
          "#out{}x{}\n",
          time + transit, 51000 + f, f, i, 2000 + 100 * f + i, f, i);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("PATH-LATENCY: most flows are slow", "[findings][latency]") {
  Scene scene;
  scene.play(flows(40, 0.012));
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-LATENCY", "high"));
  CHECK(scene.find("PATH-LATENCY", "high")->facts["direction"] == "out");
  CHECK(scene.names("PATH-LATENCY", "example", "lan", "in0x0"));
  CHECK(scene.names("PATH-LATENCY", "example", "wan", "out0x0"));
  Scene quick;
  quick.play(flows(40, 0.003));
  INFO(quick.told());
  CHECK(!quick.raised("PATH-LATENCY"));
}

TEST_CASE("PATH-LATENCY: the first packet of one flow is held up", "[findings][latency]") {
  const auto flow = [](double transit) {
    return fmt::format(R"(
      4.1 lan udp 172.20.4.10:51000 > 203.0.113.30:7010 text the_first id 90 #in
      {} wan udp 198.51.100.66:51000 > 203.0.113.30:7010 text the_first id 90 ttl 63 #out
      4.5 both udp 172.20.4.10:51000 > 203.0.113.30:7010 text the_second
    )",
                       4.1 + transit);
  };
  Scene scene;
  scene.play(flow(0.2));
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-LATENCY", "spike"));
  CHECK(scene.names("PATH-LATENCY", "cause", "lan", "in"));
  CHECK(scene.names("PATH-LATENCY", "cause", "wan", "out"));
  Scene quick;
  quick.play(flow(0.015));
  INFO(quick.told());
  CHECK(!quick.raised("PATH-LATENCY"));
}
