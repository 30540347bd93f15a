// Copies of a packet at one tap, and what only looks like one.
#include "natlens/decode/copies.h"

#include <array>

#include "support/catch.h"

using namespace natlens;
using namespace natlens::decode;
using capture::FrameDirection;

namespace {

class Tap {
 public:
  // One packet at `ms` with this IP identification; true if it was left out.
  bool show(double ms, std::uint32_t id, std::uint8_t ttl = 64) {
    frame.time =
        Timestamp::from_ns(1'800'000'000'000'000'000 + static_cast<std::int64_t>(ms * 1e6));
    decoded.layer_count = 1;
    Layer& layer = decoded.layer_storage[0];
    layer.src = *Address::parse("10.0.0.2");
    layer.dst = *Address::parse("192.0.2.9");
    layer.version = 4;
    layer.protocol = protocol::kUdp;
    layer.transport = TransportKind::kUdp;
    layer.ip_id = id;
    layer.ttl = ttl;
    layer.total_bytes = 36;
    layer.l4 = ByteView(bytes.data(), bytes.size());
    return finder.is_copy(decoded, frame, frame.time);
  }

  CopyFinder finder;
  DecodedFrame decoded;
  capture::Frame frame;
  std::array<std::uint8_t, 16> bytes{0x13, 0x88, 0, 53, 0, 16, 0, 0, 'q'};
};

}  // namespace

TEST_CASE("copies: a tap that shows all twice, once it is a habit", "[decode][copies]") {
  Tap tap;
  int left_out = 0;
  for (std::uint32_t n = 0; n < 500; ++n) {
    CHECK_FALSE(tap.show(n, n + 1));
    left_out += tap.show(n + 0.01, n + 1) ? 1 : 0;
  }
  CHECK(left_out == 493);  // all but the seven that made it a habit
  CHECK(tap.finder.copies() == 493);
}

TEST_CASE("copies: one in a hundred is a repetition by the sender, and no copy",
          "[decode][copies]") {
  Tap tap;
  for (std::uint32_t n = 0; n < 3000; ++n) {
    CHECK_FALSE(tap.show(n, n + 1));
    if (n % 100 == 0) CHECK_FALSE(tap.show(n + 0.01, n + 1));
  }
}

TEST_CASE("copies: in the opposite direction it is one without any habit", "[decode][copies]") {
  Tap tap;
  tap.frame.direction = FrameDirection::kIn;
  CHECK_FALSE(tap.show(0, 1));
  tap.frame.direction = FrameDirection::kOut;
  SECTION("as it came") {
    CHECK(tap.show(0.02, 1));
  }
  SECTION("forwarded") {
    CHECK(tap.show(0.02, 1, 63));
  }
  SECTION("two hops on is another way round") {
    CHECK_FALSE(tap.show(0.02, 1, 62));
  }
  SECTION("too late") {
    CHECK_FALSE(tap.show(21, 1));
  }
  SECTION("another identification") {
    CHECK_FALSE(tap.show(0.02, 2));
  }
  SECTION("other bytes") {
    tap.bytes[8] = 'x';
    CHECK_FALSE(tap.show(0.02, 1));
  }
  SECTION("another checksum is the same packet") {
    tap.bytes[6] = 0xab;
    CHECK(tap.show(0.02, 1));
  }
}

TEST_CASE("copies: a router sends it back out of the link that it came from",
          "[decode][copies]") {
  Tap tap;
  tap.decoded.src_mac = {2, 0, 0, 0, 0, 1};
  tap.decoded.dst_mac = {2, 0, 0, 0, 0, 9};
  CHECK_FALSE(tap.show(0, 1));
  tap.decoded.src_mac = {2, 0, 0, 0, 0, 9};
  tap.decoded.dst_mac = {2, 0, 0, 0, 0, 2};
  CHECK(tap.show(0.05, 1, 63));
}
