// Writing classic pcap and pcapng, little endian. Formats: draft-ietf-opsawg-pcap and -pcapng.

#include "natlens/capture/writer.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "block_reader.h"
#include "file_output.h"
#include "pcapng_format.h"

namespace natlens::capture {
namespace {

namespace block = pcapng::block;
namespace option = pcapng::option;

constexpr std::uint32_t kPcapNanosecondMagic = 0xa1b23c4d;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint8_t kNanosecondResolution = 9;
constexpr std::size_t kOptionOverhead = 4;
constexpr std::size_t kMaxOptionBytes = 65535;

ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view clipped(std::string_view text) {
  return text.substr(0, kMaxOptionBytes);
}

std::size_t option_bytes(std::size_t value_bytes) {
  return kOptionOverhead + pcapng::padded(value_bytes);
}

std::size_t text_option_bytes(std::string_view text) {
  return text.empty() ? 0 : option_bytes(clipped(text).size());
}

void put_option(FileOutput& out, std::uint16_t code, ByteView value) {
  out.put_u16(code);
  out.put_u16(static_cast<std::uint16_t>(value.size()));
  out.put(value);
  out.put_zeros(pcapng::padded(value.size()) - value.size());
}

void put_text_option(FileOutput& out, std::uint16_t code, std::string_view text) {
  if (!text.empty()) put_option(out, code, bytes_of(clipped(text)));
}

void put_end_of_options(FileOutput& out) {
  out.put_u32(option::kEnd);
}

std::uint64_t units_of(Timestamp time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.ns(), 0));
}

void put_time(FileOutput& out, Timestamp time) {
  const std::uint64_t units = units_of(time);
  out.put_u32(static_cast<std::uint32_t>(units >> 32));
  out.put_u32(static_cast<std::uint32_t>(units));
}

std::uint32_t wire_length(std::uint32_t wire_bytes, ByteView bytes) {
  assert(bytes.size() <= kMaxCapturedBytes);
  return std::max(wire_bytes, static_cast<std::uint32_t>(bytes.size()));
}

}  // namespace

PcapWriter::PcapWriter(std::unique_ptr<FileOutput> out) : out_(std::move(out)) {}
PcapWriter::~PcapWriter() = default;

Result<std::unique_ptr<PcapWriter>> PcapWriter::create(const std::string& path,
                                                       LinkType link_type,
                                                       std::uint32_t snaplen) {
  auto out = FileOutput::create(path);
  if (!out) return out.error();
  FileOutput& file = **out;
  file.put_u32(kPcapNanosecondMagic);
  file.put_u16(2);
  file.put_u16(4);
  file.put_u32(0);  // thiszone
  file.put_u32(0);  // sigfigs
  file.put_u32(snaplen);
  file.put_u32(link_type);
  return std::unique_ptr<PcapWriter>(new PcapWriter(std::move(*out)));
}

Result<void> PcapWriter::write(Timestamp time, ByteView bytes, std::uint32_t wire_bytes) {
  constexpr std::int64_t kLatest =
      std::int64_t{std::numeric_limits<std::uint32_t>::max()} * kNsPerSecond + kNsPerSecond - 1;
  const std::int64_t ns = std::clamp<std::int64_t>(time.ns(), 0, kLatest);
  out_->put_u32(static_cast<std::uint32_t>(ns / kNsPerSecond));
  out_->put_u32(static_cast<std::uint32_t>(ns % kNsPerSecond));
  out_->put_u32(static_cast<std::uint32_t>(bytes.size()));
  out_->put_u32(wire_length(wire_bytes, bytes));
  out_->put(bytes);
  return out_->status();
}

Result<void> PcapWriter::flush() {
  return out_->flush();
}
Result<void> PcapWriter::close() {
  return out_->close();
}

PcapngWriter::PcapngWriter(std::unique_ptr<FileOutput> out) : out_(std::move(out)) {}
PcapngWriter::~PcapngWriter() = default;

