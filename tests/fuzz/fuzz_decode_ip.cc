// Raw IP: headers, extension headers, fragments, transports, tunnels directly over IP.
#include "decode_frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr natlens::capture::LinkType kLinkTypes[] = {101};
  natlens::fuzz::decode_frames({data, size}, kLinkTypes);
  return 0;
}
