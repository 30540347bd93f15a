// Every link type, chosen by the option byte.
#include "decode_frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr natlens::capture::LinkType kLinkTypes[] = {
      1,   113, 276, 101, 0,   108, 9,   50,  51,  104, 107,
      239, 258, 149, 105, 127, 119, 192, 219, 109, 117, 129};
  natlens::fuzz::decode_frames({data, size}, kLinkTypes);
  return 0;
}
