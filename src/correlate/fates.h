// Frames with a fate of their own: missing at the other tap, there twice, late, changed on the
// way. Of each kind the first ten of a direction are kept and the last ten; the rest is
// counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "natlens/correlate/records.h"
#include "natlens/net/slab.h"

namespace natlens::correlate {

// What a fate tells before it is known which end comes first.
struct RawFate {
  std::int64_t time = 0;    // reference clock, ns
  std::uint32_t frame = 0;  // ordinal
  std::uint32_t other = 0;  // the same packet at the other end; 0 = none
  std::uint32_t bytes = 0;  // payload
  std::uint32_t late = 0;   // kLate: the frame before it at the end that waited
  std::uint8_t end = 0;     // of the pair, where `frame` is
  // kChanged: by end.
  std::array<std::uint8_t, 2> tos{};
  std::array<std::uint8_t, 2> ttl{};
  std::array<bool, 2> dont_fragment{};
  bool ttl_odd = false;
};

// The fates of one kind in one direction.
struct FateList {
  std::uint32_t count = 0;        // that came while there was room
  std::uint32_t first = kNoSlot;  // chunks of the first ones
  std::uint32_t last = kNoSlot;   // ring of the last ones
};

class FateLog {
 public:
  explicit FateLog(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // O(1). Without room for it (the bound on memory) it is dropped: who counts, counts
  // elsewhere.
  void add(FateList& list, const RawFate& fate);
  // In the order in which they came. The list is empty afterwards.
  void take(FateList& list, std::vector<RawFate>& out);

 private:
  static constexpr std::uint32_t kFirst = 10;
  static constexpr std::uint32_t kLast = 10;
  static constexpr std::uint32_t kChunk = 2;
  struct Chunk {
    std::array<RawFate, kChunk> fates;
    std::uint32_t next = kNoSlot;
  };
  using Ring = std::array<RawFate, kLast>;

  void add_first(FateList& list, const RawFate& fate);

  const std::size_t max_bytes_;
  Slab<Chunk> chunks_;
  Slab<Ring> rings_;
};

}  // namespace natlens::correlate
