// Reads classic pcap.
//
// Nearly every record takes take_whole(): header and data lie in the buffer and make sense. All
// else takes take_odd(), which alone may read on, and so runs only for the first frame of a
// batch:
//
//   - the buffer ends inside the record: read the next block;
//   - the file ends inside it: what is there is a frame with `cut`;
//   - a captured length above any snaplen, or above the file's own where no record follows:
//   damage.
//     Search on for two plausible headers in a row; if there are none, the file ends here;
//   - captured > original, fraction of a second >= 1: taken as they are, told once;
//   - another file header where a record should be (cat a.pcap b.pcap): goes on with that.

#include "pcap_reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pcap_format.h"

namespace natlens::capture {
namespace {

class PcapReader final : public FormatReader {
 public:
  PcapReader(std::unique_ptr<BlockReader> blocks, const PcapFormat& format, FileInfo* info)
      : FormatReader(info), blocks_(std::move(blocks)) {
    blocks_->consume(kPcapFileHeader);
    use(format);
  }

  std::size_t read(std::span<Frame> out) override {
    if (!record_size_known_) settle_record_size();
    std::size_t count = 0;
    while (count < out.size()) {
      if (!take_whole(out[count]) && (count > 0 || !take_odd(out[count]))) break;
      ++count;
    }
    return count;
  }
  std::uint64_t offset() const override { return blocks_->offset(); }
  std::uint64_t raw_bytes() const override { return blocks_->raw_bytes(); }

 private:
  // Oddities of which each file tells the first only.
  enum Odd : unsigned { kLongerThanOriginal = 1, kLateFraction = 2, kAboveSnaplen = 4 };

  void use(const PcapFormat& format);
  void name_format();
  void settle_record_size();
  bool take_whole(Frame& frame);
  bool take_odd(Frame& frame);
  void take(Frame& frame, const PcapRecord& record, ByteView data);
  void take_cut(Frame& frame, const PcapRecord& record, ByteView rest);
  bool end(ByteView rest);
  bool starts_another_file(ByteView bytes) const;
  bool damaged(const PcapRecord& record);
  bool follows(std::size_t record_bytes);
  bool resynchronise(const PcapRecord& bad);
  bool candidate(std::size_t at);
  void note_once(Odd odd, std::string_view text);

