// Frames whose time stamp cannot be: far from the frame before at the same tap, while those
// behind it go on where that one was. A card's or a driver's slip, or a lie; believed, it would
// let every connection time out. Such a frame gets the time of the one before.
//
// A clock that was set, or a line that was silent, differs: the frames behind stay at the new
// time. So a frame that jumps is decided by some frames behind it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "natlens/capture/records.h"

namespace natlens::capture {

class OddTimes {
 public:
  // Corrects times in `frames`, in their order, and says how many are decided, from the front.
  // The rest is to be given again, first, with what comes next. `last`: nothing more comes that
  // could be waited for. `odd` is told each tap that has one.
  template <typename Odd>
  std::size_t judge(std::span<Frame> frames, bool last, Odd&& odd) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      Frame& frame = frames[i];
      if (!frame.time.has_value()) continue;
      if (frame.tap >= before_.size()) before_.resize(frame.tap + 1U, Timestamp::none());
      Timestamp& before = before_[frame.tap];
      if (!before.has_value()) before = begins(frames.subspan(i));
      if (is_near(frame.time, before)) {
        before = frame.time;
        continue;
      }
      switch (look_behind(frames.subspan(i), before)) {
        case Answer::kOdd:
          frame.time = before;
          odd(frame.tap);
          break;
        case Answer::kUnknown:
          if (!last) return i;
          before = frame.time;
          break;
        case Answer::kMoved:
          before = frame.time;
          break;
      }
    }
    return frames.size();
  }

 private:
  enum class Answer : unsigned char { kMoved, kOdd, kUnknown };

  static bool is_near(Timestamp a, Timestamp b);
  // What the first of these is to a tap that was at `before`.
  static Answer look_behind(std::span<const Frame> frames, Timestamp before);
  // The time at which a tap begins, whose first frame is the first of these.
  static Timestamp begins(std::span<const Frame> frames);

  std::vector<Timestamp> before_;  // by tap: the last time that was believed
};

}  // namespace natlens::capture
