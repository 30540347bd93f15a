// The parts of pcapng that do not depend on what came before: numbers of blocks and options,
// the byte order of a section, walking over an option list.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "natlens/net/bytes.h"

namespace natlens::capture::pcapng {

namespace block {
inline constexpr std::uint32_t kInterface = 1;
inline constexpr std::uint32_t kPacket = 2;  // obsolete
inline constexpr std::uint32_t kSimplePacket = 3;
inline constexpr std::uint32_t kNames = 4;
inline constexpr std::uint32_t kStatistics = 5;
inline constexpr std::uint32_t kEnhancedPacket = 6;
inline constexpr std::uint32_t kSystemdJournal = 9;
inline constexpr std::uint32_t kSecrets = 10;
inline constexpr std::uint32_t kCustom = 0xbad;
inline constexpr std::uint32_t kCustomNoCopy = 0x40000bad;
inline constexpr std::uint32_t kSection = 0x0a0d0d0a;  // the same in both byte orders
}  // namespace block

inline constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
// type, length, and the length again at the end
inline constexpr std::size_t kBlockOverhead = 12;
inline constexpr std::size_t kTrailerBytes = 4;
inline constexpr std::size_t kSectionHeaderBytes = 28;

namespace option {
inline constexpr std::uint16_t kEnd = 0;
inline constexpr std::uint16_t kComment = 1;
inline constexpr std::uint16_t kSectionHardware = 2;
inline constexpr std::uint16_t kSectionOs = 3;
inline constexpr std::uint16_t kSectionApplication = 4;
inline constexpr std::uint16_t kIfName = 2;
inline constexpr std::uint16_t kIfDescription = 3;
inline constexpr std::uint16_t kIfIpv4 = 4;
inline constexpr std::uint16_t kIfIpv6 = 5;
inline constexpr std::uint16_t kIfTsResolution = 9;
inline constexpr std::uint16_t kIfFilter = 11;
inline constexpr std::uint16_t kIfTsOffset = 14;
inline constexpr std::uint16_t kStatsStart = 2;
inline constexpr std::uint16_t kStatsIfDrop = 5;
inline constexpr std::uint16_t kStatsOsDrop = 7;
inline constexpr std::uint16_t kPacketFlags = 2;
inline constexpr std::uint16_t kPacketDropCount = 4;
}  // namespace option

// Numbers in the byte order of one section.
struct Order {
  bool big_endian = false;

  std::uint16_t u16(ByteView bytes, std::size_t offset) const {
    return big_endian ? load_be16(bytes, offset) : load_le16(bytes, offset);
  }
  std::uint32_t u32(ByteView bytes, std::size_t offset) const {
    return big_endian ? load_be32(bytes, offset) : load_le32(bytes, offset);
  }
  std::uint64_t u64(ByteView bytes, std::size_t offset) const {
    return big_endian ? load_be64(bytes, offset) : load_le64(bytes, offset);
  }
  // A count that is stored as two 32-bit halves, the high one first (packet times, statistics).
  std::uint64_t halves(ByteView bytes, std::size_t offset) const {
    return std::uint64_t{u32(bytes, offset)} << 32 | u32(bytes, offset + 4);
  }
};

constexpr std::size_t padded(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

inline std::string_view text_of(ByteView bytes) {
  // The format's texts have no terminator, but some writers count one in.
  while (!bytes.empty() && bytes.back() == 0) bytes = bytes.first(bytes.size() - 1);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Calls each(code, value) for every option. The list ends with code 0, with the bytes, or at an
// option that is longer than them; false in the last case.
template <typename Each>
bool for_each_option(Order order, ByteView list, Each each) {
  while (list.size() >= 4) {
    const std::uint16_t code = order.u16(list, 0);
    const std::size_t length = order.u16(list, 2);
    if (code == option::kEnd) return true;
    if (list.size() - 4 < length) return false;
    each(code, list.subspan(4, length));
    list = list.subspan(std::min(4 + padded(length), list.size()));
  }
  return list.empty();
}

}  // namespace natlens::capture::pcapng
