// Capture quality: what the captures themselves lack, and what could not be judged for it.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"CAP-INCOMPLETE", "CAP-CLOCK"});

// Frames of a tap to show: the first and the last of what the picture has of it.
void add_ends(const Picture& picture, std::int64_t tap, Draft& draft) {
  const Connection* first = nullptr;
  const Connection* last = nullptr;
  for (const Connection& c : picture.connections()) {
    if (c.tap != tap) continue;
    if (first == nullptr) first = &c;
    if (last == nullptr || c.last > last->last) last = &c;
  }
  if (first == nullptr) return;
  draft.frame(Role::kExample, first->first_frame);
  draft.frame(Role::kExample, last->last_frame);
}

Draft incomplete(const Case& of, const Tap& tap, std::string_view variant) {
  Draft draft;
  draft.code = "CAP-INCOMPLETE";
  draft.variant = variant;
  draft.subject = Subject::kTap;
  draft.subject_id = tap.id;
  draft.severity = Severity::kInfo;
  draft.facts["tap"] = tap.name;
  const auto blocked = of.report.blocked().find(tap.id);
  if (blocked != of.report.blocked().end()) {
    draft.facts["blocked_findings"] = blocked->second;
    draft.severity = Severity::kWarning;
  }
  return draft;
}

void report_dropped(const Case& of, const Tap& tap) {
  if (tap.dropped == 0) return;
  Draft draft = incomplete(of, tap, "dropped");
  draft.count = tap.dropped;
  draft.facts["dropped_frames"] = tap.dropped;
  draft.text = fmt::format("{}: the capturing host says that it lost {}", tap.name,
                           count_text(tap.dropped, "frame", "frames"));
  add_ends(of.picture, tap.id, draft);
  of.report.raise(std::move(draft));
}

void report_unseen(const Case& of, const Tap& tap) {
  if (!of.gates.loses(tap.id)) return;
  Draft draft = incomplete(of, tap, "unseen-data");
  std::uint64_t bytes = 0;
  for (const Invalid& row : of.picture.invalid()) {
    if (row.frame.tap != tap.id || row.reason != "ack_unseen") continue;
    bytes += row.excess;
    draft.frame(Role::kCause, row.frame);
    if (row.connection != kNone) draft.connections.push_back(row.connection);
  }
  draft.count = of.gates.connections_with_unseen_data(tap.id);
  draft.facts["unseen_bytes"] = bytes;
  draft.facts["connections"] = draft.count;
  draft.text = fmt::format(
      "{}: in {} a peer acknowledges data that this tap never showed, and the other tap has no "
      "such gap: the capture lost frames, not the network",
      tap.name, count_text(draft.count, "connection", "connections"));
  of.report.raise(std::move(draft));
}

void report_snaplen(const Case& of, const Tap& tap) {
  if (tap.stop_snap == 0) return;
  Draft draft = incomplete(of, tap, "snaplen");
  draft.count = tap.stop_snap;
  draft.facts["cut_frames"] = tap.stop_snap;
  if (tap.snaplen != 0) draft.facts["snaplen_bytes"] = tap.snaplen;
  draft.text = fmt::format("{}: {} cut inside a header", tap.name,
                           count_text(tap.stop_snap, "frame is", "frames are"));
  add_ends(of.picture, tap.id, draft);
  of.report.raise(std::move(draft));
}

void report_overlap(const Case& of, const Nat& nat) {
  const Tap* a = of.picture.tap(nat.inside_tap);
  const Tap* b = of.picture.tap(nat.outside_tap);
  if (a == nullptr || b == nullptr || a == b || !a->first.has_value() || !b->first.has_value())
    return;
  const Nanoseconds overlap = std::min(a->last, b->last) - std::max(a->first, b->first);
  const Nanoseconds longest = std::max(a->last - a->first, b->last - b->first);
  constexpr Nanoseconds kLeast = std::chrono::seconds(10);
  if (overlap >= kLeast && overlap >= longest / 10) return;
  Draft draft = incomplete(of, *b, "no-overlap");
  draft.facts["overlap_s"] = std::max(0.0, seconds_of(overlap));
  draft.text = fmt::format("{} and {} were capturing at the same time for {:.1f} s only",
                           a->name, b->name, std::max(0.0, seconds_of(overlap)));
  add_ends(of.picture, a->id, draft);
  add_ends(of.picture, b->id, draft);
  of.report.raise(std::move(draft));
}

// The clocks of two taps, by the packets that both show.
void report_clock(const Case& of, const Tap& tap) {
  constexpr std::int64_t kQuarter = 900'000'000'000;
  constexpr std::int64_t kNear = 2'000'000'000;
  constexpr double kLeastSpanS = 60;  // a drift over less is guessed from jitter
  if (tap.clock_basis != "packets" && tap.clock_basis != "given") return;
  const double offset_ms = static_cast<double>(tap.offset_ns) * 1e-6;
  const bool drifts = std::abs(tap.drift_ppm) > of.parameters["drift_warn_ppm"] &&
                      seconds_of(tap.last - tap.first) >= kLeastSpanS;
  if (std::abs(offset_ms) <= of.parameters["clock_warn_ms"] && !drifts) return;
  const std::int64_t rest = std::abs(tap.offset_ns) % kQuarter;
  const bool zone =
      std::abs(tap.offset_ns) > kQuarter - kNear && (rest < kNear || rest > kQuarter - kNear);
  Draft draft;
  draft.code = "CAP-CLOCK";
  draft.variant = drifts ? "drift" : zone ? "timezone" : "offset";
  draft.severity = drifts ? Severity::kWarning : Severity::kInfo;
  draft.subject = Subject::kTap;
  draft.subject_id = tap.id;
  draft.facts = {{"offset_ms", offset_ms},
                 {"drift_ppm", tap.drift_ppm},
                 {"uncertainty_ms", static_cast<double>(tap.clock_error_ns) * 1e-6},
                 {"pairs", tap.clock_matches},
                 {"clock_warn_ms", of.parameters["clock_warn_ms"]},
                 {"drift_warn_ppm", of.parameters["drift_warn_ppm"]}};
  draft.text =
      fmt::format("the clock of {} is {:.3f} s {} that of {}{}; times are corrected", tap.name,
                  std::abs(offset_ms) / 1000, offset_ms > 0 ? "ahead of" : "behind",
                  of.picture.taps().front().name,
                  drifts ? fmt::format(" and drifts by {:.0f} ppm", tap.drift_ppm) : "");
  for (const Translation& t : of.picture.translations()) {
    const Connection& inside = of.picture.connections()[t.inside];
    const Connection& outside = of.picture.connections()[t.outside];
    if (inside.tap != tap.id && outside.tap != tap.id) continue;
    draft.frame(Role::kExample, inside.first_frame);
    draft.frame(Role::kExample, outside.first_frame);
    if (draft.frames.size() >= kMostFrames) break;
  }
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  for (const Tap& tap : of.picture.taps()) {
    report_dropped(of, tap);
    report_unseen(of, tap);
    report_snaplen(of, tap);
    report_clock(of, tap);
  }
  for (const Nat& nat : of.picture.nats()) {
    if (is_nat(nat.relation)) report_overlap(of, nat);
  }
}

}  // namespace

const Family kCapture{kCodes, run};

}  // namespace natlens::findings
