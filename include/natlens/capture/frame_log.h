// The frames of a live capture, written to pcapng as they come: all taps in one file, or in one
// after another, of which the oldest go.
//
// The log gives every frame its name: the file and the number in it, as Wireshark will show it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "natlens/capture/records.h"
#include "natlens/capture/writer.h"
#include "natlens/net/result.h"

namespace natlens::capture {

struct FrameLogOptions {
  std::string path;
  // A new file after so many bytes or so long; 0 = never. Files are then named as dumpcap names
  // them: trace.pcapng becomes trace_00001_20240131235959.pcapng, local time of its beginning.
  std::uint64_t file_bytes = 0;
  Nanoseconds file_time{0};
  std::size_t most_files = 0;  // the oldest are removed; 0 = all stay
};

// Used by the threads of all sources.
class FrameLog {
 public:
  explicit FrameLog(const FrameLogOptions& options) : options_(options) {}
  // Creates the first file, which `now` names. Errors: it cannot be written.
  Result<void> start(Timestamp now);

  // Returns its number, for write().
  std::uint32_t add_interface(const InterfaceDescription& description);
  // REQUIRES: started. Writes them in this order, and sets file, number and ordinal of each;
  // ordinals count over all sources. After a failure nothing is written, and frames get
  // ordinals all the same.
  void write(std::uint32_t interface, std::span<Frame> frames);
  // Lost by the capture so far, for the end of each file.
  void set_drops(std::uint32_t interface, std::uint64_t drops);
  // What was written is in the file.
  void flush();
  // The drop counters, and the end. The first failure of all.
  Result<void> close();

  // Of all files, by index, those that are gone too.
  std::vector<FileInfo> files() const;
  FileInfo file(std::size_t index) const;
  std::size_t count() const;
  bool failed() const;

 private:
  bool rotates() const { return options_.file_bytes != 0 || options_.file_time.count() != 0; }
  void begin_file(Timestamp now);
  void end_file();
  bool is_full(const Frame& next) const;
  void keep(const Result<void>& result);

  struct Interface {
    InterfaceDescription description;
    std::uint64_t drops = 0;
  };
  const FrameLogOptions options_;
  mutable std::mutex mutex_;
  std::unique_ptr<PcapngWriter> out_;
  std::vector<Interface> interfaces_;
  std::vector<FileInfo> files_;
  std::deque<std::string> kept_;  // paths, the oldest first
  std::uint32_t ordinal_ = 0;
  Timestamp begun_ = Timestamp::none();
  Result<void> outcome_;
};

// "trace.pcapng" and number 1 -> "trace_00001_20240131235959.pcapng".
std::string ring_name(const std::string& path, std::size_t number, Timestamp begun);

}  // namespace natlens::capture
