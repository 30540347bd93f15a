// The clock probe on made-up captures: offsets, drift, loss, one way only, chance agreement.
#include "natlens/correlate/clock_probe.h"

#include <cmath>

#include "natlens/net/bytes.h"

#include "support/catch.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kStart = 1'800'000'000'000'000'000;

struct Network {
  double offset_s = 0;  // of tap 1
  double drift_ppm = 0;
  double loss = 0;
  std::uint32_t packets = 4000;
  std::int64_t gap_ns = 5'000'000;
  std::int64_t delay_ns = 300'000;
  bool both_ways = true;
  std::uint64_t seed = 1;
};

double uniform(std::uint64_t& state) {
  state = mix(state, 0x5eed);
  return static_cast<double>(state >> 11) * 0x1.0p-53;
}

// What tap 1's clock shows at a true moment.
std::int64_t shown(const Network& n, std::int64_t time) {
  const double since = static_cast<double>(time - kStart);
  return time + std::llround(n.offset_s * 1e9 + since * n.drift_ppm * 1e-6);
}

void feed(const Network& n, ClockProbe& probe, std::uint16_t one = 0, std::uint16_t other = 1) {
  std::uint64_t state = n.seed;
  for (std::uint32_t i = 0; i < n.packets; ++i) {
    const std::int64_t sent = kStart + static_cast<std::int64_t>(i) * n.gap_ns;
    const bool toward = !n.both_ways || uniform(state) < 0.5;
    // Delay with a tail, as queues make it; the fastest packets are alike both ways.
    const auto delay = n.delay_ns + std::llround(-std::log(1 - uniform(state)) * 100'000);
    const std::int64_t at_one = toward ? sent : sent + delay;
    const std::int64_t at_other = toward ? sent + delay : sent;
    const std::uint64_t print = ((mix(n.seed + 77, i) | 2U) & ~1ULL) | (toward ? 1U : 0U);
    if (uniform(state) >= n.loss) probe.add(one, i + 1, print, Timestamp::from_ns(at_one));
    if (uniform(state) >= n.loss)
      probe.add(other, i + 1, print, Timestamp::from_ns(shown(n, at_other)));
  }
}

// How wrong the estimate is at a moment near the end of the capture.
double error_us(const Network& n, const ClockEstimate& clock) {
  const std::int64_t time = kStart + static_cast<std::int64_t>(n.packets) * n.gap_ns;
  const Timestamp back = clock.to_reference(Timestamp::from_ns(shown(n, time)));
  return std::abs(static_cast<double>(back.ns() - time)) / 1000;
}

}  // namespace

TEST_CASE("clock: offset and drift are found within 100 microseconds", "[correlate][clock]") {
  for (const double offset : {0.0, 1.2, 3600.5, -7200.25}) {
    for (const double drift : {0.0, 50.0, -27.0, 200.0}) {
      Network n;
      n.offset_s = offset;
      n.drift_ppm = drift;
      n.loss = 0.01;
      ClockProbe probe;
      feed(n, probe);
      const auto clocks = probe.estimate(2);
      INFO("offset " << offset << " drift " << drift);
      CHECK(clocks[1].matches > 3000);
      CHECK(clocks[1].group == clocks[0].group);
      CHECK(error_us(n, clocks[1]) < 100);
      CHECK(std::abs(clocks[1].drift_ppm - drift) < 5);
      CHECK(clocks[1].error_ns < 1'000'000);
    }
  }
}

