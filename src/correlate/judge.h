// Is a pair good enough, and clearly better than its rivals?
//
// Rivals claim the same packets: they share a connection with the pair, have their other one at
// the same tap, and overlap in time. A rival whose own other connection is clearly better off
// with somebody else does not count. Partners that follow each other in time are no rivals, nor
// is a stray (packets that opened no entry) to a pair of entries.
#pragma once

#include <cstdint>
#include <limits>

#include "natlens/correlate/correlator.h"

#include "pair.h"
#include "taps.h"

namespace natlens::correlate {

class Judge {
 public:
  Judge(const Options& options, const Taps& taps, const PairTable& pairs)
      : options_(options), taps_(taps), pairs_(pairs) {}

  // The bits pass the threshold. Taps whose clocks have nothing in common meet only by chance
  // in raw time: there it takes a certain pair, of more than one packet.
  bool enough(const Pair& pair) const;
  // Lead over the best rival; infinity without one.
  float margin(std::uint32_t pair) const;
  // The lead that makes it acceptable.
  float needed_margin(const Pair& pair) const {
    return static_cast<float>(pair.by_odds() ? kOddsMargin : options_.margin_bits);
  }
  bool acceptable(std::uint32_t pair) const {
    return enough(pairs_[pair]) && margin(pair) >= needed_margin(pairs_[pair]);
  }
  // Every rival of `pair` at its end `end`.
  template <typename Use>
  void each_rival(std::uint32_t number, unsigned end, Use&& use) const {
    const Pair& pair = pairs_[number];
    const std::uint32_t slot = pair.connection[end];
    const std::uint16_t tap = pair.tap(1 - end);
    pairs_.each(slot, [&](std::uint32_t r, const Pair& rival) {
      if (r == number || rival.lost || rival.tap(1 - rival.end_of(slot)) != tap) return;
      if (rival.stray && !pair.stray) return;
      if (pair.contests(rival, slot)) use(r, rival);
    });
  }

 private:
  // Pairs by odds: their bits are the odds themselves, with nothing above chance to spare.
  static constexpr double kOddsBits = 14;
  static constexpr double kOddsMargin = 5;
  static constexpr double kVolumeBits = 14;

  // `rival` shares connection `slot` with the pair `except`; its other one belongs elsewhere.
  bool beaten(std::uint32_t rival, std::uint32_t slot, std::uint32_t except) const;

  const Options& options_;
  const Taps& taps_;
  const PairTable& pairs_;
};

}  // namespace natlens::correlate
