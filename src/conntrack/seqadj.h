// Sequence adjustment (nf_conntrack_seqadj.c): where the payload of a TCP stream grew or shrank
// on its way, everything behind it has shifted numbers.
#pragma once

#include <array>
#include <cstdint>

#include "natlens/conntrack/way.h"

#include "protocols.h"

namespace natlens::conntrack {

class SequenceAdjustment : public AckOffset {
 public:
  // A segment of this direction at `seq` grew by `growth` bytes (or shrank).
  void resized(Direction direction, std::uint32_t seq, std::int32_t growth);

  const std::array<SequenceOffsets, 2>& sides() const { return sides_; }
  // For the window check, which runs before any adjustment.
  std::uint32_t at(Direction of, std::uint32_t sequence) const override;

 private:
  std::array<SequenceOffsets, 2> sides_{};
};

}  // namespace natlens::conntrack
