// Turns fuzz input into frames for one Decoder. The input is a list of records: option byte,
// length of two bytes, frame bytes. The option byte says how much of the frame was captured and
// how the clock moves, so that fragments, flows and cuts are reached.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>

#include "natlens/decode/decoder.h"

namespace natlens::fuzz {

inline void require(bool condition) {
  if (!condition) std::abort();
}

// What must hold of any answer; reads every view to its end, so that a sanitizer sees them.
inline void check(const decode::DecodedFrame& out) {
  require(out.layer_count <= decode::kMaxLayers && out.via_count <= decode::kMaxVia);
  std::uint32_t sum = 0;
  for (const decode::Layer& layer : out.layers()) {
    require(layer.via_begin <= layer.via_end && layer.via_end <= out.via_count);
    require(layer.l4.size() <= layer.l4_wire_bytes || layer.l4.empty());
    require(layer.payload.size() <= layer.l4.size());
    for (const std::uint8_t byte : layer.ip) sum += byte;
    for (const std::uint8_t byte : layer.l4) sum += byte;
    for (const std::uint8_t byte : layer.payload) sum += byte;
    sum += tuple_of(layer).dst_port;
    sum += static_cast<std::uint32_t>(verify_l4_checksum(layer));
  }
  volatile std::uint32_t sink = sum;
  static_cast<void>(sink);
}

// Calls use(frame, option byte) for each record.
template <typename Use>
void each_frame(std::span<const std::uint8_t> input,
                std::span<const capture::LinkType> link_types,
                Use use) {
  std::int64_t now = 1'000'000'000;
  std::uint32_t number = 0;
  while (input.size() > 3) {
    const std::uint8_t option = input[0];
    const std::size_t length = std::min<std::size_t>(
        input.size() - 3, static_cast<std::size_t>(input[1] << 8 | input[2]));
    capture::Frame frame;
    frame.number = frame.ordinal = ++number;
    frame.link_type = link_types[option % link_types.size()];
    const std::size_t cut = (option & 0x40) != 0 ? length / 2 : length;
    frame.bytes = input.subspan(3, cut);
    frame.wire_bytes = static_cast<std::uint32_t>(length);
    now += (option & 0x80) != 0 ? 20'000'000'000 : 1'000'000;
    frame.time = Timestamp::from_ns(now);
    use(frame, option);
    input = input.subspan(3 + length);
  }
}

inline void decode_frames(std::span<const std::uint8_t> input,
                          std::span<const capture::LinkType> link_types) {
  decode::Decoder decoder({.fragment_bytes = 1 << 18, .open_esp_null = true});
  decode::Decoder single({.reassemble = false});
  decode::DecodedFrame out;
  each_frame(input, link_types, [&](const capture::Frame& frame, std::uint8_t) {
    decoder.decode(frame, out);
    check(out);
    single.decode(frame, out);
    check(out);
  });
}

}  // namespace natlens::fuzz
