// Integrity of the rewrite: what a NAT changed that it need not, and checksums that it got
// wrong.
//
// A packet with a wrong checksum is none for tracking: at its tap it is a refused packet
// without connection, and the tap before shows a packet that went missing. The two are one
// packet if the tuples are those of one translation and the times those of one passage.
#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "between.h"
#include "passage.h"
#include "traffic.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"NAT-CHECKSUM-BAD", "TCP-SEQ-SHIFTED", "IP-HEADER-CHANGED"});

constexpr std::string_view kBadChecksum = "bad_checksum";

// ---- checksums

// The packet before the box: it belongs to the same connection and left at that time.
struct Original {
  FrameRef frame;
  std::uint32_t connection = kNone;
  const Translation* translation = nullptr;
  Confidence confidence = Confidence::kCertain;
};

// By the translation of the connection whose tuple the wrong packet has.
std::optional<Original> by_translation(const Case& of, const Invalid& row) {
  const Picture& picture = of.picture;
  std::optional<Original> best;
  Nanoseconds least = Nanoseconds::max();
  for (const Translation& t : picture.translations()) {
    if (!through_nat(picture, t)) continue;
    for (unsigned d = 0; d < 2; ++d) {
      const Passage way = passage(picture, t, d);
      const Connection& after = picture.connections()[way.after];
      const Connection& before = picture.connections()[way.before];
      const Tuple sent = way.after_direction == 0 ? after.original : turned(after.original);
      if (after.tap != row.frame.tap || sent != row.tuple) continue;
      const Nanoseconds window = of.gates.pair_window(before.tap, after.tap);
      for (const Fate& fate : picture.fates_of(t)) {
        const Nanoseconds apart = row.frame.time - fate.frame.time;
        if (fate.fate != correlate::Fate::kOnlyBefore || fate.frame.tap != before.tap ||
            fate.direction != d || apart < -std::chrono::milliseconds(2) || apart > window) {
          continue;
        }
        if (std::chrono::abs(apart) >= least) continue;
        least = std::chrono::abs(apart);
        best = {fate.frame, way.before, &t, Confidence::kCertain};
      }
    }
  }
  return best;
}

// By a flow of which nothing arrived: all its packets may have been spoilt.
std::optional<Original> by_lost_flow(const Case& of, const Invalid& row) {
  const Picture& picture = of.picture;
  if (!picture.is_external(row.tuple.src)) return std::nullopt;
  for (const Crossing& way : crossings(picture, is_nat)) {
    if (way.after != row.frame.tap || way.before != way.nat->inside_tap) continue;
    const Nanoseconds window = of.gates.pair_window(way.before, way.after);
    for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
      const Connection& c = picture.connections()[i];
      const Nanoseconds apart = row.frame.time - c.start;
      if (c.tap != way.before || c.unpaired != "nothing_in_common" || c.answered() ||
          c.original.protocol != row.tuple.protocol ||
          destination(c.original) != destination(row.tuple) || apart > window ||
          apart < -std::chrono::milliseconds(2)) {
        continue;
      }
      return Original{c.first_frame, i, nullptr, Confidence::kLikely};
    }
  }
  return std::nullopt;
}

void report_after(const Case& of, const Invalid& row) {
  const Picture& picture = of.picture;
  auto found = by_translation(of, row);
  if (!found) found = by_lost_flow(of, row);
  if (!found || picture.refusal_of(found->frame) != nullptr) return;
  const Connection& before = picture.connections()[found->connection];
  Draft draft;
  draft.code = "NAT-CHECKSUM-BAD";
  draft.variant = "after";
  draft.confidence = found->confidence;
  draft.subject = found->translation != nullptr ? Subject::kTranslation : Subject::kConnection;
  draft.subject_id = found->translation != nullptr ? found->translation->id : before.id;
  draft.facts = {{"flow", flow_text(row.tuple)},
                 {"before", picture.name(before.tap)},
                 {"after", picture.name(row.frame.tap)}};
  draft.text = fmt::format(
      "{}: right at {}, and with a wrong checksum at {}: the translation spoilt it, and "
      "whoever "
      "receives it drops it",
      flow_text(row.tuple), picture.name(before.tap), picture.name(row.frame.tap));
  draft.frame(Role::kCause, row.frame);
  draft.frame(Role::kExample, found->frame);
  draft.connections = {found->connection};
  if (found->translation != nullptr) {
    draft.connections = {found->translation->inside, found->translation->outside};
  }
  of.report.raise(std::move(draft));
}

