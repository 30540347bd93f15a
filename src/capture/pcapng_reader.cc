// Reads pcapng: a walk from block to block.
//
// step() looks at one block. Packets become frames where they lie in the buffer; sections,
// interfaces, statistics, names and secrets are noted; all else is passed over by its length.
// While frames of the same batch are out, step() must not read on (kWait): the next call begins
// there.
//
// A block longer than the buffer gives what its first part says. A length that no block can
// have, or a second length that differs and has no block behind it, is damage: search on, in
// steps of 4 bytes, for a block of a known type that ends with its own length.
//
// Interfaces are numbered over all sections (Frame::interface); in each section they start
// anew, so `section_base_` is added to the numbers of the file.

#include "pcapng_reader.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "pcapng_blocks.h"
#include "pcapng_format.h"
#include "pcapng_resync.h"

namespace natlens::capture {
namespace {

namespace block = pcapng::block;

// More are not declared: a hostile file could fill the memory with them.
constexpr std::size_t kMaxInterfaces = 65536;
constexpr std::size_t kPacketHeaderBytes = 28;  // enhanced and old packet block, up to the data
constexpr std::size_t kSimplePacketHeaderBytes = 12;  // simple packet block, up to the data
using pcapng::kTrailerBytes;

class PcapngReader final : public FormatReader {
 public:
  PcapngReader(std::unique_ptr<BlockReader> blocks, FileInfo* info)
      : FormatReader(info), blocks_(std::move(blocks)) {
    set_format("pcapng");
  }

  std::size_t read(std::span<Frame> out) override {
    std::size_t count = 0;
    while (count < out.size()) {
      const Step step = take_block(out[count], count == 0);
      if (step == Step::kFrame) ++count;
      if (step == Step::kWait || step == Step::kEnd) break;
    }
    return count;
  }
  std::uint64_t offset() const override { return blocks_->offset(); }
  std::uint64_t raw_bytes() const override { return blocks_->raw_bytes(); }

 private:
  enum class Step : std::uint8_t {
    kFrame,  // a frame was filled
    kNext,   // a block without a frame
    kWait,   // the block is not all in the buffer, and reading on was not allowed
    kEnd,
  };
  // Oddities of which each file tells the first only.
  enum Odd : unsigned {
    kUndeclared = 1,
    kTooMany = 2,
    kTrailer = 4,
    kLongCaptured = 8,
    kResolution = 16,
    kTimeRange = 32,
    kUnaligned = 64,
    kNoRoom = 128,
  };
  // What a packet needs of its interface.
  struct PacketInterface {
    TimeUnits time;
    LinkType link_type = 0;
    std::uint32_t snaplen = 0;
  };
  struct Packet {
    std::uint32_t interface = 0;  // as in the file
    std::uint32_t captured = 0;
    std::uint32_t original = 0;
    std::size_t header_bytes = kPacketHeaderBytes;
    bool timed = true;
  };

  Step take_block(Frame& frame, bool may_read);
  Step take_known(Frame& frame, std::uint32_t type, ByteView view, std::uint32_t length);
  Step take_packet(Frame& frame, const Packet& packet, ByteView view, std::uint32_t length);
  std::uint64_t take_options(Frame& frame,
                             const Packet& packet,
                             ByteView view,
                             std::size_t options_at);
  Step take_cut(Frame& frame, std::uint32_t type, ByteView rest, std::uint32_t length);
  bool holds_its_packet(std::uint32_t type, ByteView have, std::uint32_t length) const;
  Step end(ByteView rest);
  Packet parse_packet(std::uint32_t type, ByteView view, std::uint32_t length) const;
  Timestamp packet_time(const PacketInterface& interface, ByteView view);
  void begin_section(ByteView view);
  void declare_interface(ByteView body);
  void take_statistics(ByteView body);
  bool resynchronise(std::string_view what);
  void note_once(Odd odd, std::string_view text);

