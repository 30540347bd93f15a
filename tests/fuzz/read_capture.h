// Reads a capture from memory as a source does, and holds what every frame promises.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "natlens/capture/records.h"
#include "natlens/net/bytes.h"

#include "byte_input.h"
#include "decompress.h"
#include "open_capture.h"
#include "tap_table.h"

namespace natlens::capture::fuzz {

inline void require(bool promise) {
  if (!promise) std::abort();
}

// `batch`: frames asked for at once, 1 to 64.
inline void read_capture(std::unique_ptr<ByteInput> input,
                         std::size_t batch,
                         const ExpansionLimits& limits) {
  FileInfo info;
  auto reader = open_capture(std::move(input), &info, limits);
  if (!reader) {
    require(!reader.error().message.empty());
    return;
  }
  TapTable taps("fuzz", "");
  taps.begin_file();
  std::array<Frame, 64> frames;
  std::uint32_t last_number = 0;
  std::uint64_t sum = 0;
  while (const std::size_t count = (*reader)->read({frames.data(), batch})) {
    require(count <= batch);
    for (std::size_t i = 0; i < count; ++i) {
      Frame& frame = frames[i];
      require(frame.number > last_number && frame.bytes.size() <= frame.wire_bytes);
      require(frame.interface < (*reader)->interfaces().size());
      last_number = frame.number;
      const std::int32_t tap = taps.tap_of(frame, (*reader)->interfaces());
      require(tap >= 0 && static_cast<std::size_t>(tap) < taps.taps().size());
      frame.tap = static_cast<std::uint16_t>(tap);
      taps.count(frame);
      for (const std::uint8_t byte : frame.bytes) sum += byte;  // all may be read
    }
    for (const std::uint32_t interface : (*reader)->changed()) {
      taps.update_drops(interface, (*reader)->interfaces()[interface]);
    }
    (*reader)->clear_changed();
  }
  require((*reader)->read({frames.data(), batch}) == 0 && sum + 1 > 0);
  require(info.notes.size() <= 16 && info.comments.size() <= 256 && info.names.size() <= 4096);
}

}  // namespace natlens::capture::fuzz