// Wrong before the box already: where it went from there.
void report_before(const Case& of, const Crossing& way, const Invalid& row) {
  const Picture& picture = of.picture;
  const FrameRef leaked = untranslated(of, way, row);
  if (!Gates::meant_to_pass(row.tuple) ||
      (!leaked.named() && !picture.is_inside_prefix(way.before, row.tuple.src))) {
    return;
  }
  if (!leaked.named()) {
    const Absence absence = of.gates.absence(way.before, way.after, row.frame.time, row.tuple);
    if (absence.blocked()) {
      of.report.blocked("NAT-CHECKSUM-BAD", way.after);
      return;
    }
  }
  Draft draft;
  draft.code = "NAT-CHECKSUM-BAD";
  draft.variant = "before";
  draft.severity = Severity::kWarning;
  draft.subject = Subject::kTap;
  draft.subject_id = way.before;
  draft.facts = {{"flow", flow_text(row.tuple)},
                 {"fate", leaked.named() ? "untranslated" : "dropped"}};
  draft.text = fmt::format(
      "{} has a wrong checksum at {} already: tracking calls it INVALID, {}",
      flow_text(row.tuple), picture.name(way.before),
      leaked.named() ? fmt::format("and it is at {} untranslated", picture.name(way.after))
                     : fmt::format("and it is not at {}", picture.name(way.after)));
  draft.frame(Role::kCause, row.frame);
  if (leaked.named()) {
    draft.frame(Role::kEffect, leaked);
  } else {
    draft.missing(way.after, row.frame.time);
  }
  if (row.connection != kNone) draft.connections = {row.connection};
  of.report.raise(std::move(draft));
}

void report_checksums(const Case& of) {
  for (const Invalid& row : of.picture.invalid()) {
    if (row.reason != kBadChecksum) continue;
    report_after(of, row);
    for (const Crossing& way : crossings(of.picture, is_nat)) {
      if (way.before == row.frame.tap && way.before == way.nat->inside_tap) {
        report_before(of, way, row);
      }
    }
  }
}

// ---- sequence numbers

bool same_offer(const Passage& way, const Picture& picture) {
  const Connection& before = picture.connections()[way.before];
  const Connection& after = picture.connections()[way.after];
  return before.mss[way.before_direction] == after.mss[way.after_direction] &&
         before.tcp_options[way.before_direction] == after.tcp_options[way.after_direction];
}

void report_shifts(const Case& of, const AtNat& at) {
  const Picture& picture = of.picture;
  for (const Translation* t : at.translations) {
    if (t->sequence_shift[0] == 0 && t->sequence_shift[1] == 0) continue;
    const Connection& inside = picture.connections()[t->inside];
    const Connection& outside = picture.connections()[t->outside];
    // A SYN proxy answers with options of its own; what shifts numbers leaves them alone.
    const bool proxy =
        t->sequence_shift[0] == 0 && !same_offer(passage(picture, *t, 1), picture);
    Draft draft;
    draft.code = "TCP-SEQ-SHIFTED";
    draft.variant = proxy ? "synproxy" : "isn-random";
    draft.severity = Severity::kInfo;
    draft.confidence = t->confidence == correlate::Confidence::kCertain ? Confidence::kCertain
                                                                        : Confidence::kLikely;
    draft.subject = Subject::kNat;
    draft.subject_id = at.nat->id;
    draft.facts = {{"original_delta", t->sequence_shift[0]},
                   {"reply_delta", t->sequence_shift[1]},
                   {"inside_tap", picture.name(inside.tap)},
                   {"outside_tap", picture.name(outside.tap)}};
    draft.text =
        fmt::format("sequence numbers differ between {} and {}{}: {} has {} and {} more there",
                    picture.name(inside.tap), picture.name(outside.tap),
                    proxy ? " (a SYN proxy answered the client first)" : "",
                    flow_text(inside.original), t->sequence_shift[0], t->sequence_shift[1]);
    draft.frame(Role::kExample, inside.first_frame);
    draft.frame(Role::kExample, outside.first_frame);
    draft.connections = {t->inside, t->outside};
    of.report.raise(std::move(draft));
  }
}

// ---- IP headers

struct HeaderChange {
  std::string_view variant;
  Severity severity = Severity::kInfo;
  std::uint64_t packets = 0;
  std::uint64_t all = 0;
  std::vector<FrameRef> frames;
  std::vector<std::uint32_t> connections;
};

