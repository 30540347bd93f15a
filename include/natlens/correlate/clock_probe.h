// The clock probe: how far apart are the taps' clocks, before anything is paired?
//
// Each tap keeps only packets whose fingerprint falls under a threshold; all taps keep the same
// ones, and the threshold halves when 64 Ki are held, so memory is fixed. Offset and drift are
// those on which most of the unique common packets agree, both directions used so that the
// path's own delay cancels. A clock that was set in the middle of a capture is told by its
// steps, each at a frame; offset and drift are of the clock without them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "natlens/correlate/records.h"

namespace natlens::correlate {

// What a tap's time stamps show alone: where they went back, and where they show nothing for
// long. Keeps the greatest of each.
class ClockTrail {
 public:
  struct Jump {
    std::uint32_t frame = 0;  // the first one behind it; 0 = there is none
    Timestamp time;           // of that frame
    std::int64_t size_ns = 0;
  };

  // Every frame that has a time, in order.
  void frame(std::uint32_t frame, Timestamp time) {
    const std::int64_t moved = last_.has_value() ? (time - last_).count() : 0;
    last_ = time;
    if (moved < 0) keep(backs_, {frame, time, moved == INT64_MIN ? INT64_MAX : -moved});
    if (moved > least_silence_) keep_silence({frame, time, moved});
  }
  // The greatest behind frame `after`, up to frame `until`.
  Jump back(std::uint32_t after, std::uint32_t until) const;
  Jump silence(std::uint32_t after, std::uint32_t until) const;

 private:
  static void keep(std::vector<Jump>& jumps, const Jump& jump);
  void keep_silence(const Jump& jump);

  std::vector<Jump> backs_;  // heaps, the least on top
  std::vector<Jump> silences_;
  std::int64_t least_silence_ = 1'000'000;
  Timestamp last_ = Timestamp::none();
};

class ClockProbe {
 public:
  ClockProbe();
  ~ClockProbe();

  // A packet of global tap `tap` in its frame `frame`, with its stream::probe_fingerprint; bit
  // 0 tells the two directions of traffic apart, bit 1 says whether it does. A fingerprint of 0
  // only dates the tap's first frame: call it for every packet, or at least for the first.
  // REQUIRES: time has a value.
  void add(std::uint16_t tap, std::uint32_t frame, std::uint64_t fingerprint, Timestamp time);
  // What all of the tap's frames show, before estimate().
  void set_trail(std::uint16_t tap, const ClockTrail& trail);
  // One estimate per tap 0..taps-1 (taps never seen have matches 0). Tap 0 is the reference;
  // taps linked to it only through others are chained; those linked to others, but not to it,
  // share a group of their own. Same input, same answer.
  std::vector<ClockEstimate> estimate(std::uint16_t taps) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::correlate
