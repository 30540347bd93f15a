// The order of taps along the way: which of two saw a packet first, and which pair of three is
// the long one, with the third tap between.
//
// A router lowers the TTL, so the TTL tells first. Where it did not change, time does: with
// packets in both directions, the least way there plus the least way back is free of any
// clock's offset; with one direction only, the difference must exceed the clocks' error.
#pragma once

#include <cstdint>

#include "pair.h"

namespace natlens::correlate {

// Half the least way there and back between the ends, and which end the opener's packets pass
// first. known = false if packets of one direction are missing or the sums contradict.
struct Distance {
  bool known = false;
  std::int64_t ns = 0;
  int first = -1;
};
// `opener` is the direction (of end 0) in which the connection's opener sends.
Distance distance_of(const Pair& pair, unsigned opener);

// Hops by TTL, signed: positive if the opener's packets pass end 0 first. 0 = unchanged or
// unknown (`known` says which). Routers lower the TTL both ways; where one direction says that
// they stand between and the other does not, or says the opposite, or where they were too many
// to be true, a program sent the packets anew with a TTL of its own (`resent`), and the count
// is 0.
struct Hops {
  bool known = false;
  bool resent = false;
  int count = 0;
};
Hops hops_of(const Pair& pair, unsigned opener);

// The end that the opener's packets pass first: 0, 1, or -1 if it cannot be told.
int first_end(const Pair& pair, unsigned opener, const Hops& hops, std::int64_t error_ns);

// How far apart the ends of a pair lie by its own packets; a single direction tells it only as
// far as the clocks agree.
double apart(const Pair& pair, unsigned opener);

}  // namespace natlens::correlate
