#include "numbers.h"

#include <algorithm>

namespace natlens::correlate {
namespace {

bool is_behind(std::uint32_t number, std::uint32_t after) {
  return static_cast<std::int32_t>(number - after) > 0;
}

// Where in a frame that begins at `start` the position lies that stands for the one at `shown`.
// Frames of one segment have one, larger ones their start and those at every stride.
std::uint32_t position_in(std::uint32_t start, std::uint32_t bytes, std::uint32_t shown) {
  if (bytes <= stream::kOneSegment) return stream::tcp_position(start, bytes);
  const std::uint32_t beyond = (start + shown) % stream::kPositionStride;
  return shown == 0 || beyond > shown ? 0 : shown - beyond;
}

}  // namespace

bool NumberMap::change(unsigned direction, std::uint32_t after, std::int32_t shift) {
  Way& way = ways_[direction];
  if (way.count != 0 && !is_behind(after, way.changes[way.count - 1].after)) return false;
  if (way.count == kMostChanges) {
    way.first = way.changes[0].shift;
    std::move(way.changes.begin() + 1, way.changes.end(), way.changes.begin());
    --way.count;
  }
  way.changes[way.count++] = {after, shift};
  return true;
}

std::int32_t NumberMap::shift_of(unsigned direction, std::uint32_t number) const {
  const Way& way = ways_[direction];
  for (std::size_t i = way.count; i > 0; --i) {
    if (is_behind(number, way.changes[i - 1].after)) return way.changes[i - 1].shift;
  }
  return way.first;
}

stream::Sighting NumberMap::applied(const stream::Sighting& shown) const {
  using stream::SightingKind;
  if (shown.kind > SightingKind::kTcpClose && shown.kind != SightingKind::kTcpShape)
    return shown;
  const auto own = static_cast<unsigned>(shown.direction);
  const std::uint32_t shown_start = shown.seq - shown.offset;
  const std::uint32_t start =
      shown_start - static_cast<std::uint32_t>(shift_of(own, shown_start));
  stream::Sighting out = shown;
  if ((shown.tcp_flags & decode::tcp_flag::kAck) != 0) {
    out.ack = shown.ack - static_cast<std::uint32_t>(shift_of(1 - own, shown.ack));
  }
  out.seq = start + shown.offset;
  if (shown.kind == SightingKind::kTcpShape) return out;
  if (shown.kind == SightingKind::kTcpData) {
    const std::uint32_t offset = position_in(start, shown.payload_bytes, shown.offset);
    if (offset != shown.offset) out.payload_digest = 0;  // of other bytes
    out.offset = static_cast<std::uint16_t>(offset);
    out.seq = start + offset;
  }
  out.fingerprint =
      stream::tcp_fingerprint(out.kind, out.seq, out.ack, out.window, out.tcp_flags);
  return out;
}

}  // namespace natlens::correlate
