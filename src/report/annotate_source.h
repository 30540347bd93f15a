// One source of an analysis read again: each frame with its tap in the database, its time by
// the reference clock, and what tracking says of its packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "natlens/capture/source.h"
#include "natlens/conntrack/tracker.h"
#include "natlens/decode/keys.h"
#include "natlens/net/result.h"

#include "loader.h"
#include "retrack.h"

namespace natlens::report {

// A tap as the database has it.
struct StoredTap {
  std::int64_t id = 0;
  std::string name;
  std::string interface;
  std::uint32_t ifindex = 0;
  std::int64_t offset_ns = 0;
  double drift_ppm = 0;
  Timestamp anchor;
  std::vector<capture::ClockJump> jumps;

  Timestamp to_reference(Timestamp time) const;
};

struct StoredFile {
  std::int64_t id = 0;
  std::string path;  // where it is now
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;
};

// How the captures were read.
struct Rereading {
  conntrack::Options tracking;
  std::shared_ptr<const decode::KeyRing> keys;  // none: what is closed stays closed
};

// A frame of the source; it and its bytes live until the source is advanced.
struct SourceFrame {
  const capture::Frame* frame = nullptr;
  std::int64_t tap = 0;   // tap.id
  std::int64_t file = 0;  // file.id
  Timestamp time;         // reference clock
};

class AnnotateSource {
 public:
  // `captures`: the folder where its files are now; "" = where they were.
  static Result<std::unique_ptr<AnnotateSource>> open(Loader& loader,
                                                      std::int64_t source,
                                                      const std::string& captures,
                                                      const Rereading& how);

  // Nothing at the end. Frames of interfaces that were not analysed are left out.
  const std::optional<SourceFrame>& frame() const { return at_; }
  void advance();
  // REQUIRES: frame() is there. Once for each frame; valid until advance().
  std::span<const conntrack::Verdict> track();
  // REQUIRES: all was read. An Error if a file is not the one that was analysed.
  Result<void> unchanged() const;

 private:
  struct Tap final : conntrack::Sink {
    Tap(const Rereading& how, const capture::Source& source, const StoredTap* row)
        : stored(row), tracking(how.tracking, how.keys, source, *this) {}
    void opened(const conntrack::Opened&) override {}
    void event(const conntrack::Event&) override {}
    void closed(const conntrack::Closed&) override {}
    const StoredTap* stored;  // nullptr: not analysed
    Retracker tracking;
  };

  AnnotateSource(std::vector<StoredTap> taps,
                 std::vector<StoredFile> files,
                 const Rereading& how);
  Tap& tap_of(const capture::Frame& frame);
  const StoredTap* stored_tap(std::size_t index) const;
  const StoredFile* stored_file(const std::string& path) const;

  std::vector<StoredTap> taps_;
  std::vector<StoredFile> files_;
  Rereading how_;
  std::unique_ptr<capture::Source> source_;
  std::span<const capture::Frame> frames_;
  std::size_t next_ = 0;
  std::map<std::size_t, std::unique_ptr<Tap>> tracked_;  // by index into the source's taps
  std::optional<SourceFrame> at_;
  std::vector<conntrack::Verdict> verdicts_;
  Timestamp last_ = Timestamp::from_ns(0);
};

}  // namespace natlens::report
