// What connection tracking calls INVALID, and what the box did with it: dropped it, or let it
// out untranslated. A packet that it translated all the same is none of this: that box judges
// otherwise.
#include <algorithm>
#include <array>

#include "between.h"
#include "passage.h"
#include "traffic.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"CT-INVALID"});

struct Reason {
  std::string_view reason;  // of table invalid
  std::string_view variant;
  std::string_view meaning;
};
constexpr auto kReasons = std::to_array<Reason>({
    {"seq_above_window", "seq-over", "it is beyond what the receiver's window allows"},
    {"ack_unseen", "ack-over", "it acknowledges data that was not seen"},
    {"segment_too_old", "seq-under", "it is older than the window"},
    {"ack_too_old", "ack-under", "it acknowledges what is long past"},
    {"bad_flags", "flags", "its TCP flags contradict each other"},
    {"not_first", "new-not-syn", "it belongs to no connection and cannot open one"},
    {"rst_out_of_window", "rst", "the RST is out of the window"},
    {"bad_state", "state", "it does not fit the state of the connection"},
    {"bad_checksum", "checksum", "its checksum is wrong"},
    {"short_header", "short", "its transport header is cut"},
    {"bad_header", "short", "its header contradicts its length"},
    {"error_unrelated", "icmp-unknown", "it is an error about no known connection"},
});

const Reason* reason_of(const Invalid& row) {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(),
                                  [&](const Reason& r) { return r.reason == row.reason; });
  return found == kReasons.end() ? nullptr : &*found;
}

// The connection is held up by it, or ends with it.
bool stalls(const Picture& picture, std::uint32_t connection, Timestamp time) {
  constexpr Nanoseconds kLong = std::chrono::seconds(1);
  constexpr Nanoseconds kAtOnce = std::chrono::milliseconds(300);
  const Connection& c = picture.connections()[connection];
  if (!is_tcp(c.original)) return false;
  for (const Note* note : notes_of_kind(picture, connection, stream::NoteKind::kRepeat)) {
    if (note->frame.time > time && note->packet.silence_ms >= 1000 &&
        note->frame.time - time < 10 * kLong) {
      return true;
    }
  }
  const Tap* tap = picture.tap(c.tap);
  return c.state == static_cast<std::uint8_t>(conntrack::TcpState::kEstablished) &&
         c.last - time < kAtOnce && tap != nullptr && tap->last - c.last > 2 * kLong;
}

// The way of its packet through the box, by the translation of its connection.
struct Passed {
  const Translation* translation = nullptr;
  std::uint32_t after = kNone;
};

Passed dropped(const Case& of, const Crossing& way, const Invalid& row) {
  const Picture& picture = of.picture;
  if (row.connection == kNone) return {};
  const Connection& c = picture.connections()[row.connection];
  const Fate* fate = picture.fate_of(row.frame);
  // A window that is not known from the beginning may be the tool's mistake.
  if (!c.beginning_seen || c.close_reason == "untracked" || fate == nullptr ||
      fate->fate != correlate::Fate::kOnlyBefore || fate->other.tap != way.after) {
    return {};
  }
  const std::uint32_t t = picture.translation(fate->translation);
  if (t == kNone || !through_nat(picture, picture.translations()[t])) return {};
  const Absence absence = of.gates.absence(way.before, way.after, row.frame.time, row.tuple);
  if (!absence.proven() || of.gates.loses(way.before) ||
      of.gates.loses_near(way.before, row.frame.time)) {
    of.report.blocked("CT-INVALID", way.after);
    return {};
  }
  const Translation& translation = picture.translations()[t];
  return {&translation, picture.partner(translation, row.connection)};
}

void add_arithmetic(const Invalid& row, Draft& draft) {
  if (row.excess == 0) return;
  const bool ack = row.reason.starts_with("ack");
  draft.facts[ack ? "ack" : "seq"] = row.value;
  draft.facts["bound"] = row.bound;
  draft.facts["bytes_outside_window"] = row.excess;
  draft.frame(Role::kExample, row.bound_frame);
}

void report(const Case& of, const Crossing& way, const Invalid& row, const Reason& reason) {
  const Picture& picture = of.picture;
  const FrameRef leaked = untranslated(of, way, row);
  Passed passed;
  if (!leaked.named()) {
    passed = dropped(of, way, row);
    if (passed.translation == nullptr) return;
  } else if (!picture.is_inside_prefix(way.before, row.tuple.src) ||
             row.tuple.dst.is_private() || !Gates::meant_to_pass(row.tuple)) {
    return;  // what this NAT translates has such sources; the rest passes as it is
  }
  Draft draft;
  draft.code = "CT-INVALID";
  draft.variant = reason.variant;
  const bool held_up =
      row.connection != kNone && stalls(picture, row.connection, row.frame.time);
  draft.severity = held_up ? Severity::kError : Severity::kWarning;
  // That the box tracks as Linux does is seen where it leaves the packet untranslated.
  draft.confidence = leaked.named() ? Confidence::kCertain : Confidence::kLikely;
  draft.subject = row.connection != kNone ? Subject::kConnection : Subject::kNat;
  draft.subject_id =
      row.connection != kNone ? picture.connections()[row.connection].id : way.nat->id;
  draft.facts = {{"reason", row.reason}, {"fate", leaked.named() ? "untranslated" : "dropped"}};
  if (row.connection != kNone) {
    const Connection& c = picture.connections()[row.connection];
    draft.facts["state"] = conntrack::state_name(c.original.protocol, c.state);
    draft.connections = {row.connection};
    if (passed.after != kNone) draft.connections.push_back(passed.after);
  }
  draft.text =
      fmt::format("{} at {} is INVALID for connection tracking: {}; it {}{}",
                  flow_text(row.tuple), picture.name(way.before), reason.meaning,
                  leaked.named() ? fmt::format("left {} untranslated", picture.name(way.after))
                                 : fmt::format("never reached {}", picture.name(way.after)),
                  held_up ? ", and the connection stalls" : "");
  draft.frame(Role::kCause, row.frame);
  if (leaked.named()) {
    draft.frame(Role::kEffect, leaked);
  } else {
    draft.missing(way.after, row.frame.time);
  }
  add_arithmetic(row, draft);
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  const auto ways = crossings(of.picture, is_nat);
  for (const Invalid& row : of.picture.invalid()) {
    const Reason* reason = reason_of(row);
    if (reason == nullptr) continue;
    for (const Crossing& way : ways) {
      if (way.before == row.frame.tap && way.nat->relation == nat::Relation::kNat) {
        report(of, way, row, *reason);
      }
    }
  }
}

}  // namespace

const Family kInvalid{kCodes, run};

}  // namespace natlens::findings
