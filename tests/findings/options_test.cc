#include "support/scene.h"

using natlens::test::Bytes;
using natlens::test::Scene;

namespace {

// A handshake; the client's MSS as both taps show it.
std::string handshake(int inside, int outside) {
  return fmt::format(R"(
    0.0    lan tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100 mss {} id 70 #in
    0.0002 wan tcp 198.51.100.66:50000 > 203.0.113.30:443 S seq 100 mss {} id 70 ttl 63 #out
    0.01   both tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq 7 ack 101
    0.02   both tcp 172.20.4.10:50000 > 203.0.113.30:443 A seq 101 ack 8
  )",
                     inside, outside);
}

}  // namespace

TEST_CASE("TCP-OPTION-CHANGED: an MSS that is lowered or raised", "[findings][options]") {
  Scene lowered;
  lowered.play(handshake(1460, 1412));
  INFO(lowered.told());
  REQUIRE(lowered.raised("TCP-OPTION-CHANGED", "mss"));
  CHECK(lowered.find("TCP-OPTION-CHANGED")->severity == "info");
  CHECK(lowered.find("TCP-OPTION-CHANGED")->facts["after"] == "1412");
  CHECK(lowered.names("TCP-OPTION-CHANGED", "cause", "lan", "in"));
  CHECK(lowered.names("TCP-OPTION-CHANGED", "cause", "wan", "out"));
  Scene raised;
  raised.play(handshake(1400, 1460));
  INFO(raised.told());
  REQUIRE(raised.raised("TCP-OPTION-CHANGED", "mss"));
  CHECK(raised.find("TCP-OPTION-CHANGED")->severity == "warning");
}

TEST_CASE("TCP-OPTION-CHANGED: none where they are the same, or the SYN was sent again",
          "[findings][options]") {
  Scene same;
  same.play(handshake(1400, 1400));
  INFO(same.told());
  CHECK(!same.raised("TCP-OPTION-CHANGED"));
  Scene again;
  again.play(R"(
    0.0    lan tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100 mss 1460 id 70
    1.0    lan tcp 172.20.4.10:50000 > 203.0.113.30:443 S seq 100 mss 1300 id 71
    1.0002 wan tcp 198.51.100.66:50000 > 203.0.113.30:443 S seq 100 mss 1300 id 71 ttl 63
    1.01   both tcp 203.0.113.30:443 > 172.20.4.10:50000 SA seq 7 ack 101
  )");
  INFO(again.told());
  CHECK(!again.raised("TCP-OPTION-CHANGED"));
}

namespace {

// Rewrites the options of SYNs (or SYN+ACKs) at one tap, as they are in the frames of the
// capture.
void blank_option(Scene& scene, const std::string& tap, bool answer, std::uint8_t kind) {
  for (auto& frame : scene.frames(tap)) {
    auto& b = frame.bytes;
    if (b.size() < 54 || b[12] != 8 || b[13] != 0 || b[23] != 6 || (b[20] & 0x3f) != 0)
      continue;
    if ((b[47] & 0x12) != (answer ? 0x12 : 0x02)) continue;
    const std::size_t end = 34 + (b[46] >> 4) * 4U;
    for (std::size_t at = 54; at + 1 < end && b[at] != 0;) {
      if (b[at] == 1) {
        ++at;
        continue;
      }
      const std::size_t length = std::max<std::size_t>(b[at + 1], 2);
      if (b[at] == kind) {
        std::fill(b.begin() + static_cast<std::ptrdiff_t>(at),
                  b.begin() + static_cast<std::ptrdiff_t>(at + length), 1);
      }
      at += length;
    }
    const std::size_t bytes = b[16] * 256U + b[17];
    const Bytes packet(b.begin() + 14, b.begin() + static_cast<std::ptrdiff_t>(14 + bytes));
    const Bytes right = natlens::test::with_l4_checksum(packet);
    std::copy(right.begin(), right.end(), b.begin() + 14);
  }
}

}  // namespace

TEST_CASE("TCP-OPTION-CHANGED: window scale taken from the answer alone is an error",
          "[findings][options]") {
  Scene scene;
  blank_option(scene, "lan", true, 3);
  INFO(scene.told());
  REQUIRE(scene.raised("TCP-OPTION-CHANGED", "wscale"));
  CHECK(scene.find("TCP-OPTION-CHANGED", "wscale")->severity == "error");
}

TEST_CASE("TCP-OPTION-CHANGED: SACK taken away is to know, as long as little is moved",
          "[findings][options]") {
  Scene scene;
  blank_option(scene, "wan", false, 4);
  INFO(scene.told());
  REQUIRE(scene.raised("TCP-OPTION-CHANGED", "sack"));
  CHECK(!scene.raised("TCP-OPTION-CHANGED", "wscale"));
  CHECK(scene.find("TCP-OPTION-CHANGED", "sack")->severity == "info");
}
