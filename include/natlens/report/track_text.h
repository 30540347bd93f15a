// Connection tracking as text: one JSON line per frame, and the lines of conntrack(8).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "natlens/capture/records.h"
#include "natlens/conntrack/records.h"
#include "natlens/conntrack/tracker.h"
#include "natlens/decode/decoder.h"
#include "natlens/decode/records.h"
#include "natlens/ruleset/router.h"

namespace natlens::report {

// Tracks the frames of one tap and says of each, in a line of JSON, what Linux would have made
// of it (docs/conntrack.md, "track"): class, direction, the entry after the frame, its events.
// Only the outermost IP layer is tracked, as a router does with what it forwards.
class TrackJsonl {
 public:
  explicit TrackJsonl(const conntrack::Options& options);
  // As a router with rules; its interface 0 is the inner side, 1 the outer one. `rules`
  // outlives this. The lines then say, too, what came out ("out", as the goldens write it), by
  // which rule, and what is inconclusive.
  TrackJsonl(const conntrack::Options& options,
             const ruleset::Ruleset& rules,
             ruleset::RouterSetup setup);
  ~TrackJsonl();

  // The line of the next frame, without newline; valid until the next call. `decoded` is what
  // the tap's decoder said of `frame`.
  std::string_view line(const capture::Frame& frame, const decode::DecodedFrame& decoded);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What a line of conntrack(8) shows of an entry.
struct ConntrackEntry {
  Tuple original;
  Tuple reply;
  std::uint8_t state = 0;    // TcpState or SctpState
  bool has_state = true;     // false: the message does not carry it
  std::uint32_t status = 0;  // conntrack::status::
  std::optional<std::uint32_t> timeout_seconds;
  std::uint32_t zone = 0;
  bool zone_original = true;  // the zone counts in this direction
  bool zone_reply = true;
  std::uint32_t mark = 0;
  std::string_view helper;  // "" = none
  // With nf_conntrack_acct; by Direction.
  std::optional<std::array<conntrack::DirectionCounters, 2>> counters;
  std::array<std::uint32_t, 2> vtag{};  // SCTP, for conntrack_save only
};

// `conntrack -L -o extended`, without newline.
std::string conntrack_line(const ConntrackEntry& entry);
// `conntrack -E -o extended,timestamp`: "[1795247392.729407]\t[DESTROY] ipv4     2 tcp ...".
std::string conntrack_event_line(conntrack::EventKind kind,
                                 Timestamp time,
                                 const ConntrackEntry& entry);
// `conntrack -L -o save`, as `conntrack -R` loads it.
std::string conntrack_save_line(const ConntrackEntry& entry);
// `conntrack -E expect`, `conntrack -L expect`.
std::string conntrack_expectation_line(const conntrack::ExpectationEvent& expectation,
                                       const Tuple& master);

}  // namespace natlens::report
