#include "seqadj.h"

#include "natlens/conntrack/tracker.h"

#include "tcp_segment.h"

namespace natlens::conntrack {

void SequenceAdjustment::resized(Direction direction, std::uint32_t seq, std::int32_t growth) {
  SequenceOffsets& s = sides_[static_cast<std::size_t>(direction)];
  // A retransmission of an earlier resized segment changes nothing.
  if (s.before == s.after || after(seq, s.position)) {
    s.position = seq;
    s.before = s.after;
    s.after += growth;
  }
}

std::uint32_t SequenceAdjustment::at(Direction of, std::uint32_t sequence) const {
  return static_cast<std::uint32_t>(
      sequence_offset(sides_[static_cast<std::size_t>(of)], sequence));
}

std::int32_t sequence_offset(const SequenceOffsets& side, std::uint32_t seq) {
  return after(seq, side.position) ? side.after : side.before;
}

std::int32_t acknowledged_offset(const SequenceOffsets& side, std::uint32_t ack) {
  return after(ack - static_cast<std::uint32_t>(side.before), side.position) ? side.after
                                                                             : side.before;
}

}  // namespace natlens::conntrack
