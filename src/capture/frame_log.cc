#include "natlens/capture/frame_log.h"

#include <algorithm>
#include <ctime>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace natlens::capture {
namespace {

// Frame::file counts no further; the last file then takes all that follows.
constexpr std::size_t kMostFiles = std::numeric_limits<std::uint16_t>::max();
constexpr std::uint32_t kBlockBytes = 32;  // around a packet, about

}  // namespace

std::string ring_name(const std::string& path, std::size_t number, Timestamp begun) {
  const std::time_t seconds = begun.has_value() ? begun.ns() / 1'000'000'000 : 0;
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[16] = {};
  std::strftime(text, sizeof text, "%Y%m%d%H%M%S", &local);
  const std::size_t name = path.find_last_of('/') + 1;  // 0 without a folder
  const std::size_t dot = path.find_last_of('.');
  const bool ending = dot != std::string::npos && dot > name;
  return fmt::format("{}_{:05}_{}{}", path.substr(0, ending ? dot : path.size()), number, text,
                     ending ? path.substr(dot) : "");
}

Result<void> FrameLog::start(Timestamp now) {
  const std::lock_guard lock(mutex_);
  begin_file(now);
  return outcome_;
}

void FrameLog::keep(const Result<void>& result) {
  if (outcome_ && !result) outcome_ = result;
}

void FrameLog::begin_file(Timestamp now) {
  begun_ = now;
  FileInfo info;
  info.path = rotates() ? ring_name(options_.path, files_.size() + 1, now) : options_.path;
  info.format = "pcapng";
  info.first_ordinal = ordinal_ + 1;
  auto out = PcapngWriter::create(info.path, "natlens");
  if (!out) return keep(out.error());
  out_ = std::move(*out);
  for (const Interface& interface : interfaces_) {
    if (auto added = out_->add_interface(interface.description); !added) keep(added.error());
  }
  kept_.push_back(info.path);
  files_.push_back(std::move(info));
  while (options_.most_files != 0 && kept_.size() > options_.most_files) {
    ::unlink(kept_.front().c_str());
    kept_.pop_front();
  }
}

void FrameLog::end_file() {
  if (!out_) return;
  const Timestamp last = files_.back().last;
  for (std::uint32_t i = 0; i < interfaces_.size(); ++i) {
    keep(out_->write_drops(i, last, interfaces_[i].drops));
  }
  keep(out_->close());
  out_.reset();
}

bool FrameLog::is_full(const Frame& next) const {
  const FileInfo& file = files_.back();
  if (!rotates() || file.frames == 0 || files_.size() == kMostFiles) return false;
  if (options_.file_bytes != 0 && file.bytes + next.bytes.size() > options_.file_bytes)
    return true;
  return options_.file_time.count() != 0 && next.time - begun_ >= options_.file_time;
}

std::uint32_t FrameLog::add_interface(const InterfaceDescription& description) {
  const std::lock_guard lock(mutex_);
  interfaces_.push_back({description, 0});
  if (out_) {
    if (auto added = out_->add_interface(description); !added) keep(added.error());
  }
  return static_cast<std::uint32_t>(interfaces_.size() - 1);
}

void FrameLog::write(std::uint32_t interface, std::span<Frame> frames) {
  const std::lock_guard lock(mutex_);
  for (Frame& frame : frames) {
    if (outcome_ && is_full(frame)) {
      end_file();
      if (outcome_) begin_file(frame.time);
    }
    FileInfo& file = files_.back();
    frame.ordinal = ++ordinal_;
    frame.file = static_cast<std::uint16_t>(files_.size() - 1);
    frame.number = ordinal_ - file.first_ordinal + 1;
    if (!outcome_ || !out_) continue;
    keep(out_->write(
        {interface, frame.time, frame.bytes, frame.wire_bytes, frame.direction, {}}));
    ++file.frames;
    file.bytes += frame.bytes.size() + kBlockBytes;
    if (!file.first.has_value() || frame.time < file.first) file.first = frame.time;
    file.last = std::max(file.last, frame.time);
  }
}

void FrameLog::set_drops(std::uint32_t interface, std::uint64_t drops) {
  const std::lock_guard lock(mutex_);
  interfaces_[interface].drops = drops;
}

void FrameLog::flush() {
  const std::lock_guard lock(mutex_);
  if (out_) keep(out_->flush());
}

Result<void> FrameLog::close() {
  const std::lock_guard lock(mutex_);
  end_file();
  return outcome_;
}

std::vector<FileInfo> FrameLog::files() const {
  const std::lock_guard lock(mutex_);
  return files_;
}

FileInfo FrameLog::file(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return files_[index];
}

std::size_t FrameLog::count() const {
  const std::lock_guard lock(mutex_);
  return files_.size();
}

bool FrameLog::failed() const {
  const std::lock_guard lock(mutex_);
  return !outcome_;
}

}  // namespace natlens::capture
