#include "odd_times.h"

namespace natlens::capture {
namespace {

constexpr Nanoseconds kFar = std::chrono::seconds(10);
constexpr int kEnough = 3;  // frames behind it that stay at the new time, or go on from it

}  // namespace

bool OddTimes::is_near(Timestamp a, Timestamp b) {
  // Captures may hold any number: no difference that overflows.
  const auto far = static_cast<std::uint64_t>(kFar.count());
  const auto x = static_cast<std::uint64_t>(a.ns());
  const auto y = static_cast<std::uint64_t>(b.ns());
  return (a < b ? y - x : x - y) <= far;
}

OddTimes::Answer OddTimes::look_behind(std::span<const Frame> frames, Timestamp before) {
  int seen = 0;
  for (const Frame& frame : frames.subspan(1)) {
    if (frame.tap != frames[0].tap || !frame.time.has_value()) continue;
    if (is_near(frame.time, before)) return Answer::kOdd;
    const bool goes_on = frames[0].time > before && frame.time > frames[0].time;
    if ((goes_on || is_near(frame.time, frames[0].time)) && ++seen == kEnough) {
      return Answer::kMoved;
    }
  }
  return Answer::kUnknown;
}

// A first frame that is later than most of those right behind it is the odd one.
Timestamp OddTimes::begins(std::span<const Frame> frames) {
  Timestamp earliest = frames[0].time;
  int behind = 0;
  int earlier = 0;
  for (const Frame& frame : frames.subspan(1)) {
    if (frame.tap != frames[0].tap || !frame.time.has_value()) continue;
    if (frame.time < frames[0].time && !is_near(frame.time, frames[0].time)) {
      ++earlier;
      if (frame.time < earliest) earliest = frame.time;
    }
    if (++behind == kEnough) break;
  }
  return earlier * 2 > behind ? earliest : frames[0].time;
}

}  // namespace natlens::capture
