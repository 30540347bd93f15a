// What every capture file format gives: frames in file order, and what the file says of itself.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "natlens/capture/records.h"
#include "natlens/net/address.h"

namespace natlens::capture {

// An interface as the file declares it; classic pcap has exactly one, without a name.
struct InterfaceInfo {
  std::string name;
  std::string description;
  std::string filter;
  std::string comment;
  std::vector<Address> addresses;
  LinkType link_type = 0;
  std::uint32_t snaplen = 0;
  std::uint32_t index = 0;           // within its section
  std::uint32_t occurrence = 0;      // how many of the same name stand before it in its section
  std::uint32_t ifindex = 0;         // of the first record of a "modified" pcap
  std::uint64_t drops_counted = 0;   // sum of the drops that packet blocks tell
  std::uint64_t drops_reported = 0;  // the latest statistics block
  std::uint64_t stats_start = 0;     // when the counters of that block began, in file units
  bool has_stats_start = false;
  bool changed = false;  // listed in FormatReader::changed()
};

class FormatReader {
 public:
  explicit FormatReader(FileInfo* info) : info_(info) {}
  virtual ~FormatReader() = default;
  FormatReader(const FormatReader&) = delete;
  FormatReader& operator=(const FormatReader&) = delete;

  // The next frames, at least one; 0 at the end of the file. They all lie in one buffer and
  // live until the next call. Sets every field of Frame but ordinal, file and tap.
  virtual std::size_t read(std::span<Frame> out) = 0;
  // Decompressed and on-disk bytes read so far.
  virtual std::uint64_t offset() const = 0;
  virtual std::uint64_t raw_bytes() const = 0;

  // Frame::interface indexes it. Grows while reading.
  const std::vector<InterfaceInfo>& interfaces() const { return interfaces_; }
  // Interfaces declared before the first frame; 0 before that is read.
  std::size_t leading_interfaces() const { return leading_interfaces_; }
  // Decryption secrets met so far, all of them in front of the next frame.
  std::span<const Secrets> secrets() const { return secrets_; }
  // Number of the last frame.
  std::uint32_t frames() const { return frames_; }
  // Interfaces whose drop counters changed since the last call of clear_changed().
  std::span<const std::uint32_t> changed() const { return changed_; }
  void clear_changed() {
    for (const std::uint32_t index : changed_) interfaces_[index].changed = false;
    changed_.clear();
  }

  // "gzip" to FileInfo::format.
  void append_format(std::string_view text) {
    format_suffix_.append(", ").append(text);
    info_->format.append(", ").append(text);
  }

  // Moves all that was reported so far to `info`, and reports there from now on.
  void report_to(FileInfo* info) {
    *info = std::move(*info_);
    info_ = info;
  }

 protected:
  FileInfo& info() { return *info_; }
  void set_format(std::string text) { info_->format = std::move(text) + format_suffix_; }
  void mark_changed(std::uint32_t interface) {
    if (interfaces_[interface].changed) return;
    interfaces_[interface].changed = true;
    changed_.push_back(interface);
  }

  std::vector<InterfaceInfo> interfaces_;
  std::vector<Secrets> secrets_;
  std::size_t leading_interfaces_ = 0;
  std::uint32_t frames_ = 0;

 private:
  FileInfo* info_;
  std::string format_suffix_;
  std::vector<std::uint32_t> changed_;
};

// Keeps the first 16 notes and counts the rest. A fatal note makes the file incomplete.
void add_note(FileInfo& info, std::uint64_t offset, std::string text, bool fatal);

// Keeps `text` in FileInfo::comments within its bounds; `frame` 0 is a comment on the section.
void add_comment(FileInfo& info, std::uint32_t frame, std::string_view text);

}  // namespace natlens::capture
