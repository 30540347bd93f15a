#include "support/scene.h"

using natlens::test::Scene;

namespace {

std::string in_hex(const std::string& text) {
  std::string out;
  for (const char c : text) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// A control connection that announces where the client awaits data.
std::string control(int port, const std::string& inside, const std::string& outside) {
  return fmt::format(
      R"(
    0.0  both tcp 172.20.4.10:{0} > 203.0.113.30:21 S seq 100
    0.01 both tcp 203.0.113.30:21 > 172.20.4.10:{0} SA seq 7 ack 101
    0.02 both tcp 172.20.4.10:{0} > 203.0.113.30:21 A seq 101 ack 8
    0.1    lan tcp 172.20.4.10:{0} > 203.0.113.30:21 PA seq 101 ack 8 hex {1} #in{0}
    0.1002 wan tcp 198.51.100.66:{0} > 203.0.113.30:21 PA seq 101 ack 8 hex {2} ttl 63 #out{0}
  )",
      port, in_hex("PORT " + inside + "\r\n"), in_hex("PORT " + outside + "\r\n"));
}

}  // namespace

TEST_CASE("ALG-ACTIVE: the box rewrites a PORT command", "[findings][alg]") {
  Scene scene;
  scene.play(control(50000, "172,20,4,10,195,80", "198,51,100,66,195,80"));
  INFO(scene.told());
  REQUIRE(scene.raised("ALG-ACTIVE", "ftp"));
  CHECK(scene.find("ALG-ACTIVE")->severity == "info");
  CHECK(scene.find("ALG-ACTIVE")->facts["changes"][0]["new"] == "198.51.100.66:50000");
  CHECK(scene.names("ALG-ACTIVE", "example", "lan", "in50000"));
  CHECK(scene.names("ALG-ACTIVE", "cause", "wan", "out50000"));
  CHECK(!scene.raised("ALG-BROKEN"));
}

TEST_CASE("ALG-BROKEN: the box rewrites one command and misses another", "[findings][alg]") {
  Scene scene;
  scene.play(control(50000, "172,20,4,10,195,80", "198,51,100,66,195,80") +
             control(50001, "172,20,4,10,195,81", "172,20,4,10,195,81"));
  INFO(scene.told());
  REQUIRE(scene.raised("ALG-BROKEN", "missed"));
  CHECK(scene.names("ALG-BROKEN", "cause", "wan", "out50001"));
  Scene none;
  none.play(control(50001, "172,20,4,10,195,81", "172,20,4,10,195,81"));
  INFO(none.told());
  CHECK(!none.raised("ALG-BROKEN"));
  CHECK(!none.raised("ALG-ACTIVE"));
}

TEST_CASE("ALG-ACTIVE: a client that names its external address itself", "[findings][alg]") {
  Scene scene;
  scene.play(control(50000, "198,51,100,66,195,80", "198,51,100,66,195,80"));
  INFO(scene.told());
  CHECK(!scene.raised("ALG-ACTIVE"));
}
