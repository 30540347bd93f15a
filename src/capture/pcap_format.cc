// The classic pcap format (draft-ietf-opsawg-pcap, libpcap's savefile.c for the old variants).

#include "pcap_format.h"

#include <algorithm>
#include <array>

#include "block_reader.h"

namespace natlens::capture {
namespace {

struct Magic {
  std::uint32_t little_endian;  // the first four bytes read as a little-endian word
  bool big_endian;
  bool nanoseconds;
  std::size_t record_bytes;
};
constexpr std::array<Magic, 6> kMagics{{
    {0xa1b2c3d4, false, false, kPcapRecord},
    {0xd4c3b2a1, true, false, kPcapRecord},
    {0xa1b23c4d, false, true, kPcapRecord},
    {0x4d3cb2a1, true, true, kPcapRecord},
    {0xa1b2cd34, false, false, kPcapModifiedRecord},
    {0x34cdb2a1, true, false, kPcapModifiedRecord},
}};

const Magic* find_magic(ByteView bytes) {
  const std::uint32_t word = load_le32(bytes, 0);
  const auto* found = std::find_if(kMagics.begin(), kMagics.end(), [&](const Magic& magic) {
    return magic.little_endian == word;
  });
  return found == kMagics.end() ? nullptr : found;
}

// Nobody sends packets of 16 MiB; the largest of Linux are 512 KiB (BIG TCP).
constexpr std::uint32_t kMaxOriginalBytes = 1U << 24;
constexpr std::uint32_t kDaySeconds = 86400;

// How far records of one header size follow each other.
struct Chain {
  std::size_t records = 0;
  bool broken = false;  // a header that makes no sense
};

// `strict`: no empty packets either, and times near each other; for sizes that nothing speaks
// for.
Chain follow(const PcapFormat& format, std::size_t record_bytes, ByteView bytes, bool strict) {
  constexpr std::size_t kEnough = 16;
  Chain chain;
  std::size_t at = 0;
  std::uint32_t seconds = 0;
  while (chain.records < kEnough && at + record_bytes <= bytes.size()) {
    const PcapRecord record = parse_pcap_record(format, bytes, at);
    chain.broken = !plausible(format, record);
    if (strict && chain.records > 0 && !near_in_time(record, seconds)) chain.broken = true;
    if (strict && record.captured == 0) chain.broken = true;
    if (chain.broken) return chain;
    seconds = record.seconds;
    at += record_bytes + record.captured;
    ++chain.records;
  }
  return chain;
}

// AIX writes version 2.2, the interface's type (RFC 1573, IANA ifType) for the link type, and
// nanoseconds where others of that age write microseconds.
struct AixType {
  LinkType interface_type;
  LinkType link_type;
};
constexpr std::array<AixType, 4> kAixTypes{{
    {6, 1},    // Ethernet
    {9, 6},    // token ring
    {15, 10},  // FDDI
    {24, 0},   // loopback
}};

void take_as_aix(PcapFormat& format) {
  if (format.major != 2 || format.minor != 2) return;
  for (const AixType& type : kAixTypes) {
    if (type.interface_type != format.link_type) continue;
    format.link_type = type.link_type;
    format.nanoseconds = true;
    return;
  }
}

}  // namespace

bool has_pcap_magic(ByteView bytes) {
  return find_magic(bytes) != nullptr;
}

std::optional<PcapFormat> parse_pcap_header(ByteView bytes) {
  const Magic* magic = find_magic(bytes);
  if (magic == nullptr) return std::nullopt;
  PcapFormat format;
  format.big_endian = magic->big_endian;
  format.nanoseconds = magic->nanoseconds;
  format.record_bytes = magic->record_bytes;
  format.major = format.u16(bytes, 4);
  format.minor = format.u16(bytes, 6);
  format.snaplen = format.u32(bytes, 16);
  if (format.snaplen > kMaxCapturedBytes) format.snaplen = 0;
  // The upper half holds the length of the FCS and flags, no part of the link type.
  format.link_type = static_cast<LinkType>(format.u32(bytes, 20) & 0xffff);
  take_as_aix(format);
  return format;
}

bool plausible(const PcapFormat& format, const PcapRecord& record) {
  return record.captured <= kMaxCapturedBytes && record.captured <= record.original &&
         record.original <= kMaxOriginalBytes && record.fraction < format.fraction_limit();
}

bool near_in_time(const PcapRecord& record, std::uint32_t seconds) {
  const std::uint32_t apart =
      record.seconds > seconds ? record.seconds - seconds : seconds - record.seconds;
  return apart <= kDaySeconds;
}

// Read with the wrong size, the seconds of the second record stand where a length is expected,
// and no length is that large: so one look at two records decides.
std::size_t choose_record_size(const PcapFormat& format, ByteView bytes) {
  if (!follow(format, format.record_bytes, bytes, false).broken) return format.record_bytes;
  for (const std::size_t size : {kPcapRecord, kPcapModifiedRecord, kPcapNokiaRecord}) {
    if (size == format.record_bytes) continue;
    const Chain other = follow(format, size, bytes, true);
    if (!other.broken && other.records >= 2) return size;
  }
  return format.record_bytes;
}

}  // namespace natlens::capture
