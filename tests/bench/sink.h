// One capture being written: frames may come a little out of order and leave in order of time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace natlens::bench {

struct CaptureClock {
  double offset_seconds = 0;
  double drift_ppm = 0;  // from `start_ns` on
  std::uint64_t start_ns = 0;
  double step_seconds = 0;  // that the clock shows more from this long after the start on:
  double step_at_seconds = 0;
};

// A pcap file (microseconds, Ethernet). Holds what is not yet in order: memory is bounded by
// the latency of the path, or a retransmission's, times the rate.
class Sink {
 public:
  // Throws std::runtime_error if the file cannot be made.
  Sink(const std::string& path, std::uint32_t snap_length, CaptureClock clock);

  // A buffer to build a frame in; give it back with add().
  std::vector<std::uint8_t>& buffer();
  // Takes what buffer() gave last. `time_ns` is true time; the file shows this capture's clock.
  void add(std::uint64_t time_ns);
  // Writes what is held up to that time. REQUIRES: no later add() is before it.
  void flush(std::uint64_t until_ns);
  // Writes the rest. Throws std::runtime_error if the disk refused anything.
  void close();

  std::uint64_t frames() const { return frames_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Held {
    std::uint64_t time_ns;
    std::uint64_t serial;  // frames of the same time leave in the order they came
    std::uint32_t slot;
  };
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  static bool later(const Held& left, const Held& right);
  void write(const Held& held);

  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string path_;
  std::uint32_t snap_length_;
  CaptureClock clock_;
  std::vector<std::vector<std::uint8_t>> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<Held> held_;  // a heap, earliest first
  std::uint64_t serial_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace natlens::bench
