// gzip, zstd, lz4 frames and lz4 legacy, and whatever format is inside. The first byte chooses
// the compression, whose magic is put in front.

#include <vector>

#include "read_capture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natlens::capture;
  if (size < 1) return 0;
  static constexpr std::uint8_t kMagics[4][4] = {{0x1f, 0x8b, 0x08, 0x00},
                                                 {0x28, 0xb5, 0x2f, 0xfd},
                                                 {0x04, 0x22, 0x4d, 0x18},
                                                 {0x02, 0x21, 0x4c, 0x18}};
  const auto& magic = kMagics[data[0] % 4];
  std::vector<std::uint8_t> file(magic, magic + 4);
  file.insert(file.end(), data + 1, data + size);
  const ExpansionLimits limits{.free_bytes = 1U << 20, .ratio = 100, .total_bytes = 1U << 24};
  fuzz::read_capture(memory_input(file), 8, limits);
  return 0;
}
