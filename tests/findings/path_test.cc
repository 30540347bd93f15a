#include "support/scene.h"

using natlens::test::Scene;

namespace {

std::string circle(int passages, int step) {
  std::string out =
      "0.0 wan udp 203.0.113.30:7010 > 198.51.100.66:9 text circle id 5 ttl 60 #turn1\n";
  for (int i = 1; i < passages; ++i) {
    out += fmt::format(
        "{} wan udp 203.0.113.30:7010 > 198.51.100.66:9 text circle id 5 ttl {} #turn{}\n",
        0.01 * i, 60 - step * i, i + 1);
  }
  return out;
}

}  // namespace

TEST_CASE("PATH-LOOP: one packet again and again, with less TTL", "[findings][path]") {
  Scene scene;
  scene.play(circle(6, 2));
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-LOOP"));
  CHECK(scene.find("PATH-LOOP")->facts["turns"] == 6);
  CHECK(scene.find("PATH-LOOP")->facts["step"] == 2);
  CHECK(scene.names("PATH-LOOP", "cause", "wan", "turn3"));
  CHECK(scene.names("PATH-LOOP", "cause", "wan", "turn6"));
  Scene least;
  least.play(circle(3, 1));
  INFO(least.told());
  CHECK(least.raised("PATH-LOOP"));
}

TEST_CASE("PATH-LOOP: twice is none, nor are repeats or a traceroute", "[findings][path]") {
  Scene scene;
  scene.play(circle(2, 1));
  scene.play(R"(
    1.0 both udp 172.20.4.10:50001 > 203.0.113.30:7010 text again id 8
    1.3 both udp 172.20.4.10:50001 > 203.0.113.30:7010 text again id 9
    1.6 both udp 172.20.4.10:50001 > 203.0.113.30:7010 text again id 10
    2.0 both udp 172.20.4.10:50002 > 203.0.113.30:33434 text probe id 11 ttl 2
    2.1 both udp 172.20.4.10:50002 > 203.0.113.30:33434 text probe id 12 ttl 3
    2.2 both udp 172.20.4.10:50002 > 203.0.113.30:33434 text probe id 13 ttl 4
  )");
  INFO(scene.told());
  CHECK(!scene.raised("PATH-LOOP"));
}

namespace {

// Datagrams that cross, each written with `before` at the inside and `after` at the outside.
template <class Before, class After>
std::string crossing(int packets, const Before& before, const After& after) {
  std::string out;
  for (int i = 0; i < packets; ++i) {
    const double time = 0.1 + i * 0.02;
    out += fmt::format(
        "{} lan udp 172.20.4.10:50000 > 203.0.113.30:7010 text p{:03} id {} {} #in{}\n", time,
        i, 2000 + i, before(i), i);
    out += fmt::format(
        "{} wan udp 198.51.100.66:50000 > 203.0.113.30:7010 text p{:03} id {} {} #out{}\n",
        time + 0.0002, i, 2000 + i, after(i), i);
  }
  return out;
}

std::string as_usual(int /*packet*/) {
  return "ttl 63";
}
std::string nothing(int /*packet*/) {
  return "";
}

}  // namespace

TEST_CASE("PATH-TTL: the number of hops changes within a connection", "[findings][path]") {
  Scene scene;
  scene.play(crossing(20, nothing, [](int i) { return i % 4 == 3 ? "ttl 60" : "ttl 63"; }));
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-TTL", "flapping"));
  CHECK(scene.find("PATH-TTL")->facts["hops_least"] == 1);
  CHECK(scene.find("PATH-TTL")->facts["hops_most"] == 4);
  CHECK(scene.names("PATH-TTL", "cause", "wan", "out3"));
  Scene steady;
  steady.play(crossing(
      20, [](int i) { return fmt::format("ttl {}", 40 + i); },
      [](int i) { return fmt::format("ttl {}", 39 + i); }));
  INFO(steady.told());
  CHECK(!steady.raised("PATH-TTL"));
}

TEST_CASE("PATH-TTL: set anew, and nearly expired", "[findings][path]") {
  Scene scene;
  scene.play(crossing(5, nothing, [](int) { return "ttl 128"; }));
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-TTL", "normalised"));
  CHECK(scene.find("PATH-TTL")->severity == "info");
  CHECK(scene.names("PATH-TTL", "example", "wan", "out0"));
  const auto opened = [](int ttl) {
    return fmt::format(R"(
      0.0  both tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100 ttl {} #syn
      0.01 both tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq 7 ack 101
    )",
                       ttl);
  };
  Scene low;
  low.play(opened(4));
  INFO(low.told());
  REQUIRE(low.raised("PATH-TTL", "nearly-expired"));
  CHECK(low.names("PATH-TTL", "cause", "wan", "syn"));
  Scene enough;
  enough.play(opened(5));
  INFO(enough.told());
  CHECK(!enough.raised("PATH-TTL"));
}

TEST_CASE("PATH-DSCP: marks that do not survive", "[findings][path]") {
  const auto marked = [](int) { return "tos 184"; };
  Scene scene;
  scene.play(crossing(20, marked, as_usual));
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-DSCP", "dscp-bleached"));
  CHECK(scene.find("PATH-DSCP")->severity == "info");
  CHECK(scene.names("PATH-DSCP", "cause", "wan", "out0"));
  Scene few;
  few.play(crossing(19, marked, as_usual));
  INFO(few.told());
  CHECK(!few.raised("PATH-DSCP"));
  Scene congested;
  congested.play(crossing(
      20, [](int) { return "tos 3"; }, [](int) { return "tos 2 ttl 63"; }));
  INFO(congested.told());
  REQUIRE(congested.raised("PATH-DSCP", "ce-lost"));
  CHECK(congested.find("PATH-DSCP")->severity == "warning");
}

TEST_CASE("PATH-DSCP: a router that marks congestion", "[findings][path]") {
  Scene scene;
  scene.play(crossing(
      20, [](int) { return "tos 2"; }, [](int) { return "tos 3 ttl 63"; }));
  INFO(scene.told());
  CHECK(!scene.raised("PATH-DSCP"));
}

namespace {

// Datagrams in order before the box, and pairs of them exchanged behind it.
std::string exchanged(int packets, int pairs) {
  std::string out;
  for (int i = 0; i < packets; ++i) {
    const double time = 0.1 + i * 0.01;
    const bool first = i % 2 == 0 && i / 2 < pairs;
    const bool second = i % 2 == 1 && i / 2 < pairs;
    out += fmt::format(
        "{} lan udp 172.20.4.10:50000 > 203.0.113.30:7010 text p{:03} id {} #in{}\n", time, i,
        2000 + i, i);
    out += fmt::format(
        "{} wan udp 198.51.100.66:50000 > 203.0.113.30:7010 text p{:03} id {} ttl 63 #out{}\n",
        time + (first    ? 0.012
                : second ? 0.0011
                         : 0.001),
        i, 2000 + i, i);
  }
  return out;
}

}  // namespace

TEST_CASE("PATH-REORDERED: packets that overtake others", "[findings][path]") {
  Scene scene;
  scene.play(exchanged(100, 10));
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-REORDERED"));
  CHECK(scene.find("PATH-REORDERED")->count == 10);
  CHECK(scene.names("PATH-REORDERED", "cause", "wan", "out0"));
  CHECK(scene.names("PATH-REORDERED", "example", "lan", "in0"));
  Scene few;
  few.play(exchanged(100, 9));
  INFO(few.told());
  CHECK(!few.raised("PATH-REORDERED"));
}
