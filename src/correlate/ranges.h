// Which bytes of a TCP direction a tap showed, as ranges of sequence numbers: where one side
// has frames of 64 KiB and the other one segments, bytes tell what is missing, and frames do
// not.
#pragma once

#include <array>
#include <cstdint>

namespace natlens::correlate {

class SequenceRanges {
 public:
  // [begin, begin + bytes) was seen. Sequence numbers wrap round.
  void add(std::uint32_t begin, std::uint32_t bytes);
  // How many of these bytes were not seen.
  std::uint32_t missing(std::uint32_t begin, std::uint32_t bytes) const;
  // More holes than there is room for: the oldest ones were forgotten, and what lies before
  // here cannot be told any more.
  bool forgot(std::uint32_t begin) const;

 private:
  static constexpr std::size_t kMost = 8;
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  void insert(std::size_t at, Range range);
  void erase(std::size_t from, std::size_t to);

  std::array<Range, kMost> ranges_;  // in order, apart
  std::uint32_t floor_ = 0;          // if holes_: nothing is known of what lies before
  std::uint8_t count_ = 0;
  bool holes_ = false;
};

}  // namespace natlens::correlate
