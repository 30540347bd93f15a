// Any text as a file of keys; what was understood is tried on a packet.
#include <array>

#include "decode_frames.h"

namespace {

// A raw IPv4 packet with ESP of SPI 0x100 in it.
constexpr std::array<std::uint8_t, 64> kEsp{0x45, 0, 0,   64, 0, 1, 0, 0, 64, 50, 0, 0, 192, 0,
                                            2,    1, 192, 0,  2, 2, 0, 0, 1,  0,  0, 0, 0,   1};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto ring = std::make_shared<natlens::decode::KeyRing>();
  const auto added = ring->add({reinterpret_cast<const char*>(data), size}, "fuzz.keys");
  if (!added) natlens::fuzz::require(added.error().message.starts_with("fuzz.keys:"));
  natlens::decode::DecoderOptions options;
  options.keys = ring;
  natlens::decode::Decoder decoder(options);
  natlens::decode::DecodedFrame out;
  natlens::capture::Frame frame;
  frame.link_type = 101;
  frame.bytes = kEsp;
  frame.wire_bytes = static_cast<std::uint32_t>(kEsp.size());
  decoder.decode(frame, out);
  natlens::fuzz::check(out);
  return 0;
}
