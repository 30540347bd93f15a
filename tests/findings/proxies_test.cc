#include "support/scene.h"

using natlens::test::Scene;

namespace {

// A client inside the guest, what its proxy tells it, and the connection that the host makes.
std::string refused(bool accepted_first) {
  std::string out = R"(
    0.0 lan tcp 10.41.0.100:50000 > 203.0.113.10:7999 S seq 100 #syn
    0.0010 wan tcp 172.25.3.9:60123 > 203.0.113.10:7999 S seq 5000 #remote
    0.0500 wan tcp 203.0.113.10:7999 > 172.25.3.9:60123 RA seq 0 ack 5001 #refusal
  )";
  if (!accepted_first) {
    return out + "0.0505 lan tcp 203.0.113.10:7999 > 10.41.0.100:50000 RA seq 0 ack 101\n";
  }
  return out + R"(
    0.0002 lan tcp 203.0.113.10:7999 > 10.41.0.100:50000 SA seq 700 ack 101
    0.0003 lan tcp 10.41.0.100:50000 > 203.0.113.10:7999 A seq 101 ack 701
    0.0505 lan tcp 203.0.113.10:7999 > 10.41.0.100:50000 RA seq 701 ack 101 #end
  )";
}

}  // namespace

TEST_CASE("PROXY-FALSE-ACCEPT: accepted here, refused there", "[findings][proxies]") {
  Scene scene("06-slirp4netns", "guest-tap0", "host-eth0");
  scene.play(refused(true));
  INFO(scene.told());
  REQUIRE(scene.raised("PROXY-FALSE-ACCEPT", "reset"));
  CHECK(scene.names("PROXY-FALSE-ACCEPT", "cause", "guest-tap0", "syn"));
  CHECK(scene.names("PROXY-FALSE-ACCEPT", "cause", "host-eth0", "remote"));
  CHECK(scene.names("PROXY-FALSE-ACCEPT", "effect", "host-eth0", "refusal"));
  CHECK(scene.names("PROXY-FALSE-ACCEPT", "effect", "guest-tap0", "end"));
}

TEST_CASE("PROXY-FALSE-ACCEPT: a proxy that asks first is none", "[findings][proxies]") {
  Scene scene("06-slirp4netns", "guest-tap0", "host-eth0");
  scene.play(refused(false));
  INFO(scene.told());
  CHECK(!scene.raised("PROXY-FALSE-ACCEPT"));
}
