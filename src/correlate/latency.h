// Latencies of a pair's packets: the first eight of a direction as codes in the pair itself,
// then counts from a pool, at first of a few codes only, as most pairs never show more. A code
// is a bucket: each power of two of microseconds is cut into four, so that neighbours differ by
// a factor of 1.19.
#pragma once

#include <array>
#include <cstdint>

#include "natlens/correlate/records.h"
#include "natlens/net/slab.h"

#include "pair.h"

namespace natlens::correlate {

struct LatencyHistogram {
  static constexpr std::size_t kBuckets = 128;  // 256 ns to 18 minutes
  std::array<std::uint8_t, kBuckets> counts{};  // all halved when one would overflow
};

// As long as no more codes than these occurred, and none of them too often. A count of 0: free.
struct FewLatencies {
  static constexpr std::size_t kCodes = 16;
  std::array<std::uint8_t, kCodes> codes{};
  std::array<std::uint8_t, kCodes> counts{};
};

std::uint8_t latency_code(std::int64_t ns);
std::int64_t latency_of_code(std::uint8_t code);  // the middle of the bucket

class Latencies {
 public:
  // One more packet, `difference_ns` = end 1 minus end 0. Updates least and most, too.
  // REQUIRES: tally.packets does not count it yet.
  void add(DirectionTally& tally, std::int64_t difference_ns);
  // `later_end` is the end that sees this direction's packets second.
  Latency summary(const DirectionTally& tally, unsigned later_end) const;
  void release(DirectionTally& tally);
  std::size_t bytes() const { return few_.bytes() + wide_.bytes(); }

 private:
  static constexpr std::uint32_t kWide = 0x80000000U;  // in tally.histogram: of wide_, not few_
  void count_sample(DirectionTally& tally, std::uint8_t code, std::uint32_t turn);
  void widen(DirectionTally& tally);

  Slab<FewLatencies> few_;
  Slab<LatencyHistogram> wide_;
};

}  // namespace natlens::correlate
