#include "natlens/net/bytes.h"

#include "support/scene.h"

using natlens::test::Scene;

TEST_CASE("NAT-CHECKSUM-BAD: right inside, wrong outside", "[findings][integrity]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text one as 40001
    0.1 both udp 203.0.113.30:7010 > 172.20.4.10:50000 text two as 40001
    0.2 lan udp 172.20.4.10:50000 > 203.0.113.30:7010 text three #right
    0.2002 wan udp 198.51.100.66:40001 > 203.0.113.30:7010 text three ttl 63 badsum #wrong
    0.4 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text four as 40001
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-CHECKSUM-BAD", "after"));
  CHECK(scene.names("NAT-CHECKSUM-BAD", "cause", "wan", "wrong"));
  CHECK(scene.names("NAT-CHECKSUM-BAD", "example", "lan", "right"));
  CHECK(scene.find("NAT-CHECKSUM-BAD")->severity == "error");
}

TEST_CASE("NAT-CHECKSUM-BAD: a flow that is spoilt from its first packet on",
          "[findings][integrity]") {
  Scene scene;
  scene.play(R"(
    0.0 lan udp 172.20.4.10:50000 > 203.0.113.30:7010 text three #right
    0.0002 wan udp 198.51.100.66:40001 > 203.0.113.30:7010 text three ttl 63 badsum #wrong
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-CHECKSUM-BAD", "after"));
  CHECK(scene.names("NAT-CHECKSUM-BAD", "cause", "wan", "wrong"));
  CHECK(scene.names("NAT-CHECKSUM-BAD", "example", "lan", "right"));
}

TEST_CASE("NAT-CHECKSUM-BAD: wrong before the NAT already", "[findings][integrity]") {
  Scene scene;
  scene.play(R"(
    0.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100 badsum #inside
    0.0002 wan tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100 ttl 63 badsum #outside
  )");
  INFO(scene.told());
  CHECK(!scene.raised("NAT-CHECKSUM-BAD", "after"));
  REQUIRE(scene.raised("NAT-CHECKSUM-BAD", "before"));
  CHECK(scene.find("NAT-CHECKSUM-BAD")->severity == "warning");
  CHECK(scene.names("NAT-CHECKSUM-BAD", "cause", "lan", "inside"));
  CHECK(scene.names("NAT-CHECKSUM-BAD", "effect", "wan", "outside"));
}

TEST_CASE("NAT-CHECKSUM-BAD: a wrong checksum on the way in, and none where all are right",
          "[findings][integrity]") {
  const std::string flow = R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text one as 40001
    0.1 wan udp 203.0.113.30:7010 > 198.51.100.66:40001 text two #right
  )";
  Scene scene;
  scene.play(flow +
             "0.1002 lan udp 203.0.113.30:7010 > 172.20.4.10:50000 text two badsum #wrong");
  INFO(scene.told());
  CHECK(scene.names("NAT-CHECKSUM-BAD", "cause", "lan", "wrong"));
  CHECK(scene.names("NAT-CHECKSUM-BAD", "example", "wan", "right"));
  Scene healthy;
  healthy.play(flow + "0.1002 lan udp 203.0.113.30:7010 > 172.20.4.10:50000 text two");
  INFO(healthy.told());
  CHECK(!healthy.raised("NAT-CHECKSUM-BAD"));
}

TEST_CASE("IP-HEADER-CHANGED: DF cleared", "[findings][integrity]") {
  const std::string flow = R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text one as 40001
    0.1 both udp 203.0.113.30:7010 > 172.20.4.10:50000 text two as 40001
    0.2 lan udp 172.20.4.10:50000 > 203.0.113.30:7010 text three id 900 #with
  )";
  Scene scene;
  scene.play(flow +
             "0.2002 wan udp 198.51.100.66:40001 > 203.0.113.30:7010 text three ttl 63 id 900 "
             "nodf #without");
  INFO(scene.told());
  REQUIRE(scene.raised("IP-HEADER-CHANGED", "df-cleared"));
  CHECK(scene.find("IP-HEADER-CHANGED")->severity == "warning");
  CHECK(scene.names("IP-HEADER-CHANGED", "example", "lan", "with"));
  CHECK(scene.names("IP-HEADER-CHANGED", "example", "wan", "without"));
  Scene healthy;
  healthy.play(
      flow + "0.2002 wan udp 198.51.100.66:40001 > 203.0.113.30:7010 text three ttl 63 id 900");
  INFO(healthy.told());
  CHECK(!healthy.raised("IP-HEADER-CHANGED"));
}

