// Offset and drift of one clock against another, from moments at which both saw the same
// packet. See clock_fit.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace natlens::correlate {

// One packet seen by both clocks.
struct ClockPoint {
  std::int64_t time = 0;        // by the clock in question, ns since its anchor
  std::int64_t difference = 0;  // that clock minus the other one
  bool toward_server = false;   // which way the packet went, the same for both
};

struct ClockFit {
  std::uint32_t matches = 0;   // points that agree; 0 = no answer
  std::int64_t offset_ns = 0;  // at the anchor
  double drift = 0;            // ns per ns
  std::int64_t error_ns = 0;
};

// Reorders `points`.
ClockFit fit_clock(std::vector<ClockPoint>& points);

}  // namespace natlens::correlate
