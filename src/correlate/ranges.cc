#include "ranges.h"

#include <algorithm>

namespace natlens::correlate {
namespace {

// RFC 9293, 3.4: numbers are compared modulo 2^32.
bool before(std::uint32_t one, std::uint32_t other) {
  return static_cast<std::int32_t>(one - other) < 0;
}

}  // namespace

void SequenceRanges::insert(std::size_t at, Range range) {
  if (count_ == kMost) {
    const std::uint32_t floor = ranges_[at == 0 ? 0 : 1].begin;
    if (!holes_ || before(floor_, floor)) floor_ = floor;
    holes_ = true;
    if (at == 0) return;  // itself the oldest
    std::copy(ranges_.begin() + 1, ranges_.begin() + static_cast<std::ptrdiff_t>(at),
              ranges_.begin());
    ranges_[at - 1] = range;
    return;
  }
  std::copy_backward(ranges_.begin() + static_cast<std::ptrdiff_t>(at),
                     ranges_.begin() + count_, ranges_.begin() + count_ + 1);
  ranges_[at] = range;
  ++count_;
}

void SequenceRanges::erase(std::size_t from, std::size_t to) {
  std::copy(ranges_.begin() + static_cast<std::ptrdiff_t>(to), ranges_.begin() + count_,
            ranges_.begin() + static_cast<std::ptrdiff_t>(from));
  count_ = static_cast<std::uint8_t>(count_ - (to - from));
}

void SequenceRanges::add(std::uint32_t begin, std::uint32_t bytes) {
  Range range{begin, begin + bytes};
  std::size_t from = 0;
  while (from < count_ && before(ranges_[from].end, range.begin)) ++from;
  std::size_t to = from;
  while (to < count_ && !before(range.end, ranges_[to].begin)) {
    if (before(ranges_[to].begin, range.begin)) range.begin = ranges_[to].begin;
    if (before(range.end, ranges_[to].end)) range.end = ranges_[to].end;
    ++to;
  }
  if (to == from) return insert(from, range);
  ranges_[from] = range;
  erase(from + 1, to);
}

std::uint32_t SequenceRanges::missing(std::uint32_t begin, std::uint32_t bytes) const {
  std::uint32_t left = bytes;
  const std::uint32_t end = begin + bytes;
  for (std::size_t i = 0; i < count_; ++i) {
    const std::uint32_t low = before(ranges_[i].begin, begin) ? begin : ranges_[i].begin;
    const std::uint32_t high = before(end, ranges_[i].end) ? end : ranges_[i].end;
    if (before(low, high)) left -= high - low;
  }
  return left;
}

bool SequenceRanges::forgot(std::uint32_t begin) const {
  return holes_ && before(begin, floor_);
}

}  // namespace natlens::correlate
