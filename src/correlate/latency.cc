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

// False if there is no room for it.
bool count(FewLatencies& few, std::uint8_t code) {
  for (std::size_t i = 0; i < few.codes.size(); ++i) {
    if (few.counts[i] != 0 && few.codes[i] != code) continue;
    if (few.counts[i] == UINT8_MAX) return false;
    few.codes[i] = code;
    ++few.counts[i];
    return true;
  }
  return false;
}

void spread(const FewLatencies& few, LatencyHistogram& out) {
  for (std::size_t i = 0; i < few.codes.size(); ++i) out.counts[few.codes[i]] += few.counts[i];
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
  count_sample(tally, latency_code(difference_ns), tally.packets * kGolden);
}

void Latencies::count_sample(DirectionTally& tally, std::uint8_t code, std::uint32_t turn) {
  if (tally.histogram == kNoSlot) {
    tally.histogram = few_.take();
    for (const std::uint8_t first : tally.codes) count(few_[tally.histogram], first);
  }
  if ((tally.histogram & kWide) == 0) {
    if (count(few_[tally.histogram], code)) return;
    widen(tally);
  }
  count(wide_[tally.histogram & ~kWide], code, turn);
}

void Latencies::widen(DirectionTally& tally) {
  const std::uint32_t wide = wide_.take();
  spread(few_[tally.histogram], wide_[wide]);
  few_.give(tally.histogram);
  tally.histogram = wide | kWide;
}

Latency Latencies::summary(const DirectionTally& tally, unsigned later_end) const {
  Latency out;
  if (tally.packets == 0) return out;
  LatencyHistogram all;
  if (tally.histogram == kNoSlot) {
    for (std::uint32_t i = 0; i < tally.packets; ++i) count(all, tally.codes[i], 0);
  } else if ((tally.histogram & kWide) == 0) {
    spread(few_[tally.histogram], all);
  } else {
    all = wide_[tally.histogram & ~kWide];
  }
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
  if (tally.histogram == kNoSlot) return;
  if ((tally.histogram & kWide) != 0) {
    wide_.give(tally.histogram & ~kWide);
  } else {
    few_.give(tally.histogram);
  }
  tally.histogram = kNoSlot;
}

}  // namespace natlens::correlate
