// Classic pcap. The first byte chooses magic and batch, so that mutations go into records.

#include <vector>

#include "read_capture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natlens::capture;
  if (size < 1) return 0;
  static constexpr std::uint8_t kMagics[6][4] = {
      {0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4}, {0x4d, 0x3c, 0xb2, 0xa1},
      {0xa1, 0xb2, 0x3c, 0x4d}, {0x34, 0xcd, 0xb2, 0xa1}, {0xa1, 0xb2, 0xcd, 0x34}};
  const auto& magic = kMagics[data[0] % 6];
  std::vector<std::uint8_t> file(magic, magic + 4);
  file.insert(file.end(), data + 1, data + size);
  fuzz::read_capture(memory_input(file), 1U + data[0] / 6 % 64, {});
  return 0;
}
