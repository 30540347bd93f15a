// Sequence ranges, against a bitmap.
#include "ranges.h"

#include <random>
#include <vector>

#include "support/catch.h"

namespace natlens::correlate {

TEST_CASE("ranges: what is missing is what a bitmap says, as long as nothing was forgotten",
          "[correlate][ranges]") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 generator(seed);
    const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
    const std::uint32_t base = seed % 2 == 0 ? 1000U : 0xffffff00U;  // some wrap round
    SequenceRanges ranges;
    std::vector<bool> seen(600);
    for (int i = 0; i < 40; ++i) {
      const std::uint32_t begin = random() % 500;
      const std::uint32_t bytes = 1 + random() % (seed % 3 == 0 ? 90U : 20U);
      ranges.add(base + begin, bytes);
      for (std::uint32_t n = begin; n < begin + bytes; ++n) seen[n] = true;
      const std::uint32_t from = random() % 500;
      const std::uint32_t length = 1 + random() % 60;
      if (ranges.forgot(base + from)) continue;
      std::uint32_t missing = 0;
      for (std::uint32_t n = from; n < from + length; ++n) missing += seen[n] ? 0 : 1;
      CHECK(ranges.missing(base + from, length) == missing);
    }
  }
}

TEST_CASE("ranges: beyond eight of them the oldest is forgotten, and said to be",
          "[correlate][ranges]") {
  SequenceRanges ranges;
  for (std::uint32_t n = 0; n < 9; ++n) ranges.add(n * 100, 50);
  CHECK(ranges.forgot(0));
  CHECK(ranges.forgot(99));
  CHECK_FALSE(ranges.forgot(100));
  CHECK(ranges.missing(100, 100) == 50);
  CHECK(ranges.missing(800, 50) == 0);
}

}  // namespace natlens::correlate
