#include "order.h"

#include <algorithm>
#include <cstdlib>

namespace natlens::correlate {
namespace {

constexpr int kMostHops = 63;  // between two taps; the Internet is not wider

}  // namespace

Distance distance_of(const Pair& pair, unsigned opener) {
  const DirectionTally& there = pair.tally[opener];
  const DirectionTally& back = pair.tally[1 - opener];
  Distance out;
  if (there.packets == 0 || back.packets == 0) return out;
  // End 0 first: there = way + offset, back = -way + offset. End 1 first: the signs turn.
  const std::int64_t end0_first = (there.least_ns - back.most_ns) / 2;
  const std::int64_t end1_first = (back.least_ns - there.most_ns) / 2;
  out.ns = std::max(end0_first, end1_first);
  out.known = out.ns >= 0;
  if (out.ns > 0) out.first = end0_first > end1_first ? 0 : 1;
  return out;
}

Hops hops_of(const Pair& pair, unsigned opener) {
  Hops out;
  for (const unsigned direction : {opener, 1 - opener}) {
    const DirectionTally& tally = pair.tally[direction];
    if (!tally.ttl_known || tally.ttl_varies) continue;
    // Lower at end 1 means that this direction passes end 0 first.
    const int count = direction == opener ? -tally.ttl_delta : tally.ttl_delta;
    const auto sign = [](int n) { return n < 0 ? -1 : n > 0 ? 1 : 0; };
    if (std::abs(count) > kMostHops) return {false, true, 0};
    if (out.known && sign(count) != sign(out.count)) return {false, true, 0};
    if (!out.known) out.count = count;
    out.known = true;
  }
  return out;
}

int first_end(const Pair& pair, unsigned opener, const Hops& hops, std::int64_t error_ns) {
  if (hops.count != 0) return hops.count > 0 ? 0 : 1;
  const Distance distance = distance_of(pair, opener);
  if (distance.known) return distance.first;
  for (const unsigned direction : {opener, 1 - opener}) {
    const DirectionTally& tally = pair.tally[direction];
    if (tally.packets == 0) continue;
    if (tally.least_ns > error_ns) return direction == opener ? 0 : 1;
    if (tally.most_ns < -error_ns) return direction == opener ? 1 : 0;
  }
  return -1;
}

double apart(const Pair& pair, unsigned opener) {
  const Distance own = distance_of(pair, opener);
  if (own.known) return static_cast<double>(own.ns);
  const DirectionTally& tally =
      pair.tally[pair.tally[opener].packets != 0 ? opener : 1 - opener];
  return static_cast<double>(std::min(std::abs(tally.least_ns), std::abs(tally.most_ns)));
}

}  // namespace natlens::correlate
