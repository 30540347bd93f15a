// Fates: the first ten and the last ten, in order, within a bound on memory.
#include "fates.h"

#include "support/catch.h"

namespace natlens::correlate {
namespace {

std::vector<std::uint32_t> frames(FateLog& log, std::uint32_t count) {
  FateList list;
  for (std::uint32_t n = 1; n <= count; ++n) {
    RawFate fate;
    fate.frame = n;
    log.add(list, fate);
  }
  std::vector<RawFate> taken;
  log.take(list, taken);
  std::vector<std::uint32_t> out;
  for (const RawFate& fate : taken) out.push_back(fate.frame);
  return out;
}

}  // namespace

TEST_CASE("fates: few are all kept, of many the first ten and the last ten",
          "[correlate][fates]") {
  FateLog log(std::size_t{1} << 20);
  for (std::uint32_t count = 0; count <= 20; ++count) {
    const auto kept = frames(log, count);
    REQUIRE(kept.size() == count);
    for (std::uint32_t n = 0; n < count; ++n) CHECK(kept[n] == n + 1);
  }
  const auto kept = frames(log, 1003);
  REQUIRE(kept.size() == 20);
  CHECK(kept[9] == 10);
  CHECK(kept[10] == 994);
  CHECK(kept[19] == 1003);
}

TEST_CASE("fates: without room none is kept", "[correlate][fates]") {
  FateLog log(0);
  CHECK(frames(log, 100).empty());
}

}  // namespace natlens::correlate
