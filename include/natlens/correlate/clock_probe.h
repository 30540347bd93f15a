// The clock probe: how far apart are the taps' clocks, before anything is paired?
//
// Each tap keeps only packets whose fingerprint falls under a threshold; all taps keep the same
// ones, and the threshold halves when 64 Ki are held, so memory is fixed. Offset and drift are
// those on which most of the unique common packets agree, both directions used so that the
// path's own delay cancels.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "natlens/correlate/records.h"

namespace natlens::correlate {

class ClockProbe {
 public:
  ClockProbe();
  ~ClockProbe();

  // A packet of global tap `tap`, with its stream::probe_fingerprint; bit 0 tells the two
  // directions of traffic apart, bit 1 says whether it does. A fingerprint of 0 only dates the
  // tap's first frame: call it for every packet, or at least for the first. REQUIRES: time has
  // a value.
  void add(std::uint16_t tap, std::uint64_t fingerprint, Timestamp time);
  // One estimate per tap 0..taps-1 (taps never seen have matches 0). Tap 0 is the reference;
  // taps linked to it only through others are chained; those linked to others, but not to it,
  // share a group of their own. Same input, same answer.
  std::vector<ClockEstimate> estimate(std::uint16_t taps) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::correlate
