// Telling good blocks of a pcapng from damage, and finding the next good one.
#pragma once

#include <cstdint>
#include <optional>

#include "block_reader.h"
#include "pcapng_format.h"

namespace natlens::capture::pcapng {

// Longer blocks are taken for damage. Key logs and journals of some MiB exist.
inline constexpr std::uint32_t kMaxBlockBytes = 1U << 26;

// The byte order that the section header at the start of `bytes` is written in. REQUIRES: at
// least kBlockOverhead bytes.
std::optional<Order> section_order(ByteView bytes);

// Does the block end with its own length? True if the end is not in `view`. A length that is no
// multiple of 4 was counted by some writers without and by some with its padding.
inline bool trailer_matches(Order order, ByteView view, std::uint32_t length) {
  if (view.size() < length) return true;
  if (order.u32(view, length - kTrailerBytes) == length) return true;
  const std::size_t size = padded(length);
  return size != length && view.size() >= size &&
         order.u32(view, size - kTrailerBytes) == length;
}

// Is there a sane block, or the end of the file, `at` bytes further on? May read on.
bool block_follows(BlockReader& blocks, Order order, std::size_t at);

// Moves on, in steps of 4 bytes, to the next block of a known type that ends with its own
// length. The byte order from there on, or nothing at the end of the file.
std::optional<Order> find_good_block(BlockReader& blocks, Order order);

}  // namespace natlens::capture::pcapng
