// UDP payloads behind a header that is given: two bytes choose the ports, the rest is the
// payload.
#include <array>
#include <vector>

#include "decode_frames.h"

namespace {

constexpr std::uint16_t kPorts[] = {4789, 4790, 6081, 2152, 4500, 500,  1701, 3544,  3653,
                                    4341, 4342, 4754, 5072, 6080, 6635, 1194, 51820, 40000};

// An IPv4 and a UDP header with the lengths of `payload`.
std::vector<std::uint8_t> datagram(std::uint16_t port, std::span<const std::uint8_t> payload) {
  const auto total = static_cast<std::uint16_t>(28 + payload.size());
  const auto length = static_cast<std::uint16_t>(8 + payload.size());
  const auto high = [](std::uint16_t v) { return static_cast<std::uint8_t>(v >> 8); };
  const auto low = [](std::uint16_t v) { return static_cast<std::uint8_t>(v); };
  std::vector<std::uint8_t> packet = {
      0x45,         0,           high(total), low(total), 0,    1,    0,          0,
      64,           17,          0,           0,          192,  0,    2,          1,
      192,          0,           2,           2,          0xc3, 0x50, high(port), low(port),
      high(length), low(length), 0,           0};
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 60000) return 0;
  std::span<const std::uint8_t> input(data, size);
  natlens::decode::Decoder decoder({.open_esp_null = true});
  natlens::decode::DecodedFrame out;
  const std::uint16_t port = kPorts[input[0] % std::size(kPorts)];
  const std::size_t repeat = 1U + input[1] % 3U;  // shapes want several packets
  const auto packet = datagram(port, input.subspan(2));
  natlens::capture::Frame frame;
  frame.link_type = 101;
  frame.bytes = packet;
  frame.wire_bytes = static_cast<std::uint32_t>(packet.size());
  frame.time = natlens::Timestamp::from_ns(1);
  for (std::size_t i = 0; i < repeat; ++i) {
    decoder.decode(frame, out);
    natlens::fuzz::check(out);
  }
  if ((input[1] & 0x80U) != 0) {
    frame.bytes = frame.bytes.first(frame.bytes.size() / 2);
    decoder.decode(frame, out);
    natlens::fuzz::check(out);
  }
  return 0;
}