Result<std::unique_ptr<PcapngWriter>> PcapngWriter::create(const std::string& path,
                                                           std::string_view application) {
  auto out = FileOutput::create(path);
  if (!out) return out.error();
  FileOutput& file = **out;
  const std::size_t options = text_option_bytes(application) + kOptionOverhead;
  const auto length = static_cast<std::uint32_t>(pcapng::kSectionHeaderBytes + options);
  file.put_u32(block::kSection);
  file.put_u32(length);
  file.put_u32(pcapng::kByteOrderMagic);
  file.put_u16(1);
  file.put_u16(0);
  file.put_u64(std::numeric_limits<std::uint64_t>::max());  // length of the section: not known
  put_text_option(file, option::kSectionApplication, application);
  put_end_of_options(file);
  file.put_u32(length);
  return std::unique_ptr<PcapngWriter>(new PcapngWriter(std::move(*out)));
}

Result<std::uint32_t> PcapngWriter::add_interface(const InterfaceDescription& description) {
  // The first byte of a filter option says that it is text for libpcap.
  std::string filter;
  if (!description.filter.empty()) filter = std::string(1, '\0') + description.filter;
  const std::size_t options =
      text_option_bytes(description.name) + text_option_bytes(description.description) +
      text_option_bytes(filter) + text_option_bytes(description.comment) + option_bytes(1) +
      kOptionOverhead;
  const auto length = static_cast<std::uint32_t>(pcapng::kBlockOverhead + 8 + options);
  out_->put_u32(block::kInterface);
  out_->put_u32(length);
  out_->put_u16(description.link_type);
  out_->put_u16(0);
  out_->put_u32(description.snaplen);
  put_text_option(*out_, option::kComment, description.comment);
  put_text_option(*out_, option::kIfName, description.name);
  put_text_option(*out_, option::kIfDescription, description.description);
  put_text_option(*out_, option::kIfFilter, filter);
  put_option(*out_, option::kIfTsResolution, ByteView(&kNanosecondResolution, 1));
  put_end_of_options(*out_);
  out_->put_u32(length);
  if (auto status = out_->status(); !status) return status.error();
  return interfaces_++;
}

Result<void> PcapngWriter::write(const PacketToWrite& packet) {
  assert(packet.interface < interfaces_);
  const std::uint32_t flags = packet.direction == FrameDirection::kIn    ? 1
                              : packet.direction == FrameDirection::kOut ? 2
                                                                         : 0;
  std::size_t options = text_option_bytes(packet.comment) + (flags != 0 ? option_bytes(4) : 0);
  if (options > 0) options += kOptionOverhead;
  const std::size_t data = pcapng::padded(packet.bytes.size());
  const auto length = static_cast<std::uint32_t>(pcapng::kBlockOverhead + 20 + data + options);
  out_->put_u32(block::kEnhancedPacket);
  out_->put_u32(length);
  out_->put_u32(packet.interface);
  put_time(*out_, packet.time);
  out_->put_u32(static_cast<std::uint32_t>(packet.bytes.size()));
  out_->put_u32(wire_length(packet.wire_bytes, packet.bytes));
  out_->put(packet.bytes);
  out_->put_zeros(data - packet.bytes.size());
  put_text_option(*out_, option::kComment, packet.comment);
  if (flags != 0) {
    out_->put_u16(option::kPacketFlags);
    out_->put_u16(4);
    out_->put_u32(flags);
  }
  if (options > 0) put_end_of_options(*out_);
  out_->put_u32(length);
  return out_->status();
}

Result<void> PcapngWriter::write_drops(std::uint32_t interface,
                                       Timestamp time,
                                       std::uint64_t drops) {
  assert(interface < interfaces_);
  const auto length = static_cast<std::uint32_t>(pcapng::kBlockOverhead + 12 + option_bytes(8) +
                                                 kOptionOverhead);
  out_->put_u32(block::kStatistics);
  out_->put_u32(length);
  out_->put_u32(interface);
  put_time(*out_, time);
  out_->put_u16(option::kStatsIfDrop);
  out_->put_u16(8);
  out_->put_u64(drops);
  put_end_of_options(*out_);
  out_->put_u32(length);
  return out_->status();
}

Result<void> PcapngWriter::flush() {
  return out_->flush();
}
Result<void> PcapngWriter::close() {
  return out_->close();
}

}  // namespace natlens::capture
