// A source reads its files one after another.
//
// Before the first frame is given, each of several files is looked into for the time of its
// first frame, and put in that order (files without a time last, in the order of the command
// line). A regular file is closed after the look and opened again when its turn comes, so that
// a ring buffer of a thousand files costs one buffer; a pipe is kept open, with the frame that
// was looked at.
//
// A selected interface that is in none of the files is an error at once: then, and only then,
// files are read to their end for it.

#include "natlens/capture/source.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "odd_times.h"
#include "open_capture.h"
#include "tap_table.h"

namespace natlens::capture {
namespace {

constexpr std::size_t kMaxBatch = 64;

// One file of the argument.
struct Slot {
  FileInfo info;
  std::unique_ptr<FormatReader> reader;  // none: closed after the look, or failed
  std::optional<Frame> looked_at;        // the first frame, already read from `reader`
  bool regular = false;
  bool failed = false;
  std::uint64_t disk_bytes = 0;
  Timestamp first;
};

std::string stem_of(const std::string& path) {
  if (path == "-") return "stdin";
  std::string name = path.substr(path.find_last_of('/') + 1);
  for (const std::string_view packed : {".gz", ".zst", ".lz4"}) {
    if (name.size() > packed.size() && name.ends_with(packed)) {
      name.resize(name.size() - packed.size());
      break;
    }
  }
  const std::size_t dot = name.find_last_of('.');
  if (dot != std::string::npos && dot > 0) name.resize(dot);
  return name.empty() ? path : name;
}

Result<std::unique_ptr<FormatReader>> open_slot(Slot& slot) {
  auto opened = open_input(slot.info.path);
  if (!opened) return opened.error();
  slot.regular = opened->regular;
  slot.disk_bytes = opened->bytes;
  auto reader = open_capture(std::move(opened->input), &slot.info);
  if (!reader) return Error{fmt::format("{}: {}", slot.info.path, reader.error().message)};
  return reader;
}

Error nothing_readable(const std::vector<std::string>& reasons) {
  if (reasons.size() == 1) return Error{reasons.front()};
  return Error{fmt::format("none of {} files can be read: {}", reasons.size(),
                           fmt::join(reasons, "; "))};
}

std::string no_such_interface(const std::string& wanted, const std::set<std::string>& seen) {
  return fmt::format("no frame of interface '{}'; there are: {}", wanted,
                     seen.empty() ? "none" : fmt::format("{}", fmt::join(seen, ", ")));
}

class FileSource final : public Source {
 public:
  explicit FileSource(const SourceSpec& spec)
      : taps_(tap_name(spec), spec.interface), interface_(spec.interface) {}

  Result<void> start(const SourceSpec& spec);

  std::span<const Frame> next(std::size_t max) override;
  void set_jumps(std::uint16_t tap, std::vector<ClockJump> jumps) override {
    if (jumps_.size() <= tap) jumps_.resize(tap + 1U);
    jumps_[tap] = {std::move(jumps)};
  }
  const std::vector<FileInfo>& files() const override { return files_; }
  const std::vector<TapInfo>& taps() const override { return taps_.taps(); }
  std::span<const Secrets> secrets() const override { return secrets_; }
  std::uint64_t total_bytes() const override { return total_bytes_; }
  std::uint64_t bytes_read() const override {
    return bytes_before_ + (reader_ ? reader_->raw_bytes() : 0);
  }

 private:
  void look_into(Slot& slot, TapTable& selection);
  void put_in_order();
  bool begin_file();
  void end_file();
  std::size_t read_batch(std::size_t begin, std::size_t max);
  std::size_t accept(std::size_t begin, std::size_t count);
  std::span<const Frame> hand_out(std::size_t count, std::size_t max, bool last);
  std::size_t put_held_in_front();
  void take_off_jumps(Frame& frame);
  void take_reports();
  void tell_unselected();