TEST_CASE("IP-HEADER-CHANGED: DF set", "[findings][integrity]") {
  Scene scene;
  scene.play(R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text one as 40001
    0.1 wan udp 203.0.113.30:7010 > 198.51.100.66:40001 text two id 900 nodf #without
    0.1002 lan udp 203.0.113.30:7010 > 172.20.4.10:50000 text two id 900 ttl 63 #with
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("IP-HEADER-CHANGED", "df-set"));
  CHECK(scene.find("IP-HEADER-CHANGED", "df-set")->severity == "info");
  CHECK(scene.names("IP-HEADER-CHANGED", "example", "lan", "with"));
  CHECK(scene.names("IP-HEADER-CHANGED", "example", "wan", "without"));
}

TEST_CASE("IP-HEADER-CHANGED: identifications made anew", "[findings][integrity]") {
  Scene scene;
  for (auto& frame : scene.frames("wan")) {
    auto& b = frame.bytes;
    if (b.size() < 34 || b[12] != 8 || b[13] != 0) continue;
    for (const std::size_t at : {18, 19}) b[at] ^= 0x5a;
    b[24] = b[25] = 0;
    const std::uint16_t sum = natlens::checksum(natlens::ByteView(b).subspan(14, 20));
    b[24] = static_cast<std::uint8_t>(sum >> 8);
    b[25] = static_cast<std::uint8_t>(sum);
  }
  INFO(scene.told());
  REQUIRE(scene.raised("IP-HEADER-CHANGED", "id-rewritten"));
  CHECK(scene.find("IP-HEADER-CHANGED", "id-rewritten")->severity == "info");
  CHECK(scene.find("IP-HEADER-CHANGED", "id-rewritten")->frames.size() == 10);
}

TEST_CASE("TCP-SEQ-SHIFTED: sequence numbers with an offset", "[findings][integrity]") {
  const auto connection = [](std::uint32_t ours, std::uint32_t theirs) {
    return fmt::format(R"(
      0.0    lan tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 1000 id 61 #syn
      0.0002 wan tcp 198.51.100.66:50000 > 203.0.113.30:443 S seq {0} id 61 ttl 63 #shifted
      0.01   wan tcp 203.0.113.30:443 > 198.51.100.66:50000 SA seq 7000 ack {1} id 62
      0.0102 lan tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq {2} ack 1001 id 62 ttl 63
      0.02   lan tcp 172.20.4.10:50000 > 203.0.113.30:443 PA seq 1001 ack {3} text GET_SOMETHING_LONG_ENOUGH id 63
      0.0202 wan tcp 198.51.100.66:50000 > 203.0.113.30:443 PA seq {1} ack 7001 text GET_SOMETHING_LONG_ENOUGH id 63 ttl 63
      0.03   wan tcp 203.0.113.30:443 > 198.51.100.66:50000 PA seq 7001 ack {4} text ANSWERED_WITH_SOME_LENGTH id 64
      0.0302 lan tcp 203.0.113.30:443 > 172.20.4.10:50000 PA seq {3} ack 1026 text ANSWERED_WITH_SOME_LENGTH id 64 ttl 63
    )",
                       1000 + ours, 1001 + ours, 7000 + theirs, 7001 + theirs, 1026 + ours);
  };
  Scene scene;
  scene.play(connection(500000, 90000));
  INFO(scene.told());
  REQUIRE(scene.raised("TCP-SEQ-SHIFTED", "isn-random"));
  CHECK(scene.names("TCP-SEQ-SHIFTED", "example", "lan", "syn"));
  CHECK(scene.names("TCP-SEQ-SHIFTED", "example", "wan", "shifted"));
  CHECK(scene.find("TCP-SEQ-SHIFTED")->facts["original_delta"] == 500000);
  Scene plain;
  plain.play(connection(0, 0));
  INFO(plain.told());
  CHECK(!plain.raised("TCP-SEQ-SHIFTED"));
}
