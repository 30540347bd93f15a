// How it works: frames wait in a heap of (time, serial, slot); slots are buffers used again and
// again, so that nothing is allocated per packet once the heap has reached its size.
#include "sink.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace natlens::bench {
namespace {

constexpr std::size_t kFileBuffer = std::size_t{1} << 20U;
constexpr std::uint32_t kMagicMicroseconds = 0xA1B2C3D4;
constexpr std::uint32_t kLinkEthernet = 1;

std::uint64_t shown_ns(std::uint64_t time_ns, const CaptureClock& clock) {
  const auto elapsed = static_cast<double>(time_ns - clock.start_ns);
  const double step = elapsed < clock.step_at_seconds * 1e9 ? 0 : clock.step_seconds;
  return time_ns + static_cast<std::uint64_t>(std::llround((clock.offset_seconds + step) * 1e9 +
                                                           elapsed * clock.drift_ppm * 1e-6));
}

}  // namespace

Sink::Sink(const std::string& path, std::uint32_t snap_length, CaptureClock clock)
    : file_(std::fopen(path.c_str(), "wb")),
      path_(path),
      snap_length_(snap_length),
      clock_(clock) {
  if (!file_) throw std::runtime_error(path + ": cannot be written");
  std::setvbuf(file_.get(), nullptr, _IOFBF, kFileBuffer);
  const std::array<std::uint32_t, 6> header = {kMagicMicroseconds, 4U << 16U | 2U, 0, 0,
                                               snap_length,        kLinkEthernet};
  std::fwrite(header.data(), sizeof header, 1, file_.get());
}

bool Sink::later(const Held& left, const Held& right) {
  return left.time_ns != right.time_ns ? left.time_ns > right.time_ns
                                       : left.serial > right.serial;
}

std::vector<std::uint8_t>& Sink::buffer() {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  return slots_[free_.back()];
}

void Sink::add(std::uint64_t time_ns) {
  held_.push_back({time_ns, serial_++, free_.back()});
  free_.pop_back();
  std::push_heap(held_.begin(), held_.end(), later);
}

void Sink::flush(std::uint64_t until_ns) {
  while (!held_.empty() && held_.front().time_ns <= until_ns) {
    std::pop_heap(held_.begin(), held_.end(), later);
    write(held_.back());
    free_.push_back(held_.back().slot);
    held_.pop_back();
  }
}

void Sink::write(const Held& held) {
  const std::vector<std::uint8_t>& frame = slots_[held.slot];
  const std::uint64_t micros = shown_ns(held.time_ns, clock_) / 1000;
  const auto length = static_cast<std::uint32_t>(frame.size());
  const std::uint32_t captured = std::min(length, snap_length_);
  const std::array<std::uint32_t, 4> record = {static_cast<std::uint32_t>(micros / 1'000'000),
                                               static_cast<std::uint32_t>(micros % 1'000'000),
                                               captured, length};
  std::fwrite(record.data(), sizeof record, 1, file_.get());
  std::fwrite(frame.data(), captured, 1, file_.get());
  frames_++;
  bytes_ += length;
}

void Sink::close() {
  flush(UINT64_MAX);
  const bool failed = std::ferror(file_.get()) != 0;
  if (std::fclose(file_.release()) != 0 || failed) {
    throw std::runtime_error(path_ + ": could not be written in full");
  }
}

}  // namespace natlens::bench
