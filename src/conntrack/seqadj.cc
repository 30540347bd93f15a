#include "seqadj.h"

#include "tcp_segment.h"

namespace natlens::conntrack {

void SequenceAdjustment::resized(Direction direction, std::uint32_t seq, std::int32_t growth) {
  Side& s = sides_[static_cast<std::size_t>(direction)];
  // A retransmission of an earlier resized segment changes nothing.
  if (s.before == s.after || after(seq, s.position)) {
    s.position = seq;
    s.before = s.after;
    s.after += growth;
  }
}

std::int32_t SequenceAdjustment::offset(Direction direction, std::uint32_t seq) const {
  const Side& s = side(direction);
  return after(seq, s.position) ? s.after : s.before;
}

std::int32_t SequenceAdjustment::ack_offset(Direction of, std::uint32_t ack) const {
  const Side& s = side(of);
  return after(ack - static_cast<std::uint32_t>(s.before), s.position) ? s.after : s.before;
}

}  // namespace natlens::conntrack
