#include "latency.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace natlens::correlate {
namespace {

constexpr std::uint32_t kEvery = 4;            // a histogram is cold memory
constexpr std::uint32_t kGolden = 0x9e3779b9;  // 2^32 by the golden ratio: spreads the bits
constexpr int kLowest = 8;                     // 2^8 ns; shorter ways share bucket 0

// `turn` only has to differ from time to time: odd counts are rounded up and down in turns, so
// that rare latencies keep their share however often all counts are halved.
void count(LatencyHistogram& histogram, std::uint8_t code, std::uint32_t turn) {
  if (histogram.counts[code] == UINT8_MAX) {
    for (std::uint8_t& c : histogram.counts) {
      c = static_cast<std::uint8_t>((c + (turn & 1U)) / 2);
      turn = turn >> 1U | (turn & 1U) << 31U;
    }
  }
  ++histogram.counts[code];
}

}  // namespace

std::uint8_t latency_code(std::int64_t ns) {
  const auto value = static_cast<std::uint64_t>(ns < 0 ? -ns : ns);
  if (value < std::uint64_t{1} << kLowest) return 0;
  const int octave = static_cast<int>(std::bit_width(value)) - 1;
  const auto quarter = static_cast<int>(value >> (octave - 2) & 3U);
  const int code = (octave - kLowest) * 4 + quarter;
  return static_cast<std::uint8_t>(
      std::min(code, static_cast<int>(LatencyHistogram::kBuckets) - 1));
}

std::int64_t latency_of_code(std::uint8_t code) {
  const std::int64_t base = std::int64_t{1} << (kLowest + code / 4);
  return base + base / 4 * (code % 4) + base / 8;
}

void Latencies::add(DirectionTally& tally, std::int64_t difference_ns) {
  tally.least_ns = std::min(tally.least_ns, difference_ns);
  tally.most_ns = std::max(tally.most_ns, difference_ns);
  if (tally.packets < tally.codes.size()) {
    tally.codes[tally.packets] = latency_code(difference_ns);
    return;
  }
  if (tally.packets % kEvery != 0) return;
  if (tally.histogram == kNoSlot) {
    tally.histogram = pool_.take();
    for (const std::uint8_t first : tally.codes) count(pool_[tally.histogram], first, 0);
  }
  count(pool_[tally.histogram], latency_code(difference_ns), tally.packets * kGolden);
}

Latency Latencies::summary(const DirectionTally& tally, unsigned later_end) const {
  Latency out;
  if (tally.packets == 0) return out;
  LatencyHistogram few;
  if (tally.histogram == kNoSlot) {
    for (std::uint32_t i = 0; i < tally.packets; ++i) count(few, tally.codes[i], 0);
  }
  const LatencyHistogram& all = tally.histogram == kNoSlot ? few : pool_[tally.histogram];
  std::uint64_t total = 0;
  for (const std::uint8_t c : all.counts) total += c;
  const auto quantile = [&](std::uint64_t rank) {
    std::uint64_t below = 0;
    for (std::size_t code = 0; code < all.counts.size(); ++code) {
      below += all.counts[code];
      if (below > rank) return latency_of_code(static_cast<std::uint8_t>(code));
    }
    return latency_of_code(LatencyHistogram::kBuckets - 1);
  };
  out.min_ns = later_end == 1 ? tally.least_ns : -tally.most_ns;
  out.max_ns = later_end == 1 ? tally.most_ns : -tally.least_ns;
  out.median_ns = std::clamp(quantile(total / 2), out.min_ns, out.max_ns);
  out.p99_ns = std::clamp(quantile(total - 1 - total / 100), out.min_ns, out.max_ns);
  return out;
}

void Latencies::release(DirectionTally& tally) {
  if (tally.histogram != kNoSlot) pool_.give(tally.histogram);
  tally.histogram = kNoSlot;
}

}  // namespace natlens::correlate
