// Two courses of bytes, one of them encrypted: what speaks for and against one relay.
#include "volume.h"

#include <random>

#include "support/catch.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

// A conversation in clear, and what a relay makes of it.
struct Model {
  struct Side {
    Volume bursts;
    VolumeSide side;
  };
  Side clear;
  Side cipher;

  // `delay_ns`: of the relay; `added`: bytes, at first and to each burst.
  Model(std::uint64_t seed,
        std::int64_t delay_ns,
        std::uint32_t first,
        std::uint32_t each,
        bool enciphers = true) {
    std::mt19937_64 random(seed);
    Side& client = enciphers ? clear : cipher;
    Side& proxy = enciphers ? cipher : clear;
    client.side.opened = static_cast<std::int64_t>(random() % 500) * kMillisecond;
    proxy.side.opened = client.side.opened + delay_ns;
    std::int64_t time = client.side.opened + 2 * delay_ns;
    for (int turn = 0; turn < 12; ++turn) {
      time += static_cast<std::int64_t>(5 + random() % 90) * kMillisecond;
      const std::size_t d = turn % 2;
      const auto bytes = static_cast<std::uint32_t>(30 + random() % 2000);
      const std::uint32_t extra = (turn < 2 ? first : 0) + each;
      const bool to_cipher = enciphers == (d == 0);
      say(clear, d, time + (to_cipher ? 0 : delay_ns), bytes);
      say(cipher, d, time + (to_cipher ? delay_ns : 0), bytes + extra);
    }
    clear.side.ended = cipher.side.ended = true;
  }

  static void say(Side& of, std::size_t direction, std::int64_t time, std::uint32_t bytes) {
    of.side.bytes[direction] += bytes;
    ++of.side.packets[direction];
    of.bursts[direction].add(time - of.side.opened, of.side.bytes[direction]);
    of.side.bursts = &of.bursts;
  }
};

float bits(const VolumeSide& client, const VolumeSide& proxy) {
  const std::optional<VolumeBits> out = volume_bits(client, proxy, 0);
  return out ? out->sum() : -100.0F;
}

VolumeSide side(const Model::Side& of) {
  VolumeSide out = of.side;
  out.bursts = &of.bursts;
  return out;
}

}  // namespace

TEST_CASE("volume: what a relay encrypted is told from a stranger's", "[correlate][volume]") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U, 4U, 5U);
  CAPTURE(seed);
  const Model own(seed, kMillisecond, 66, 34);
  const Model other(seed + 100, kMillisecond, 66, 34);
  const float right = bits(side(own.clear), side(own.cipher));
  CHECK(right > 20);
  CHECK(bits(side(own.clear), side(other.cipher)) < 5);
}

TEST_CASE("volume: a relay may end the encryption instead", "[correlate][volume]") {
  const Model own(7, kMillisecond, 1500, 22, false);
  CHECK(bits(side(own.cipher), side(own.clear)) > 20);
}

TEST_CASE("volume: bytes out of nowhere, and equal ones, are no relay's",
          "[correlate][volume]") {
  Model own(9, kMillisecond, 66, 34);
  VolumeSide cipher = side(own.cipher);
  cipher.bytes = own.clear.side.bytes;
  CHECK(!volume_bits(side(own.clear), cipher, 0));
  cipher = side(own.cipher);
  cipher.bytes[0] += 1'000'000;
  CHECK(!volume_bits(side(own.clear), cipher, 0));
  CHECK(!volume_bits({&own.clear.bursts}, {&own.cipher.bursts}, 0));
}

TEST_CASE("volume: bursts end with a pause, and are bounded", "[correlate][volume]") {
  Bursts bursts;
  bursts.add(0, 10);
  bursts.add(kMillisecond, 20);
  REQUIRE(bursts.size() == 1);
  CHECK(bursts[0].bytes == 20);
  bursts.add(10 * kMillisecond, 30);
  CHECK(bursts.size() == 2);
  for (int i = 0; i < 100; ++i) bursts.add((20 + 10 * i) * kMillisecond, 40);
  CHECK(bursts.size() == Bursts::kMost);
  CHECK(!bursts.complete());
  bursts.clear();
  CHECK(bursts.size() == 0);
}

}  // namespace natlens::correlate
