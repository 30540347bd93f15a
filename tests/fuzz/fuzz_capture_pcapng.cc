// pcapng. The first byte chooses the batch; a section header in little endian is put before.

#include <vector>

#include "read_capture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natlens::capture;
  if (size < 1) return 0;
  static constexpr std::uint8_t kSection[28] = {
      0x0a, 0x0d, 0x0d, 0x0a, 28,   0,    0,    0,    0x4d, 0x3c, 0x2b, 0x1a, 1, 0,
      0,    0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 28,   0,    0, 0};
  std::vector<std::uint8_t> file(kSection, kSection + sizeof kSection);
  file.insert(file.end(), data + 1, data + size);
  fuzz::read_capture(memory_input(file), 1U + data[0] % 64, {});
  return 0;
}
