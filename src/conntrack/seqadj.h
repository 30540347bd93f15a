// Sequence adjustment (nf_conntrack_seqadj.c): where the payload of a TCP stream grew or shrank
// on its way, everything behind it has shifted numbers.
#pragma once

#include <array>
#include <cstdint>

#include "protocols.h"

namespace natlens::conntrack {

class SequenceAdjustment : public AckOffset {
 public:
  // A segment of this direction at `seq` grew by `growth` bytes (or shrank).
  void resized(Direction direction, std::uint32_t seq, std::int32_t growth);

  // What is added to a sequence number of this direction.
  std::int32_t offset(Direction direction, std::uint32_t seq) const;
  // What is taken off an acknowledgement of this direction's data. `ack` is as it arrives, that
  // is, in shifted numbers.
  std::int32_t ack_offset(Direction of, std::uint32_t ack) const;
  // For the window check, which runs before any adjustment.
  std::uint32_t at(Direction of, std::uint32_t sequence) const override {
    return static_cast<std::uint32_t>(offset(of, sequence));
  }

 private:
  struct Side {
    std::uint32_t position = 0;  // behind it, `after` holds
    std::int32_t before = 0;
    std::int32_t after = 0;
  };
  const Side& side(Direction d) const { return sides_[static_cast<std::size_t>(d)]; }

  std::array<Side, 2> sides_{};
};

}  // namespace natlens::conntrack
