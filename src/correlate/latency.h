// Latencies of a pair's packets: the first eight of a direction as codes in the pair itself,
// then a histogram from a pool. A code is a bucket: each power of two of microseconds is cut
// into four, so that neighbours differ by a factor of 1.19.
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
  std::size_t bytes() const { return pool_.bytes(); }

 private:
  Slab<LatencyHistogram> pool_;
};

}  // namespace natlens::correlate