  std::vector<std::unique_ptr<Slot>> slots_;  // readers point into them
  std::vector<FileInfo> files_;
  std::vector<Secrets> secrets_;
  std::size_t secrets_of_file_ = 0;  // of the current file, in secrets_ already
  TapTable taps_;
  std::string interface_;
  std::size_t current_ = 0;               // into slots_ and files_
  std::unique_ptr<FormatReader> reader_;  // of the current file
  bool named_ = false;                    // the tap table knows the leading interfaces
  bool told_unselected_ = false;
  std::uint32_t ordinals_before_ = 0;  // frames of the files before
  std::uint64_t bytes_before_ = 0;
  std::uint64_t total_bytes_ = 0;
  std::array<Frame, kMaxBatch> frames_;
  OddTimes odd_times_;
  // Frames that wait for those behind them, at given_ in frames_, and then in own bytes.
  std::size_t given_ = 0;
  std::size_t held_ = 0;
  std::vector<std::uint8_t> held_bytes_;
  struct Jumps {
    std::vector<ClockJump> all;
    std::size_t passed = 0;
  };
  std::vector<Jumps> jumps_;  // by tap
};

Result<void> FileSource::start(const SourceSpec& spec) {
  std::vector<std::string> reasons;
  TapTable selection("", spec.interface);  // to see whether there is anything to select
  bool all_regular = true;
  for (const std::string& path : spec.files) {
    Slot& slot = *slots_.emplace_back(std::make_unique<Slot>());
    slot.info.path = path;
    auto reader = open_slot(slot);
    if (!reader) {
      slot.failed = true;
      reasons.push_back(reader.error().message);
      add_note(slot.info, 0, reader.error().message, true);
      continue;
    }
    slot.reader = std::move(*reader);
    all_regular = all_regular && slot.regular;
    if (spec.files.size() > 1 || !interface_.empty()) look_into(slot, selection);
  }
  if (reasons.size() == spec.files.size()) return nothing_readable(reasons);
  if (!interface_.empty() && all_regular && selection.taps().empty()) {
    return Error{fmt::format("{}: {}", fmt::join(spec.files, ","),
                             no_such_interface(interface_, selection.seen()))};
  }
  put_in_order();
  return {};
}

// Finds the time of the first frame, the leading interfaces, and whether anything of the file
// is selected. A pipe can give its first frame only, which is kept.
void FileSource::look_into(Slot& slot, TapTable& selection) {
  Frame frame;
  std::uint32_t looked = 0;
  selection.begin_file();
  while (slot.reader->read({&frame, 1}) == 1) {
    if (++looked == 1) {
      taps_.add_leading(slot.reader->interfaces(), slot.reader->leading_interfaces());
      slot.first = frame.time;
    }
    if (!slot.regular) {
      slot.looked_at = frame;
      break;
    }
    if (!slot.first.has_value()) slot.first = frame.time;
    const bool timed = slot.first.has_value() || looked >= kMaxBatch;
    if (interface_.empty()) {
      if (timed) break;
    } else if (selection.taps().empty()) {
      selection.tap_of(frame, slot.reader->interfaces());
    }
    if (timed && !selection.taps().empty()) break;
  }
  named_ = true;
  if (!slot.regular) return;
  slot.reader.reset();
  FileInfo fresh;
  fresh.path = std::move(slot.info.path);
  slot.info = std::move(fresh);
}

void FileSource::put_in_order() {
  std::stable_sort(slots_.begin(), slots_.end(), [](const auto& left, const auto& right) {
    const auto rank = [](const Slot& slot) {
      return std::make_tuple(slot.failed, !slot.first.has_value(), slot.first);
    };
    return rank(*left) < rank(*right);
  });
  bool size_known = true;
  files_.reserve(slots_.size());
  for (const auto& slot : slots_) {
    files_.push_back(slot->info);
    if (slot->failed) continue;
    size_known = size_known && slot->disk_bytes > 0;
    total_bytes_ += slot->disk_bytes;
  }
  if (!size_known) total_bytes_ = 0;
}

std::span<const Frame> FileSource::next(std::size_t max) {
  assert(max >= 1 && max <= kMaxBatch);
  std::size_t held = put_held_in_front();
  if (held >= max) return hand_out(held, max, true);
  while (current_ < slots_.size()) {
    if (!reader_ && !begin_file()) {
      ++current_;
      continue;
    }
    const std::size_t count = read_batch(held, max - held);
    const std::size_t kept = held + accept(held, count);
    if (count == 0) end_file();
    if (kept == held) continue;
    auto out = hand_out(kept, max, false);
    if (out.empty() && kept == max) out = hand_out(kept, max, true);
    if (!out.empty()) return out;
    held = put_held_in_front();
  }
  if (held > 0) return hand_out(held, max, true);
  tell_unselected();
  return {};
}

// Those of the first `count` frames that are decided, `max` at most.
std::span<const Frame> FileSource::hand_out(std::size_t count, std::size_t max, bool last) {
  given_ = odd_times_.judge(std::span(frames_).first(std::min(count, max)), last,
                            [&](std::uint16_t tap) { taps_.count_odd_time(tap); });
  held_ = count - given_;
  for (Frame& frame : std::span(frames_).first(given_)) {
    if (frame.tap < jumps_.size()) take_off_jumps(frame);
    taps_.count(frame);
  }
  return {frames_.data(), given_};
}

// Reading goes on, and with it the bytes of the frames that were held back: they get their own.
// There is always room for one frame more.
std::size_t FileSource::put_held_in_front() {
  if (held_ == 0) return 0;
  std::vector<std::uint8_t> bytes;
  for (const Frame& frame : std::span(frames_).subspan(given_, held_)) {
    bytes.insert(bytes.end(), frame.bytes.begin(), frame.bytes.end());
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < held_; ++i) {
    frames_[i] = frames_[given_ + i];
    frames_[i].bytes = ByteView(bytes).subspan(at, frames_[i].bytes.size());
    at += frames_[i].bytes.size();
  }
  held_bytes_ = std::move(bytes);
  given_ = 0;
  return std::exchange(held_, 0);
}

bool FileSource::begin_file() {
  Slot& slot = *slots_[current_];
  if (slot.failed) return false;
  if (!slot.reader) {
    auto reader = open_slot(slot);
    if (!reader) {
      add_note(files_[current_], 0, reader.error().message, true);
      return false;
    }
    slot.reader = std::move(*reader);
  }
  reader_ = std::move(slot.reader);
  reader_->report_to(&files_[current_]);
  files_[current_].first_ordinal = ordinals_before_ + 1;
  taps_.begin_file();
  return true;
}

void FileSource::end_file() {
  bytes_before_ += reader_->raw_bytes();
  ordinals_before_ += reader_->frames();
  reader_.reset();
  secrets_of_file_ = 0;
  ++current_;
}

std::size_t FileSource::read_batch(std::size_t begin, std::size_t max) {
  std::optional<Frame>& looked_at = slots_[current_]->looked_at;
  if (!looked_at) return reader_->read(std::span(frames_).subspan(begin, max));
  frames_[begin] = *looked_at;
  looked_at.reset();
  return 1;
}

// Numbers the `count` frames just read, gives them their taps, and drops those not selected.
// How many are left, from `begin` on.
std::size_t FileSource::accept(std::size_t begin, std::size_t count) {
  const auto& interfaces = reader_->interfaces();
  if (!named_ && count > 0) {
    taps_.add_leading(interfaces, reader_->leading_interfaces());
    named_ = true;
  }
  FileInfo& info = files_[current_];
  std::size_t kept = begin;
  for (std::size_t i = begin; i < begin + count; ++i) {
    Frame& frame = frames_[i];
    if (frame.time.has_value()) {
      if (!info.first.has_value() || frame.time < info.first) info.first = frame.time;
      if (frame.time > info.last) info.last = frame.time;
    }
    const std::int32_t tap = taps_.tap_of(frame, interfaces);
    if (tap == TapTable::kNotSelected) continue;
    frame.tap = static_cast<std::uint16_t>(tap);
    frame.file = static_cast<std::uint16_t>(current_);
    frame.ordinal = ordinals_before_ + frame.number;
    if (kept != i) frames_[kept] = frame;
    ++kept;
  }
  take_reports();
  return kept - begin;
}

void FileSource::take_off_jumps(Frame& frame) {
  Jumps& jumps = jumps_[frame.tap];
  while (jumps.passed < jumps.all.size() && jumps.all[jumps.passed].ordinal <= frame.ordinal) {
    ++jumps.passed;
  }
  if (jumps.passed == 0 || !frame.time.has_value()) return;
  frame.time = frame.time - Nanoseconds(jumps.all[jumps.passed - 1].total_ns);
}

void FileSource::take_reports() {
  FileInfo& info = files_[current_];
  info.frames = reader_->frames();
  info.bytes = reader_->offset();
  for (const std::uint32_t interface : reader_->changed()) {
    taps_.update_drops(interface, reader_->interfaces()[interface]);
  }
  reader_->clear_changed();
  for (; secrets_of_file_ < reader_->secrets().size(); ++secrets_of_file_) {
    secrets_.push_back(reader_->secrets()[secrets_of_file_]);
  }
}

// Of pipes it shows only now that the selected interface was not there.
void FileSource::tell_unselected() {
  if (told_unselected_ || interface_.empty() || !taps_.taps().empty()) return;
  told_unselected_ = true;
  add_note(files_.front(), 0, no_such_interface(interface_, taps_.seen()), true);
}

}  // namespace

std::string tap_name(const SourceSpec& spec) {
  if (!spec.name.empty()) return spec.name;
  const std::string stem = stem_of(spec.files.front());
  return spec.interface.empty() ? stem : fmt::format("{}/{}", stem, spec.interface);
}

Result<std::unique_ptr<Source>> Source::open(const SourceSpec& spec) {
  assert(!spec.files.empty());
  auto source = std::make_unique<FileSource>(spec);
  if (auto started = source->start(spec); !started) return started.error();
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace natlens::capture
