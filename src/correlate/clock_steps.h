// Moments at which one clock stepped against another, told by the packets that both saw. See
// clock_steps.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/correlate/clock_probe.h"

namespace natlens::correlate {

// One packet seen by both clocks, in the order of the frames of the tap in question.
struct StepPoint {
  std::int64_t time = 0;        // by the clock in question, ns since its anchor
  std::int64_t difference = 0;  // that clock minus the other one
  std::uint32_t frame = 0;      // at the tap in question
  std::uint32_t other_frame = 0;
  bool toward_server = false;
};

struct FoundStep {
  std::size_t first_after = 0;  // index into the points
  std::int64_t step_ns = 0;     // what the clock in question shows more than before
  std::int64_t error_ns = 0;
  bool of_other = false;  // the other clock stepped, the other way
};

// Removes points that agree by chance, and gives the steps between those that are left. A step
// is said to be the clock's in question unless the trails tell otherwise.
std::vector<FoundStep> find_steps(std::vector<StepPoint>& points,
                                  const ClockTrail& own,
                                  const ClockTrail& other);

}  // namespace natlens::correlate
