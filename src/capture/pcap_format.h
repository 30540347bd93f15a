// The classic pcap format: what the file header says, record headers, and what a record header
// can plausibly be (for damaged files, and for the two record sizes that share one magic).
#pragma once

#include <cstdint>
#include <optional>

#include "natlens/capture/records.h"
#include "natlens/net/bytes.h"

namespace natlens::capture {

inline constexpr std::size_t kPcapFileHeader = 24;
inline constexpr std::size_t kPcapRecord = 16;
// Alexey Kuznetsov's format: ifindex, ethertype and packet type after the four words.
inline constexpr std::size_t kPcapModifiedRecord = 24;
inline constexpr std::size_t kPcapNokiaRecord = 20;  // four bytes without a known meaning

struct PcapFormat {
  bool big_endian = false;
  bool nanoseconds = false;
  std::uint16_t major = 2;
  std::uint16_t minor = 4;
  std::uint32_t snaplen = 0;  // 0 = unlimited or absurd
  LinkType link_type = 0;
  std::size_t record_bytes = kPcapRecord;  // of a record header

  std::uint16_t u16(ByteView bytes, std::size_t offset) const {
    return big_endian ? load_be16(bytes, offset) : load_le16(bytes, offset);
  }
  std::uint32_t u32(ByteView bytes, std::size_t offset) const {
    return big_endian ? load_be32(bytes, offset) : load_le32(bytes, offset);
  }
  std::uint32_t fraction_limit() const { return nanoseconds ? 1'000'000'000U : 1'000'000U; }
};

// Nothing if the first four bytes are not a pcap magic. REQUIRES: at least kPcapFileHeader
// bytes.
std::optional<PcapFormat> parse_pcap_header(ByteView bytes);
// Whether the four bytes at the start are one of the six magics. REQUIRES: at least 4 bytes.
bool has_pcap_magic(ByteView bytes);

struct PcapRecord {
  std::uint32_t seconds = 0;
  std::uint32_t fraction = 0;
  std::uint32_t captured = 0;
  std::uint32_t original = 0;
};

// REQUIRES: kPcapRecord bytes at `offset`. Puts the lengths right that old versions swapped.
inline PcapRecord parse_pcap_record(const PcapFormat& format,
                                    ByteView bytes,
                                    std::size_t offset) {
  PcapRecord record{format.u32(bytes, offset), format.u32(bytes, offset + 4),
                    format.u32(bytes, offset + 8), format.u32(bytes, offset + 12)};
  // Before 2.3 the original length came first; in 2.3 some programs did it so (libpcap,
  // savefile.c).
  if (format.major == 2 && format.minor <= 3 &&
      (format.minor < 3 || record.captured > record.original)) [[unlikely]] {
    std::swap(record.captured, record.original);
  }
  return record;
}

// Could this be a record header, judged by itself? Used on damaged or unusual files only.
bool plausible(const PcapFormat& format, const PcapRecord& record);
// ... and written within a day of the other one?
bool near_in_time(const PcapRecord& record, std::uint32_t seconds);

// The size of record headers that makes the records in `bytes` (the start of the file after its
// header) follow each other: the one that the magic stands for, unless only another one does.
std::size_t choose_record_size(const PcapFormat& format, ByteView bytes);

}  // namespace natlens::capture
