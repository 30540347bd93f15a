// How --memory is shared out: what a hostile capture can make grow is bounded before the first
// frame is read, and the same in every run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace natlens::pipeline {

struct Budget {
  std::size_t waiting_bytes = 0;           // packets that wait for their other side
  std::uint64_t connections = 0;           // being correlated, of all taps
  std::uint32_t connections_at_a_tap = 0;  // tracked
};

// A quarter for what waits; the rest for connections. One costs up to 1 KiB while it lives:
// its entry, its place in correlation and in a pair, its events until they are written
// (measured by scripts/bench). Those that ended stay for the pair window, hence the quarter.
inline Budget share_memory(std::size_t bytes, std::size_t taps) {
  constexpr std::size_t kConnectionBytes = 1024;
  Budget out;
  out.waiting_bytes = bytes / 4;
  out.connections = (bytes - out.waiting_bytes) / kConnectionBytes;
  const std::uint64_t each = out.connections / 4 * 3 / std::max<std::size_t>(taps, 1);
  out.connections_at_a_tap =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(each, 64, UINT32_MAX));
  return out;
}

}  // namespace natlens::pipeline