TEST_CASE("clock: long captures keep memory and precision", "[correlate][clock]") {
  Network n;
  n.packets = 300'000;
  n.gap_ns = 12'000'000;  // an hour
  n.drift_ppm = 80;
  n.offset_s = 2;
  ClockProbe probe;
  feed(n, probe);
  const auto clocks = probe.estimate(2);
  CHECK(clocks[1].matches > 10'000);
  CHECK(clocks[1].matches < 70'000);
  CHECK(error_us(n, clocks[1]) < 100);
}

TEST_CASE("clock: a few packets give an offset, without drift", "[correlate][clock]") {
  Network n;
  n.packets = 6;
  n.offset_s = 40;
  ClockProbe probe;
  feed(n, probe);
  const auto clocks = probe.estimate(2);
  CHECK(clocks[1].matches >= 3);
  CHECK(error_us(n, clocks[1]) < 1000);
}

TEST_CASE("clock: the error holds the truth, from few packets to many", "[correlate][clock]") {
  for (const std::uint32_t packets : {20U, 36U, 60U, 200U, 1000U}) {
    for (const double drift : {0.0, 30.0}) {
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Network n;
        n.packets = packets;
        n.gap_ns = 40'000'000;
        n.drift_ppm = drift;
        n.seed = seed;
        ClockProbe probe;
        feed(n, probe);
        const ClockEstimate clock = probe.estimate(2)[1];
        CAPTURE(packets, drift, seed);
        REQUIRE(clock.matches >= packets / 2);
        CHECK(static_cast<double>(clock.error_ns) / 1000 > error_us(n, clock));
        if (drift == 0) CHECK(clock.drift_ppm == 0);
      }
    }
  }
}

TEST_CASE("clock: one way only is said to be less exact", "[correlate][clock]") {
  Network n;
  n.both_ways = false;
  n.offset_s = 5;
  ClockProbe probe;
  feed(n, probe);
  const auto clocks = probe.estimate(2);
  CHECK(clocks[1].matches > 1000);
  CHECK(error_us(n, clocks[1]) < 2000);
  CHECK(static_cast<double>(clocks[1].error_ns) / 1000 > error_us(n, clocks[1]));
}

TEST_CASE("clock: unrelated captures have no clock in common", "[correlate][clock]") {
  ClockProbe probe;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    probe.add(0, i + 1, mix(1, i) | 3U, Timestamp::from_ns(kStart + i * 1'000'000));
    probe.add(1, i + 1, mix(2, i) | 3U, Timestamp::from_ns(kStart + i * 1'000'000));
  }
  const auto clocks = probe.estimate(2);
  CHECK(clocks[1].matches == 0);
  CHECK(clocks[1].group != clocks[0].group);
}

TEST_CASE("clock: payloads that everybody sends make no clock", "[correlate][clock]") {
  // The same eighty payloads in both networks, at unrelated moments over ten minutes.
  ClockProbe probe;
  std::uint64_t state = 9;
  for (std::uint32_t i = 0; i < 80; ++i) {
    for (std::uint16_t tap = 0; tap < 2; ++tap) {
      const auto at = static_cast<std::int64_t>(uniform(state) * 600e9);
      probe.add(tap, i + 1, mix(3, i) | 3U, Timestamp::from_ns(kStart + at));
    }
  }
  CHECK(probe.estimate(2)[1].matches == 0);
}

TEST_CASE("clock: taps that only others link are chained", "[correlate][clock]") {
  Network near;
  near.offset_s = 1;
  Network far;
  far.offset_s = 10;
  far.seed = 5;
  ClockProbe probe;
  feed(near, probe, 0, 1);
  // Between taps 1 and 2, in tap 1's clock.
  std::uint64_t state = far.seed;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const std::int64_t sent = kStart + static_cast<std::int64_t>(i) * 5'000'000;
    const bool toward = uniform(state) < 0.5;
    const std::uint64_t print = ((mix(99, i) | 2U) & ~1ULL) | (toward ? 1U : 0U);
    const std::int64_t one = toward ? sent : sent + 200'000;
    const std::int64_t two = toward ? sent + 200'000 : sent;
    probe.add(1, i + 1, print, Timestamp::from_ns(shown(near, one)));
    probe.add(2, i + 1, print, Timestamp::from_ns(shown(far, two)));
  }
  const auto clocks = probe.estimate(4);
  CHECK(clocks[2].group == 0);
  const Timestamp back = clocks[2].to_reference(Timestamp::from_ns(shown(far, kStart)));
  CHECK(std::abs(static_cast<double>(back.ns() - kStart)) < 200'000);
  CHECK(clocks[3].matches == 0);
  CHECK(clocks[3].group == 3);
}

}  // namespace natlens::correlate
