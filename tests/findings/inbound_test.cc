#include "support/scene.h"

using natlens::test::Scene;

TEST_CASE("NAT-UNSOLICITED: a packet to a port that nobody opened", "[findings][inbound]") {
  Scene scene;
  scene.play(R"(
    0.0 wan tcp 203.0.113.99:4000 > 198.51.100.66:22 S seq 1 #scan
    1.0 wan tcp 203.0.113.99:4000 > 198.51.100.66:22 S seq 1
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-UNSOLICITED", "no-mapping"));
  CHECK(scene.find("NAT-UNSOLICITED")->severity == "info");
  CHECK(scene.names("NAT-UNSOLICITED", "cause", "wan", "scan"));
  CHECK(scene.misses("NAT-UNSOLICITED", "lan"));
}

TEST_CASE("NAT-UNSOLICITED: filtered by the sender's port, by its address, and a scan",
          "[findings][inbound]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text q
    0.1 both udp 203.0.113.30:7010 > 172.20.4.10:50000 text a
    0.2 wan udp 203.0.113.30:7999 > 198.51.100.66:50000 text x #port
    0.3 wan udp 203.0.113.77:7010 > 198.51.100.66:50000 text x #address
  )");
  for (int i = 0; i < 12; ++i) {
    scene.play(fmt::format("{} wan tcp 203.0.113.99:4000 > 198.51.100.66:{} S seq 1 #scan{}",
                           1 + i * 0.1, 1000 + i, i));
  }
  INFO(scene.told());
  CHECK(scene.raised("NAT-UNSOLICITED", "filtered-port"));
  CHECK(scene.names("NAT-UNSOLICITED", "cause", "wan", "port"));
  CHECK(scene.raised("NAT-UNSOLICITED", "filtered-address"));
  CHECK(scene.names("NAT-UNSOLICITED", "cause", "wan", "address"));
  REQUIRE(scene.raised("NAT-UNSOLICITED", "probe"));
  CHECK(scene.find("NAT-UNSOLICITED", "probe")->count == 12);
}

TEST_CASE("NAT-UNSOLICITED: a service of the NAT itself is none", "[findings][inbound]") {
  Scene scene;
  scene.play(R"(
    0.0 wan tcp 203.0.113.99:4000 > 198.51.100.66:22 S seq 1
    0.1 wan tcp 198.51.100.66:22 > 203.0.113.99:4000 SA seq 9 ack 2
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-UNSOLICITED"));
}

TEST_CASE("NAT-REPLY-UNTRANSLATED: an answer with the external address inside",
          "[findings][inbound]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text q
    0.1 both udp 203.0.113.30:7010 > 172.20.4.10:50000 text a
    0.2 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text q2
    0.3 lan udp 203.0.113.30:7010 > 198.51.100.66:50000 text b #wrong
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-REPLY-UNTRANSLATED"));
  CHECK(scene.names("NAT-REPLY-UNTRANSLATED", "cause", "lan", "wrong"));
}

TEST_CASE("NAT-REPLY-UNTRANSLATED: hosts that call the external address themselves are none",
          "[findings][inbound]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text q
    0.1 both udp 203.0.113.30:7010 > 172.20.4.10:50000 text a
    0.3 lan udp 172.20.4.11:7010 > 198.51.100.66:50000 text b
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-REPLY-UNTRANSLATED"));
}

namespace {

// A port-forward of 198.51.100.130:8088 to 10.77.3.20:88, called twice; what the inside host
// does.
std::string forward(const std::string& inside_answers) {
  std::string text;
  for (int i = 0; i < 2; ++i) {
    for (const double again : {0.0, 1.0}) {
      text += fmt::format(
          "{0} wan tcp 203.0.113.99:{1} > 198.51.100.130:8088 S seq 10{1} {4}\n"
          "{3} lan tcp 203.0.113.99:{1} > 10.77.3.20:88 S seq 10{1} ttl 63 #in{2}\n",
          i * 0.3 + again, 4000 + i, i, i * 0.3 + again + 0.0002,
          again > 0 ? std::string() : fmt::format("#out{}", i));
    }
    if (inside_answers.empty()) continue;
    text += fmt::format("{0} lan tcp 10.77.3.20:88 > 203.0.113.99:{1} {2} ack 10{3} #a{4}\n",
                        i * 0.3 + 1.001, 4000 + i, inside_answers, 4001 + i, i);
    if (inside_answers == "SA") continue;
    text +=
        fmt::format("{0} wan tcp 198.51.100.130:8088 > 203.0.113.99:{1} {2} ack 10{3} ttl 63\n",
                    i * 0.3 + 1.0012, 4000 + i, inside_answers, 4001 + i);
  }
  return text;
}

}  // namespace

TEST_CASE("NAT-FORWARD-DEAD: silence, refusal, and an answer that goes another way",
          "[findings][inbound]") {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "silent"}, {"RA", "refused"}, {"SA", "wrong-way"}};
  for (const auto& [answer, variant] : kCases) {
    Scene scene("03-portforward-hairpin");
    scene.play(forward(answer));
    INFO(scene.told());
    REQUIRE(scene.raised("NAT-FORWARD-DEAD", variant));
    CHECK(scene.names("NAT-FORWARD-DEAD", "cause", "wan", "out0"));
    CHECK(scene.find("NAT-FORWARD-DEAD", variant)->facts["internal"] == "10.77.3.20:88");
  }
}

TEST_CASE("NAT-FORWARD-DEAD: forwards that work are none", "[findings][inbound]") {
  Scene scene("03-portforward-hairpin");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-FORWARD-DEAD"));
}

TEST_CASE("PATH-ASYMMETRIC: one direction of a connection alone", "[findings][inbound]") {
  Scene scene;
  std::string text;
  for (int i = 0; i < 12; ++i) {
    text += fmt::format(
        "{} both tcp 172.20.4.10:50000 > 203.0.113.30:8000 A seq {} ack {} len 10 {}\n",
        i * 0.1, 100 + i * 10, 900 + i * 100, i == 0 ? "#first" : "");
  }
  scene.play(text);
  INFO(scene.told());
  REQUIRE(scene.raised("PATH-ASYMMETRIC"));
  CHECK((scene.names("PATH-ASYMMETRIC", "cause", "lan", "first") ||
         scene.names("PATH-ASYMMETRIC", "cause", "wan", "first")));
}

TEST_CASE("PATH-ASYMMETRIC: datagrams that nobody answers are none", "[findings][inbound]") {
  Scene scene;
  std::string text;
  for (int i = 0; i < 12; ++i) {
    text += fmt::format("{} both udp 172.20.4.10:50000 > 203.0.113.30:514 text log{}\n",
                        i * 0.1, i);
  }
  scene.play(text);
  INFO(scene.told());
  CHECK(!scene.raised("PATH-ASYMMETRIC"));
}