  std::unique_ptr<BlockReader> blocks_;
  PcapFormat format_;
  std::uint32_t usual_limit_ = 0;  // captured lengths up to here need no second look
  std::int64_t fraction_ns_ = 1;
  std::uint32_t last_seconds_ = 0;
  unsigned told_ = 0;
  bool record_size_known_ = false;
  bool ended_ = false;
};

void PcapReader::use(const PcapFormat& format) {
  format_ = format;
  usual_limit_ = format.snaplen == 0 ? kMaxCapturedBytes : format.snaplen;
  fraction_ns_ = format.nanoseconds ? 1 : 1000;
  record_size_known_ = false;
  if (interfaces_.empty()) {
    interfaces_.emplace_back();
    interfaces_[0].link_type = format_.link_type;
    interfaces_[0].snaplen = format_.snaplen;
    leading_interfaces_ = 1;
  }
  name_format();
}

void PcapReader::name_format() {
  const char* variant = format_.record_bytes == kPcapModifiedRecord ? ", modified"
                        : format_.record_bytes == kPcapNokiaRecord  ? ", nokia"
                                                                    : "";
  set_format(fmt::format("pcap {}{}{}", format_.nanoseconds ? "ns" : "us", variant,
                         format_.big_endian ? ", big-endian" : ""));
}

// Judges by what one read gives, and only when frames are asked for: opening a live pipe must
// not wait for its first packet.
void PcapReader::settle_record_size() {
  record_size_known_ = true;
  const ByteView first = blocks_->ensure(kPcapModifiedRecord);
  format_.record_bytes = choose_record_size(format_, first);
  name_format();
  if (format_.record_bytes == kPcapModifiedRecord && first.size() >= kPcapModifiedRecord) {
    interfaces_[0].ifindex = format_.u32(first, kPcapRecord);
  }
}

inline bool PcapReader::take_whole(Frame& frame) {
  const ByteView have = blocks_->buffered();
  const std::size_t header = format_.record_bytes;
  if (have.size() < header) return false;
  const PcapRecord record = parse_pcap_record(format_, have, 0);
  if (record.captured > usual_limit_ || record.captured == 0 ||
      record.captured > record.original || record.fraction >= format_.fraction_limit() ||
      have.size() < header + record.captured) {
    return false;
  }
  take(frame, record, have);
  return true;
}

// REQUIRES: `data` starts with the record's header and holds all of the record.
inline void PcapReader::take(Frame& frame, const PcapRecord& record, ByteView data) {
  const std::size_t header = format_.record_bytes;
  frame.bytes = data.subspan(header, record.captured);
  frame.time = Timestamp::from_ns(std::int64_t{record.seconds} * 1'000'000'000 +
                                  std::int64_t{record.fraction} * fraction_ns_);
  frame.wire_bytes = std::max(record.original, record.captured);
  frame.number = ++frames_;
  frame.link_type = format_.link_type;
  frame.direction = FrameDirection::kUnknown;
  frame.cut = false;
  frame.interface = 0;
  if (header == kPcapModifiedRecord) {
    constexpr std::size_t kPacketType = 22;
    frame.direction = data[kPacketType] == 4 ? FrameDirection::kOut : FrameDirection::kIn;
  }
  last_seconds_ = record.seconds;
  blocks_->consume(header + record.captured);
}

bool PcapReader::take_odd(Frame& frame) {
  while (!ended_) {
    const std::size_t header = format_.record_bytes;
    ByteView have = blocks_->ensure(header);
    if (have.size() < header) return end(have);
    const PcapRecord record = parse_pcap_record(format_, have, 0);
    if (record.captured == 0 && starts_another_file(blocks_->ensure(kPcapFileHeader))) {
      const auto format = parse_pcap_header(blocks_->buffered());
      add_note(info(), offset(), "another pcap file begins here; its frames are read on",
               false);
      blocks_->consume(kPcapFileHeader);
      use(*format);
      settle_record_size();
      continue;
    }
    if (damaged(record)) {
      if (!resynchronise(record)) return false;
      continue;
    }
    if (record.captured > record.original) {
      note_once(kLongerThanOriginal, "captured length is above the original length");
    }
    if (record.fraction >= format_.fraction_limit()) {
      note_once(kLateFraction, "fraction of the time stamp is a second or more; carried over");
    }
    have = blocks_->ensure(header + record.captured);
    if (have.size() >= header + record.captured) {
      take(frame, record, have);
      return true;
    }
    take_cut(frame, record, have);
    return frame.cut;
  }
  return false;
}

// The file ends inside this record.
void PcapReader::take_cut(Frame& frame, const PcapRecord& record, ByteView rest) {
  const auto there = static_cast<std::uint32_t>(rest.size() - format_.record_bytes);
  add_note(info(), offset(),
           fmt::format("cut off inside a record: {} of {} bytes are there{}{}", there,
                       record.captured, blocks_->fault().empty() ? "" : "; ", blocks_->fault()),
           true);
  frame.cut = false;
  if (there > 0) {
    PcapRecord part = record;
    part.captured = there;
    part.original = std::max(record.original, record.captured);
    take(frame, part, rest);
    frame.cut = true;
  } else {
    blocks_->consume(rest.size());
  }
  ended_ = true;
}

// REQUIRES: nothing more can be read. Always false, for take_odd().
bool PcapReader::end(ByteView rest) {
  ended_ = true;
  if (!blocks_->fault().empty()) {
    add_note(info(), offset() + rest.size(), blocks_->fault(), true);
  } else if (!rest.empty()) {
    add_note(info(), offset(),
             fmt::format("cut off inside a record header: {} of {} bytes are there",
                         rest.size(), format_.record_bytes),
             true);
  }
  blocks_->consume(rest.size());
  return false;
}

// As a record, a file header would be an empty packet in 2055 or later: thiszone is in the
// place of the captured length, sigfigs in that of the original one, and both are 0 in
// practice.
bool PcapReader::starts_another_file(ByteView bytes) const {
  if (bytes.size() < kPcapFileHeader || !has_pcap_magic(bytes)) return false;
  const auto format = parse_pcap_header(bytes);
  return format && format->major == 2 && format->minor <= 4 && load_le32(bytes, 12) == 0;
}

bool PcapReader::damaged(const PcapRecord& record) {
  if (record.captured > kMaxCapturedBytes) return true;
  if (record.captured <= usual_limit_) return false;
  // Some programs write a snaplen and then longer packets (offload, merged files): such a
  // record is good if another one follows it.
  if (!follows(format_.record_bytes + record.captured)) return true;
  note_once(kAboveSnaplen, "captured length is above the snaplen of the file");
  return false;
}

// Is there a plausible header, or the end of the file, `at` bytes further on?
bool PcapReader::follows(std::size_t at) {
  const ByteView have = blocks_->ensure(at + format_.record_bytes);
  if (have.size() == at) return true;
  if (have.size() < at + format_.record_bytes) return false;
  const PcapRecord next = parse_pcap_record(format_, have, at);
  return plausible(format_, next);
}

bool PcapReader::resynchronise(const PcapRecord& bad) {
  const std::uint64_t from = offset();
  blocks_->consume(1);
  for (;;) {
    const ByteView have = blocks_->ensure(format_.record_bytes);
    if (have.size() < format_.record_bytes) {
      blocks_->consume(have.size());
      add_note(
          info(), from,
          fmt::format("record of {} bytes, above any packet, and no plausible record in the {} "
                      "bytes after it",
                      bad.captured, offset() - from),
          true);
      end({});
      return false;
    }
    std::size_t at = 0;
    while (at + format_.record_bytes <= have.size()) {
      const PcapRecord here = parse_pcap_record(format_, have, at);
      if (here.captured > 0 && plausible(format_, here) &&
          (frames_ == 0 || near_in_time(here, last_seconds_))) {
        break;
      }
      ++at;
    }
    blocks_->consume(at);
    if (have.size() - at < format_.record_bytes) continue;
    if (candidate(0)) break;
    blocks_->consume(1);
  }
  info().complete = false;
  add_note(info(), from,
           fmt::format("record of {} bytes, above any packet; {} bytes skipped to the next "
                       "plausible record",
                       bad.captured, offset() - from),
           false);
  return true;
}

// Is the plausible header at `at` followed by another one of about the same time?
bool PcapReader::candidate(std::size_t at) {
  const PcapRecord first = parse_pcap_record(format_, blocks_->buffered(), at);
  const std::size_t next_at = at + format_.record_bytes + first.captured;
  const ByteView have = blocks_->ensure(next_at + format_.record_bytes);
  if (have.size() == next_at) return true;
  if (have.size() < next_at + format_.record_bytes) return false;
  const PcapRecord second = parse_pcap_record(format_, have, next_at);
  return plausible(format_, second) && near_in_time(second, first.seconds);
}

void PcapReader::note_once(Odd odd, std::string_view text) {
  if ((told_ & odd) != 0) return;
  told_ |= odd;
  add_note(info(), offset(), fmt::format("{} (frame {})", text, frames_ + 1), false);
}

}  // namespace

Result<std::unique_ptr<FormatReader>> open_pcap(std::unique_ptr<BlockReader> blocks,
                                                FileInfo* info) {
  const ByteView have = blocks->ensure(kPcapFileHeader);
  if (have.size() < kPcapFileHeader) {
    return Error{fmt::format(
        "offset {}: cut off inside the file header: {} of {} bytes are there{}{}", have.size(),
        have.size(), kPcapFileHeader, blocks->fault().empty() ? "" : "; ", blocks->fault())};
  }
  const auto format = parse_pcap_header(have);
  return std::unique_ptr<FormatReader>(
      std::make_unique<PcapReader>(std::move(blocks), *format, info));
}

}  // namespace natlens::capture
