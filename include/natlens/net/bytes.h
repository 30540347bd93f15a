// Bytes of packets: bounds-carrying views, big-endian loads, Internet checksums, content
// hashes.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace natlens {

using ByteView = std::span<const std::uint8_t>;

// Big-endian (network order) loads. REQUIRES: offset + width <= bytes.size().
inline std::uint8_t load_u8(ByteView bytes, std::size_t offset) {
  assert(offset < bytes.size());
  return bytes[offset];
}
inline std::uint16_t load_be16(ByteView bytes, std::size_t offset) {
  assert(offset + 2 <= bytes.size());
  std::uint16_t v = 0;
  std::memcpy(&v, bytes.data() + offset, 2);
  return __builtin_bswap16(v);
}
inline std::uint32_t load_be32(ByteView bytes, std::size_t offset) {
  assert(offset + 4 <= bytes.size());
  std::uint32_t v = 0;
  std::memcpy(&v, bytes.data() + offset, 4);
  return __builtin_bswap32(v);
}
inline std::uint64_t load_be64(ByteView bytes, std::size_t offset) {
  assert(offset + 8 <= bytes.size());
  std::uint64_t v = 0;
  std::memcpy(&v, bytes.data() + offset, 8);
  return __builtin_bswap64(v);
}
// Little-endian loads (capture files, WireGuard counters).
inline std::uint16_t load_le16(ByteView bytes, std::size_t offset) {
  return __builtin_bswap16(load_be16(bytes, offset));
}
inline std::uint32_t load_le32(ByteView bytes, std::size_t offset) {
  return __builtin_bswap32(load_be32(bytes, offset));
}
inline std::uint64_t load_le64(ByteView bytes, std::size_t offset) {
  return __builtin_bswap64(load_be64(bytes, offset));
}

inline void store_be16(std::span<std::uint8_t> bytes, std::size_t offset, std::uint32_t value) {
  bytes[offset] = static_cast<std::uint8_t>(value >> 8);
  bytes[offset + 1] = static_cast<std::uint8_t>(value);
}
inline void store_be32(std::span<std::uint8_t> bytes, std::size_t offset, std::uint32_t value) {
  store_be16(bytes, offset, value >> 16);
  store_be16(bytes, offset + 2, value);
}

// Sum of 16-bit big-endian words, folded to 16 bits, not inverted (RFC 1071). An odd last byte
// is padded with zero. Sums of even-length parts may be chained through `initial`.
std::uint16_t checksum_add(ByteView bytes, std::uint16_t initial = 0);
// The Internet checksum field value: the inverse of checksum_add.
std::uint16_t checksum(ByteView bytes, std::uint16_t initial = 0);

// Stable content hash (XXH3, 64 bit): the same in every run and on every machine.
std::uint64_t content_hash(ByteView bytes, std::uint64_t seed = 0);
// Mixes two 64-bit values into one; stable too.
std::uint64_t mix(std::uint64_t a, std::uint64_t b);

}  // namespace natlens
