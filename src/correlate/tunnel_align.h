// Two sequences in order, inner packets and outer ones: which outer packet carries which inner
// one?
//
// The best set of pairs that never cross: each pair has a weight that falls with the time
// between its packets, a gap costs, a wrong size is impossible. Found by dynamic programming in
// a band, from both ends, so that for every outer packet the score of the best arrangement is
// known for each of its choices: the lead of the best choice over the others is its margin.
// Where packets of equal length are lost the margin is small, and the answer is "one of these".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tunnel_sizes.h"

namespace natlens::correlate {

struct AlignedInner {
  std::int64_t time = 0;
  std::uint32_t bytes = 0;
  std::uint32_t owner = 0;  // connection and direction: choices of one owner are as good
  float skip = 0;           // bits that it costs to leave it without an outer packet
};

struct AlignedOuter {
  std::int64_t earliest = 0;  // of the taps that saw it
  std::int64_t latest = 0;
  std::int64_t typical = 0;  // time from one to the other that is no surprise, > 0
  std::int64_t reach = 0;    // and the most that is believed
  std::uint32_t bytes = 0;
  bool hole = false;  // missing at every tap, its length unknown
};

// How inner and outer packets lie in time.
struct LagModel {
  bool outer_first = false;  // the inner tap is at the receiving end
  std::int64_t slack = 0;    // of the wrong order that clocks may show

  std::int64_t lag(const AlignedInner& inner, const AlignedOuter& outer) const {
    return outer_first ? inner.time - outer.latest : outer.earliest - inner.time;
  }
};

struct Choice {
  static constexpr std::int32_t kNone = -1;
  std::int32_t inner = kNone;
  float margin = 0;        // bits ahead of any other choice
  float owner_margin = 0;  // ... ahead of any choice of another owner
};

// Bits of a pair without surprise, and what an outer packet without inner one costs.
inline constexpr float kPairBits = 10;
inline constexpr float kOuterGap = 5;
// Of a pair with one that was sent unseen: it may have been a keepalive.
inline constexpr float kHoleBits = 5;

class Alignment {
 public:
  // A choice per outer packet. `inner` is sorted by time, `outer` by the sender's order. Cost:
  // the number of outer packets times at most kBand. Buffers are kept.
  std::span<const Choice> align(std::span<const AlignedInner> inner,
                                std::span<const AlignedOuter> outer,
                                const SizeRule& rule,
                                const LagModel& lags);

 private:
  static constexpr std::size_t kBand = 96;

  // Inner packets that an outer one may carry: [low, high).
  struct Range {
    std::size_t low = 0;
    std::size_t high = 0;
    std::size_t width() const { return high - low; }
  };

  void find_ranges();
  void forward();
  void backward();
  void choose();
  float weight(std::size_t row, std::size_t column) const;
  float before(std::size_t row, std::size_t consumed) const;
  float after(std::size_t row, std::size_t consumed) const;

  std::span<const AlignedInner> inner_;
  std::span<const AlignedOuter> outer_;
  SizeRule rule_;
  LagModel lags_;
  std::vector<Range> ranges_;
  std::vector<float> weights_;   // by row, kStride each
  std::vector<float> forward_;   // [row]: outer packets before it placed, by inner ones used
  std::vector<float> backward_;  // [row]: it and those behind it placed, by inner ones used
  std::vector<Choice> choices_;
};

}  // namespace natlens::correlate
