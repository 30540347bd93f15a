#include "judge.h"

#include <algorithm>

namespace natlens::correlate {

bool Judge::enough(const Pair& pair) const {
  // No packet of an encrypted relay's two sides is the same, so nothing relates their taps.
  if (pair.by_volume) return pair.total >= static_cast<float>(kVolumeBits);
  if (taps_.related(pair.tap0, pair.tap1)) {
    return pair.total >= static_cast<float>(pair.by_odds() ? kOddsBits : options_.min_bits);
  }
  return pair.total >= static_cast<float>(options_.certain_bits) &&
         pair.tally[0].votes + pair.tally[1].votes > 1;
}

bool Judge::beaten(std::uint32_t rival, std::uint32_t slot, std::uint32_t except) const {
  const Pair& pair = pairs_[rival];
  const unsigned other_end = 1 - pair.end_of(slot);
  const float needed = pair.total + needed_margin(pair);
  bool out = false;
  each_rival(rival, other_end, [&](std::uint32_t r, const Pair& better) {
    if (r != except && better.total >= needed) out = true;
  });
  return out;
}

float Judge::margin(std::uint32_t number) const {
  const Pair& pair = pairs_[number];
  float best = -std::numeric_limits<float>::infinity();
  for (unsigned end = 0; end < 2; ++end) {
    each_rival(number, end, [&](std::uint32_t r, const Pair& rival) {
      if (rival.total > best && !beaten(r, pair.connection[end], number)) best = rival.total;
    });
  }
  return pair.total - best;
}

}  // namespace natlens::correlate