  std::unique_ptr<BlockReader> blocks_;
  pcapng::Order order_;
  std::size_t section_base_ = 0;
  std::vector<PacketInterface> packet_interfaces_;
  std::map<std::string, std::uint32_t, std::less<>> names_in_section_;
  unsigned told_ = 0;
  bool ended_ = false;
};

PcapngReader::Step PcapngReader::take_block(Frame& frame, bool may_read) {
  if (ended_) return Step::kEnd;
  ByteView have = blocks_->buffered();
  if (have.size() < pcapng::kBlockOverhead) {
    if (!may_read) return Step::kWait;
    have = blocks_->ensure(pcapng::kBlockOverhead);
    if (have.size() < pcapng::kBlockOverhead) return end(have);
  }
  const std::uint32_t type = order_.u32(have, 0);
  if (type == block::kSection) {
    // A new section may be in the other byte order: its length too.
    const auto order = pcapng::section_order(have);
    if (order) order_ = *order;
  }
  const std::uint32_t length = order_.u32(have, 4);
  if (length < pcapng::kBlockOverhead || length > pcapng::kMaxBlockBytes) {
    if (!may_read) return Step::kWait;
    const auto what = fmt::format("block of type {:#x} with a length of {}", type, length);
    return resynchronise(what) ? Step::kNext : Step::kEnd;
  }
  const std::size_t in_view = std::min<std::size_t>(length, kMaxRecordBytes);
  if (have.size() < in_view) {
    if (!may_read) return Step::kWait;
    have = blocks_->ensure(in_view);
    if (have.size() < in_view) {
      if (holds_its_packet(type, have, length)) return take_cut(frame, type, have, length);
      const auto what =
          fmt::format("block longer than the file and than its packet ({})", length);
      return resynchronise(what) ? Step::kNext : Step::kEnd;
    }
  }
  if (!pcapng::trailer_matches(order_, have, length)) {
    if (!may_read) return Step::kWait;
    if (!pcapng::block_follows(*blocks_, order_, pcapng::padded(length))) {
      return resynchronise("block with two different lengths") ? Step::kNext : Step::kEnd;
    }
    note_once(kTrailer, "the two lengths of a block differ; the first one is right");
    have = blocks_->buffered();
  }
  if (type == block::kSecrets && !may_read) return Step::kWait;  // frames before do not know it
  if (length % 4 != 0) note_once(kUnaligned, "block length is no multiple of 4");
  const Step step = take_known(frame, type, have.first(in_view), length);
  blocks_->consume(pcapng::padded(length));
  return step;
}

// REQUIRES: `view` is the block, or its first kMaxRecordBytes.
inline PcapngReader::Step PcapngReader::take_known(Frame& frame,
                                                   std::uint32_t type,
                                                   ByteView view,
                                                   std::uint32_t length) {
  if (type == block::kEnhancedPacket || type == block::kSimplePacket ||
      type == block::kPacket) {
    const std::size_t header =
        type == block::kSimplePacket ? kSimplePacketHeaderBytes : kPacketHeaderBytes;
    if (view.size() < header + kTrailerBytes) {
      note_once(kNoRoom, "packet block is shorter than its own header; passed over");
      return Step::kNext;
    }
    return take_packet(frame, parse_packet(type, view, length), view, length);
  }
  const ByteView body = view.subspan(8, view.size() - pcapng::kBlockOverhead);
  switch (type) {
    case block::kSection:
      begin_section(view);
      break;
    case block::kInterface:
      declare_interface(body);
      break;
    case block::kStatistics:
      take_statistics(body);
      break;
    case block::kNames:
      pcapng::read_names(order_, body, info());
      break;
    case block::kSecrets:
      pcapng::read_secrets(order_, body, info(), secrets_);
      break;
    default:
      break;  // custom, journal, process information, other people's
  }
  return Step::kNext;
}

// REQUIRES: the packet header of the block is in `view`.
inline PcapngReader::Packet PcapngReader::parse_packet(std::uint32_t type,
                                                       ByteView view,
                                                       std::uint32_t length) const {
  if (type != block::kSimplePacket) {
    const std::uint32_t interface =
        type == block::kEnhancedPacket ? order_.u32(view, 8) : order_.u16(view, 8);
    return {interface, order_.u32(view, 20), order_.u32(view, 24), kPacketHeaderBytes, true};
  }
  Packet packet{0, 0, order_.u32(view, 8), kSimplePacketHeaderBytes, false};
  packet.captured = std::min<std::uint32_t>(
      packet.original,
      length - static_cast<std::uint32_t>(kSimplePacketHeaderBytes + kTrailerBytes));
  if (section_base_ < packet_interfaces_.size()) {
    const std::uint32_t snaplen = packet_interfaces_[section_base_].snaplen;
    if (snaplen != 0) packet.captured = std::min(packet.captured, snaplen);
  }
  return packet;
}

// `view` may be shorter than the packet: a long block, or the end of the file.
PcapngReader::Step PcapngReader::take_packet(Frame& frame,
                                             const Packet& packet,
                                             ByteView view,
                                             std::uint32_t length) {
  if (frames_ == 0) leading_interfaces_ = interfaces_.size();
  ++frames_;
  const std::size_t index = section_base_ + packet.interface;
  if (index >= packet_interfaces_.size()) {
    note_once(kUndeclared, "packet of an interface that is not declared; counted, not decoded");
    return Step::kNext;
  }
  const std::size_t room = length - packet.header_bytes - kTrailerBytes;
  std::size_t captured = std::min<std::size_t>(packet.captured, room);
  if (captured > kMaxCapturedBytes || captured < packet.captured) {
    note_once(kLongCaptured, "captured length does not fit; the frame is cut");
    captured = std::min<std::size_t>(captured, kMaxCapturedBytes);
  }
  const PacketInterface& interface = packet_interfaces_[index];
  frame.bytes =
      view.subspan(packet.header_bytes, std::min(captured, view.size() - packet.header_bytes));
  frame.time = packet.timed ? packet_time(interface, view) : Timestamp::none();
  frame.wire_bytes = std::max(packet.original, static_cast<std::uint32_t>(captured));
  frame.number = frames_;
  frame.link_type = interface.link_type;
  frame.direction = FrameDirection::kUnknown;
  frame.cut = false;
  frame.interface = static_cast<std::uint32_t>(index);
  std::uint64_t drops = 0;
  if (captured == packet.captured && view.size() == length) {
    const std::size_t options_at = packet.header_bytes + pcapng::padded(captured);
    drops = take_options(frame, packet, view, options_at);
  }
  if (drops > 0) {
    interfaces_[index].drops_counted += drops;
    mark_changed(frame.interface);
  }
  return Step::kFrame;
}

// How many packets were lost before this one.
inline std::uint64_t PcapngReader::take_options(Frame& frame,
                                                const Packet& packet,
                                                ByteView view,
                                                std::size_t options_at) {
  std::uint64_t drops = 0;
  if (packet.timed && options_at + kTrailerBytes < view.size()) {
    const ByteView list = view.subspan(options_at, view.size() - kTrailerBytes - options_at);
    const auto options = pcapng::read_packet_options(order_, list, frames_, info());
    frame.direction = options.direction;
    drops = options.drops;
  }
  constexpr std::uint16_t kUnknownDrops = 0xffff;
  if (order_.u32(view, 0) == block::kPacket && order_.u16(view, 10) != kUnknownDrops) {
    drops = order_.u16(view, 10);
  }
  return drops;
}

inline Timestamp PcapngReader::packet_time(const PacketInterface& interface, ByteView view) {
  const Timestamp time = interface.time.convert(order_.halves(view, 12));
  if (!time.has_value() && interface.time.known()) {
    note_once(kTimeRange, "time stamp outside of the years 1677 to 2262; taken for none");
  }
  return time;
}

// Is a block as long as the packet in it says? If not, the length is a lie.
bool PcapngReader::holds_its_packet(std::uint32_t type,
                                    ByteView have,
                                    std::uint32_t length) const {
  constexpr std::uint64_t kMostOptions = 1U << 16;
  if (type != block::kEnhancedPacket || have.size() < kPacketHeaderBytes) return true;
  const std::uint64_t needed =
      kPacketHeaderBytes + kTrailerBytes + ((std::uint64_t{order_.u32(have, 20)} + 3) & ~3ULL);
  return needed <= length && length - needed <= kMostOptions;
}

// The file ends inside this block.
PcapngReader::Step PcapngReader::take_cut(Frame& frame,
                                          std::uint32_t type,
                                          ByteView rest,
                                          std::uint32_t length) {
  Step step = Step::kNext;
  const bool packet =
      type == block::kEnhancedPacket || type == block::kSimplePacket || type == block::kPacket;
  const std::size_t header =
      type == block::kSimplePacket ? kSimplePacketHeaderBytes : kPacketHeaderBytes;
  if (packet && rest.size() > header && length >= header + kTrailerBytes) {
    step = take_packet(frame, parse_packet(type, rest, length), rest, length);
    frame.cut = step == Step::kFrame;
  }
  add_note(info(), offset(),
           fmt::format("cut off inside a block: {} of {} bytes are there{}{}", rest.size(),
                       length, blocks_->fault().empty() ? "" : "; ", blocks_->fault()),
           true);
  blocks_->consume(rest.size());
  ended_ = true;
  return step;
}

// REQUIRES: nothing more can be read.
PcapngReader::Step PcapngReader::end(ByteView rest) {
  ended_ = true;
  if (!blocks_->fault().empty()) {
    add_note(info(), offset() + rest.size(), blocks_->fault(), true);
  } else if (!rest.empty() || blocks_->overran()) {
    add_note(info(), offset(), "cut off inside a block", true);
  }
  blocks_->consume(rest.size());
  return Step::kEnd;
}

void PcapngReader::begin_section(ByteView view) {
  section_base_ = interfaces_.size();
  names_in_section_.clear();
  if (view.size() < pcapng::kSectionHeaderBytes) return;
  const std::size_t options_at = pcapng::kSectionHeaderBytes - kTrailerBytes;
  pcapng::read_section_options(
      order_, view.subspan(options_at, view.size() - kTrailerBytes - options_at), info());
}

void PcapngReader::declare_interface(ByteView body) {
  auto declared = pcapng::parse_interface(order_, body);
  if (!declared) return;
  if (interfaces_.size() == kMaxInterfaces) {
    note_once(kTooMany, "more than 65536 interfaces; packets of further ones are passed over");
    return;
  }
  if (!declared->time.known()) {
    note_once(kResolution,
              "interface with an impossible time resolution; its frames have no time");
  }
  InterfaceInfo& info = declared->info;
  packet_interfaces_.push_back({declared->time, info.link_type, info.snaplen});
  info.index = static_cast<std::uint32_t>(interfaces_.size() - section_base_);
  if (!info.name.empty()) info.occurrence = names_in_section_[info.name]++;
  interfaces_.push_back(std::move(info));
}

void PcapngReader::take_statistics(ByteView body) {
  const auto statistics = pcapng::parse_statistics(order_, body);
  if (!statistics || !statistics->has_drops) return;
  const std::size_t index = section_base_ + statistics->interface;
  if (index >= interfaces_.size()) return;
  InterfaceInfo& interface = interfaces_[index];
  interface.drops_reported = statistics->drops;
  interface.stats_start = statistics->start;
  interface.has_stats_start = statistics->has_start;
  mark_changed(static_cast<std::uint32_t>(index));
}

bool PcapngReader::resynchronise(std::string_view what) {
  const std::uint64_t from = offset();
  blocks_->consume(kTrailerBytes);
  const auto order = pcapng::find_good_block(*blocks_, order_);
  if (!order) {
    end({});
    add_note(info(), from, fmt::format("{}, and no good block after it", what), true);
    return false;
  }
  order_ = *order;
  info().complete = false;
  add_note(info(), from,
           fmt::format("{}; {} bytes skipped to the next good block", what, offset() - from),
           false);
  return true;
}

void PcapngReader::note_once(Odd odd, std::string_view text) {
  if ((told_ & odd) != 0) return;
  told_ |= odd;
  add_note(info(), offset(), std::string(text), false);
}

}  // namespace

bool has_pcapng_magic(ByteView bytes) {
  return load_le32(bytes, 0) == block::kSection;
}

Result<std::unique_ptr<FormatReader>> open_pcapng(std::unique_ptr<BlockReader> blocks,
                                                  FileInfo* info) {
  const ByteView have = blocks->ensure(pcapng::kBlockOverhead);
  if (have.size() < pcapng::kBlockOverhead) {
    return Error{fmt::format("offset {}: cut off inside the section header{}{}", have.size(),
                             blocks->fault().empty() ? "" : "; ", blocks->fault())};
  }
  if (!pcapng::section_order(have)) {
    return Error{
        fmt::format("offset 8: pcapng section header without a byte order ({:02x} {:02x} "
                    "{:02x} {:02x}); the file is damaged",
                    have[8], have[9], have[10], have[11])};
  }
  return std::unique_ptr<FormatReader>(std::make_unique<PcapngReader>(std::move(blocks), info));
}

}  // namespace natlens::capture
