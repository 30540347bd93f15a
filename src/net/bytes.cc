#include "natlens/net/bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace natlens {

namespace {

// Adds `word` to a one's complement sum of which `carries` ran over.
void add_with_carry(std::uint64_t& sum, std::uint64_t& carries, const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  sum += word;
  carries += sum < word ? 1 : 0;
}

std::uint64_t folded_to_32(std::uint64_t sum) {
  return (sum & 0xffffffffU) + (sum >> 32);
}

}  // namespace

// RFC 1071: the one's complement sum is the same in any word size, so wide loads, in two
// independent chains, are folded at the end. Byte order is handled once, after folding (2.B).
std::uint16_t checksum_add(ByteView bytes, std::uint16_t initial) {
  std::uint64_t even = 0;
  std::uint64_t odd = 0;
  std::uint64_t carries[2] = {0, 0};
  std::size_t i = 0;
  for (; i + 16 <= bytes.size(); i += 16) {
    add_with_carry(even, carries[0], bytes.data() + i);
    add_with_carry(odd, carries[1], bytes.data() + i + 8);
  }
  std::uint64_t sum = folded_to_32(even) + folded_to_32(odd) + carries[0] + carries[1];
  for (; i + 4 <= bytes.size(); i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + i, 4);
    sum += word;
  }
  std::uint8_t tail[4] = {};
  if (i < bytes.size()) {
    std::memcpy(tail, bytes.data() + i, bytes.size() - i);
    std::uint32_t word = 0;
    std::memcpy(&word, tail, 4);
    sum += word;
  }
  sum = folded_to_32(sum);
  sum = (sum & 0xffffU) + ((sum >> 16) & 0xffffU) + (sum >> 32);
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  std::uint32_t folded = __builtin_bswap16(static_cast<std::uint16_t>(sum));
  folded += initial;
  return static_cast<std::uint16_t>((folded & 0xffffU) + (folded >> 16));
}

std::uint16_t checksum(ByteView bytes, std::uint16_t initial) {
  return static_cast<std::uint16_t>(~checksum_add(bytes, initial));
}

std::uint64_t content_hash(ByteView bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t both[2] = {a, b};
  return XXH3_64bits(both, sizeof both);
}

}  // namespace natlens
