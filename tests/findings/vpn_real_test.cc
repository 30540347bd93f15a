// Findings about a real WireGuard tunnel, whose NAT gives it a new port half way.
#include "support/scene.h"

using natlens::test::Scene;
using natlens::test::SceneFrame;

namespace {

Scene tunnel(const std::string& outside) {
  return Scene("07-wireguard", "cl1-tun0", outside);
}

}  // namespace

TEST_CASE("VPN-ROAMED: the session goes on from another port", "[findings][vpn]") {
  Scene scene = tunnel("vs-eth0");
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-ROAMED", "port"));
  CHECK(scene.find("VPN-ROAMED")->severity == "info");
  const auto first = scene.database().query(
      "SELECT max(c.first_frame) AS frame FROM connection AS c JOIN tap AS t ON t.id = c.tap_id"
      " WHERE t.name = 'vs-eth0' AND c.dport = 49999");
  REQUIRE(first);
  const auto& frames = scene.find("VPN-ROAMED")->frames;
  CHECK(std::any_of(frames.begin(), frames.end(), [&](const auto& f) {
    return f.role == "cause" && f.tap == "vs-eth0" && f.frame == first->integer(0, "frame");
  }));

  Scene client = tunnel("cl1-eth0");  // here the port stays
  INFO(client.told());
  CHECK(!client.raised("VPN-ROAMED"));
}

TEST_CASE("VPN-LEAK: what the tunnel carries goes beside it, too", "[findings][vpn]") {
  Scene scene = tunnel("cl1-eth0");
  scene.play(R"(
    2.0 wan tcp 192.168.44.50:50000 > 203.0.113.90:8443 S seq 100 #leak
    3.0 wan tcp 192.168.44.50:50000 > 203.0.113.90:8443 S seq 100 #again
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-LEAK", "split"));
  CHECK(scene.names("VPN-LEAK", "cause", "cl1-eth0", "leak"));
  CHECK(!scene.raised("VPN-DNS-LEAK"));
}

TEST_CASE("VPN-LEAK: other destinations and other hosts are none", "[findings][vpn]") {
  Scene scene = tunnel("cl1-eth0");
  scene.play(R"(
    2.0 wan tcp 192.168.44.50:50000 > 192.0.2.30:8443 S seq 100
    2.0 wan tcp 192.168.44.51:50000 > 203.0.113.90:8443 S seq 100
    2.0 wan tcp 192.168.44.50:50001 > 203.0.113.90:8443 S seq 100 ttl 63
  )");
  INFO(scene.told());
  CHECK(!scene.raised("VPN-LEAK"));
  CHECK(!scene.raised("VPN-DNS-LEAK"));

  Scene exit = tunnel("vs-eth0");  // what comes out of the tunnel
  INFO(exit.told());
  CHECK(!exit.raised("VPN-LEAK"));
}

TEST_CASE("VPN-DNS-LEAK: a name asked for inside and beside", "[findings][vpn]") {
  // tk4fc239b577b72447.lab.example, which the tunnel carries at this time.
  const std::string question =
      "12340100000100000000000012746b3466633233396235373762373234343703"
      "6c6162076578616d706c650000010001";
  Scene scene = tunnel("cl1-eth0");
  scene.play("0.2 wan udp 192.168.44.50:50000 > 192.168.44.1:53 hex " + question + " #leak\n");
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-DNS-LEAK", "duplicate"));
  CHECK(scene.find("VPN-DNS-LEAK")->facts["name"] == "tk4fc239b577b72447.lab.example");
  CHECK(scene.names("VPN-DNS-LEAK", "cause", "cl1-eth0", "leak"));

  Scene late = tunnel("cl1-eth0");
  late.play("7.0 wan udp 192.168.44.50:50000 > 192.168.44.1:53 hex " + question + "\n");
  INFO(late.told());
  CHECK(!late.raised("VPN-DNS-LEAK"));
}

TEST_CASE("VPN-INNER-LOST: packets that entered the tunnel and did not come out",
          "[findings][vpn]") {
  // Of the stream to port 5004 some are missing where the server sends them on.
  const auto without = [](Scene& scene, int every) {
    int count = 0;
    scene.erase("wan", [&](const SceneFrame& f) {
      const bool stream = f.bytes.size() > 38 && f.bytes[23] == 17 &&
                          f.bytes[36] == 5004 / 256 && f.bytes[37] == 5004 % 256;
      return stream && ++count % every == 0;
    });
  };
  Scene scene = tunnel("vs-eth0");
  without(scene, 10);
  INFO(scene.told());
  REQUIRE(scene.raised("VPN-INNER-LOST", "not-decapsulated"));
  CHECK(scene.find("VPN-INNER-LOST")->count == 10);
  CHECK(scene.find("VPN-INNER-LOST")->severity == "error");
  CHECK(scene.find("VPN-INNER-LOST")->frames.front().tap == "cl1-tun0");
  CHECK(scene.misses("VPN-INNER-LOST", "vs-eth0"));

  Scene healthy = tunnel("vs-eth0");
  without(healthy, 50);  // two packets
  INFO(healthy.told());
  CHECK(!healthy.raised("VPN-INNER-LOST"));
}
