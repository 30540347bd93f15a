// How often was this seen? A count-min sketch of fixed size with two rows and conservative
// update, over a sliding past: when as many things were counted as half a row is wide, all
// counts are halved, so that a count is hardly ever too high by chance, and the total is halved
// with them. Deterministic: the same additions in the same order give the same answers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "natlens/net/slab.h"

namespace natlens::correlate {

class FrequencySketch {
 public:
  // REQUIRES: width is a power of two.
  explicit FrequencySketch(std::size_t width)
      : mask_(width - 1), limit_(width / 2), rows_(width * 2) {}

  // `key` is a hash already. Returns true if the counts were halved.
  bool add(std::uint64_t key) {
    std::uint16_t& one = first(key);
    std::uint16_t& two = second(key);
    const std::uint16_t least = std::min(one, two);
    if (least != UINT16_MAX) {
      if (one == least) ++one;
      if (two == least) ++two;
    }
    if (++total_ < limit_) return false;
    for (std::uint16_t& cell : rows_) cell = static_cast<std::uint16_t>(cell / 2);
    total_ /= 2;
    return true;
  }
  std::uint32_t count(std::uint64_t key) const {
    return std::min(rows_[key & mask_], rows_[mask_ + 1 + (key >> 32 & mask_)]);
  }
  void prefetch(std::uint64_t key) const {
    prefetch_line(&rows_[key & mask_]);
    prefetch_line(&rows_[mask_ + 1 + (key >> 32 & mask_)]);
  }

 private:
  std::uint16_t& first(std::uint64_t key) { return rows_[key & mask_]; }
  std::uint16_t& second(std::uint64_t key) { return rows_[mask_ + 1 + (key >> 32 & mask_)]; }

  std::size_t mask_;
  std::uint64_t limit_;
  std::uint64_t total_ = 0;
  std::vector<std::uint16_t> rows_;
};

}  // namespace natlens::correlate
