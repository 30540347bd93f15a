#include "latency.h"

#include "natlens/net/bytes.h"

#include "support/catch.h"

namespace natlens::correlate {
namespace {

Latency of(std::uint32_t packets, std::int64_t (*delay)(std::uint32_t)) {
  Latencies latencies;
  DirectionTally tally;
  for (std::uint32_t n = 0; n < packets; ++n) {
    latencies.add(tally, delay(n));
    ++tally.packets;
  }
  return latencies.summary(tally, 1);
}

}  // namespace

TEST_CASE("latency: quantiles within a bucket, from few packets to many",
          "[correlate][latency]") {
  for (const std::uint32_t packets : {3U, 11U, 100U, 5'000U, 400'000U}) {
    CAPTURE(packets);
    const Latency latency = of(packets, [](std::uint32_t n) {
      return 1'000'000 + static_cast<std::int64_t>(mix(n, 7) % 1'000'000);  // 1 to 2 ms
    });
    CHECK(latency.min_ns >= 1'000'000);
    CHECK(latency.max_ns < 2'000'000);
    if (packets < 100) continue;
    CHECK(latency.median_ns > 1'250'000);
    CHECK(latency.median_ns < 1'750'000);
    CHECK(latency.p99_ns > 1'700'000);
  }
}

TEST_CASE("latency: rare ones keep their share over many packets", "[correlate][latency]") {
  const Latency rare = of(400'000, [](std::uint32_t n) {
    return mix(n, 9) % 500 == 0 ? std::int64_t{50'000'000} : std::int64_t{1'000'000};
  });
  CHECK(rare.p99_ns < 2'000'000);  // two in a thousand
  const Latency often = of(400'000, [](std::uint32_t n) {
    return mix(n, 9) % 25 == 0 ? std::int64_t{50'000'000} : std::int64_t{1'000'000};
  });
  CHECK(often.p99_ns > 30'000'000);  // four in a hundred
}

TEST_CASE("latency: more different ones than fit in few counts", "[correlate][latency]") {
  const Latency spread = of(4'000, [](std::uint32_t n) {
    return std::int64_t{1'000} << (n / 4 % 20);  // 1 us to half a second, each as often
  });
  CHECK(spread.min_ns == 1'000);
  CHECK(spread.median_ns > 400'000);
  CHECK(spread.median_ns < 1'500'000);
  CHECK(spread.p99_ns > 400'000'000);
}

}  // namespace natlens::correlate