void raise_header(const Case& of, const AtNat& at, const HeaderChange& change) {
  Draft draft;
  draft.code = "IP-HEADER-CHANGED";
  draft.variant = change.variant;
  draft.severity = change.severity;
  draft.subject = Subject::kNat;
  draft.subject_id = at.nat->id;
  draft.count = change.packets;
  const std::string_view field = change.variant == "id-rewritten" ? "identification" : "DF";
  draft.facts = {{"field", field},
                 {"packets", change.packets},
                 {"share", static_cast<double>(change.packets) /
                               static_cast<double>(std::max<std::uint64_t>(change.all, 1))}};
  const std::string taps = fmt::format("{} and {}", of.picture.name(at.nat->inside_tap),
                                       of.picture.name(at.nat->outside_tap));
  draft.text =
      change.variant == "df-cleared"
          ? fmt::format(
                "DF is cleared between {} in {} of {} packets: path MTU discovery ends "
                "here, and what is too big is cut up",
                taps, change.packets, change.all)
      : change.variant == "df-set"
          ? fmt::format("DF is set between {} in {} of {} packets", taps, change.packets,
                        change.all)
          : fmt::format("the IP identification is made anew between {} in {} of {} packets",
                        taps, change.packets, change.all);
  for (const FrameRef& frame : change.frames) draft.frame(Role::kExample, frame);
  draft.connections = change.connections;
  of.report.raise(std::move(draft));
}

bool says(const Fate& fate, std::string_view what) {
  return fate.note.find(what) != std::string::npos;
}

void add_fates(const Picture& picture,
               const Translation& t,
               unsigned direction,
               std::string_view what,
               HeaderChange& change) {
  for (const Fate& fate : picture.fates_of(t)) {
    if (fate.direction != direction || fate.fate != correlate::Fate::kChanged ||
        !says(fate, what)) {
      continue;
    }
    change.frames.push_back(fate.frame);
    change.frames.push_back(fate.other);
  }
}

void report_headers(const Case& of, const AtNat& at) {
  constexpr std::uint64_t kEnoughIds = 20;
  const Picture& picture = of.picture;
  HeaderChange cleared{"df-cleared", Severity::kWarning, 0, 0, {}, {}};
  HeaderChange set{"df-set", Severity::kInfo, 0, 0, {}, {}};
  HeaderChange renumbered{"id-rewritten", Severity::kInfo, 0, 0, {}, {}};
  for (const Translation* t : at.translations) {
    const Connection& inside = picture.connections()[t->inside];
    const Connection& outside = picture.connections()[t->outside];
    if (inside.original.src.is_v6() || outside.original.src.is_v6()) continue;
    for (unsigned d = 0; d < 2; ++d) {
      const Passage way = passage(picture, *t, d);
      const auto& odd = t->packets[d].deviation;
      const unsigned before = way.outward ? 0 : 1;
      for (HeaderChange* change : {&cleared, &set}) {
        const unsigned side = change == &cleared ? before : 1 - before;
        change->all += t->packets[d].both;
        if (odd.dont_fragment_only[side] == 0) continue;
        change->packets += odd.dont_fragment_only[side];
        change->connections.insert(change->connections.end(), {t->inside, t->outside});
        add_fates(picture, *t, d, change == &cleared ? "DF cleared" : "DF set", *change);
      }
      // Segments that offload cut have numbers of their own.
      if (odd.by_ranges) continue;
      renumbered.all += t->packets[d].both;
      if (odd.id_changes == 0) continue;
      renumbered.packets += odd.id_changes;
      renumbered.connections.insert(renumbered.connections.end(), {t->inside, t->outside});
      renumbered.frames.push_back(inside.first_frame);
      renumbered.frames.push_back(outside.first_frame);
    }
  }
  if (cleared.packets != 0) raise_header(of, at, cleared);
  if (set.packets != 0) raise_header(of, at, set);
  if (renumbered.packets >= kEnoughIds && renumbered.packets * 2 >= renumbered.all) {
    raise_header(of, at, renumbered);
  }
}

void run(const Case& of) {
  report_checksums(of);
  for (const AtNat& at : by_nat(of.picture, hands_on)) {
    report_shifts(of, at);
    report_headers(of, at);
  }
}

}  // namespace

const Family kIntegrity{kCodes, run};

}  // namespace natlens::findings
