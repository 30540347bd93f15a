// TCP connections that do not come to be: unanswered, stuck behind the SYN+ACK, or on a tuple
// that is not free yet.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "between.h"
#include "passage.h"
#include "traffic.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"TCP-SYN-UNANSWERED", "TCP-HALF-OPEN", "TCP-TUPLE-REUSED"});

using stream::NoteKind;
constexpr Nanoseconds kAnswerTime = std::chrono::seconds(1);

bool is_state(const Connection& c, conntrack::TcpState state) {
  return c.state == static_cast<std::uint8_t>(state);
}

std::vector<FrameRef> syns_again(const Picture& picture,
                                 std::uint32_t connection,
                                 conntrack::Direction direction,
                                 bool rto_like) {
  constexpr std::uint32_t kRtoMs = 200;
  std::vector<FrameRef> out;
  Timestamp before = picture.connections()[connection].start;
  for (const Note* note : notes_of_kind(picture, connection, NoteKind::kSynAgain)) {
    if (note->packet.direction != direction) continue;
    const bool late = note->frame.time - before >= std::chrono::milliseconds(kRtoMs);
    if (late || !rto_like) out.push_back(note->frame);
    before = note->frame.time;
  }
  return out;
}

// ---- SYNs without answer

// Where the same flow is farther on: the last connection of its translations.
std::uint32_t farther(const Picture& picture, std::uint32_t connection) {
  for (const std::uint32_t i : picture.translations_of(connection)) {
    const Translation& t = picture.translations()[i];
    if (t.inside == connection && t.outside != connection) return t.outside;
  }
  return kNone;
}

bool is_farther(const Picture& picture, std::uint32_t connection) {
  const auto all = picture.translations_of(connection);
  return std::any_of(all.begin(), all.end(), [&](std::uint32_t i) {
    const Translation& t = picture.translations()[i];
    return t.outside == connection && t.inside != connection;
  });
}

struct Place {
  std::string_view variant;  // "" = cannot be told
  Severity severity = Severity::kError;
  Confidence confidence = Confidence::kCertain;
  std::uint32_t after = kNone;
};

Place place_of(const Case& of, std::uint32_t connection) {
  const Picture& picture = of.picture;
  const std::int64_t tap = picture.connections()[connection].tap;
  const bool at_nat =
      std::any_of(picture.nats().begin(), picture.nats().end(), [&](const Nat& nat) {
        return nat.inside_tap == tap && nat.relation == nat::Relation::kNat;
      });
  if (at_nat && of.report.raised("NAT-DROP-OUT", connection)) return {"nat-out"};
  if (of.report.raised("PATH-NOT-REACHED", connection)) return {"before-nat"};
  if (picture.taps().size() == 1) {
    return {"unknown-place", Severity::kWarning, Confidence::kPossible};
  }
  std::uint32_t last = connection;
  // Along the path, as far as it was captured; a chain is never longer than the taps.
  for (std::size_t hop = 0; hop < picture.taps().size(); ++hop) {
    const std::uint32_t next = farther(picture, last);
    if (next == kNone) break;
    if (picture.connections()[next].counters[1].packets != 0) {
      return {"nat-in", Severity::kError, Confidence::kCertain, next};
    }
    last = next;
  }
  if (last == connection) return {};
  return {"beyond", Severity::kWarning, Confidence::kCertain, last};
}

struct Unanswered {
  std::uint32_t connection = kNone;
  Place place;
  Tries tries;
};

// A source that tries many ends is looking for something.
std::set<Address> scanners(const Picture& picture, const std::vector<Unanswered>& all) {
  constexpr std::size_t kScan = 50;
  std::map<Address, std::set<Endpoint>> ends;
  for (const Unanswered& one : all) {
    const Tuple& tuple = picture.connections()[one.connection].original;
    ends[tuple.src].insert(destination(tuple));
  }
  std::set<Address> out;
  for (const auto& [address, set] : ends) {
    if (set.size() > kScan) out.insert(address);
  }
  return out;
}

std::vector<Unanswered> unanswered(const Case& of) {
  const Picture& picture = of.picture;
  const auto wanted = static_cast<std::uint64_t>(of.parameters["whole_flow_tries"]);
  std::vector<Unanswered> out;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    const Tap* tap = picture.tap(c.tap);
    if (!is_tcp(c.original) || c.counters[1].packets != 0 || !c.beginning_seen ||
        !is_state(c, conntrack::TcpState::kSynSent) || c.close_reason == "untracked" ||
        is_farther(picture, i) || was_refused(picture, i) || tap == nullptr) {
      continue;
    }
    const Tries tries = tries_of(picture, i);
    if (tries.count < wanted || tries.span < std::chrono::milliseconds(800) ||
        tap->last - tries.frames.back().time < kAnswerTime) {
      continue;
    }
    const Place place = place_of(of, i);
    if (!place.variant.empty()) out.push_back({i, place, tries});
  }
  return out;
}

void add_to(const Case& of, const Unanswered& one, Draft& draft) {
  const Picture& picture = of.picture;
  const Connection& c = picture.connections()[one.connection];
  draft.count += one.tries.count;
  for (const FrameRef& frame : one.tries.frames) draft.frame(Role::kCause, frame);
  draft.connections.push_back(one.connection);
  if (one.place.variant == "nat-out") {
    const auto all = crossings(picture, is_nat);
    for (const Crossing& way : all) {
      if (way.before == c.tap) draft.missing(way.after, c.start);
    }
  }
  if (one.place.after == kNone) return;
  const Connection& after = picture.connections()[one.place.after];
  draft.frame(one.place.variant == "nat-in" ? Role::kEffect : Role::kExample,
              one.place.variant == "nat-in" ? after.last_frame : after.first_frame);
  draft.connections.push_back(one.place.after);
}

// Another connection to the same end that was answered.
FrameRef control_for(const Picture& picture, const Connection& unanswered) {
  for (const Connection& c : picture.connections()) {
    if (c.tap == unanswered.tap && is_tcp(c.original) && c.counters[1].packets != 0 &&
        destination(c.original) == destination(unanswered.original)) {
      return c.first_frame;
    }
  }
  return {};
}

void report_unanswered(const Case& of) {
  const Picture& picture = of.picture;
  const auto all = unanswered(of);
  const auto scans = scanners(picture, all);
  std::map<std::tuple<std::int64_t, Endpoint, std::string_view>, Draft> drafts;
  for (const Unanswered& one : all) {
    const Connection& c = picture.connections()[one.connection];
    const auto [at, fresh] =
        drafts.try_emplace({c.tap, destination(c.original), one.place.variant});
    Draft& draft = at->second;
    if (fresh) {
      draft.code = "TCP-SYN-UNANSWERED";
      draft.variant = one.place.variant;
      draft.severity = scans.contains(c.original.src) ? Severity::kInfo : one.place.severity;
      draft.confidence = one.place.confidence;
      draft.subject_id = c.id;
      draft.count = 0;
      draft.facts = {{"destination", end_text(destination(c.original))},
                     {"whole_flow_tries", of.parameters["whole_flow_tries"]}};
      draft.frame(Role::kControl, control_for(picture, c));
    }
    add_to(of, one, draft);
  }
  for (auto& [key, draft] : drafts) {
    const auto& [tap, end, variant] = key;
    const std::string_view where = variant == "nat-out"  ? "the NAT does not let them out"
                                   : variant == "nat-in" ? "the answer reaches the NAT and "
                                                           "does not come through"
                                   : variant == "beyond" ? "they go on, and nothing comes back"
                                   : variant == "before-nat"
                                       ? "they do not reach the NAT"
                                       : "one tap does not tell where they are lost";
    draft.facts["tries"] = draft.count;
    draft.text = fmt::format("{} to {} at {} without an answer: {}",
                             count_text(draft.count, "SYN", "SYNs"), end_text(end),
                             picture.name(tap), where);
    of.report.raise(std::move(draft));
  }
}

// ---- stuck behind the SYN+ACK

void report_half_open(const Case& of) {
  const Picture& picture = of.picture;
  for (const Translation& t : picture.translations()) {
    if (!through_nat(picture, t)) continue;
    const Passage way = passage(picture, t, 0);
    const Connection& before = picture.connections()[way.before];
    const Connection& after = picture.connections()[way.after];
    if (!is_tcp(before.original) || way.before_direction != 0 || way.after_direction != 0 ||
        !is_state(after, conntrack::TcpState::kSynRecv)) {
      continue;
    }
    const auto again =
        syns_again(picture, way.after, conntrack::Direction::kReply, /*rto_like=*/true);
    if (again.size() < 2) continue;
    // The client's own answer is what the tap before has more than the SYN.
    std::vector<const Fate*> lost;
    for (const Fate& fate : picture.fates_of(t)) {
      const bool here = fate.frame.tap == before.tap && fate.direction == way.direction;
      if (here && fate.fate == correlate::Fate::kOnlyBefore) lost.push_back(&fate);
    }
    if (lost.empty()) continue;
    const Absence absence =
        of.gates.absence(before.tap, after.tap, lost.front()->frame.time, before.original);
    if (absence.blocked()) {
      of.report.blocked("TCP-HALF-OPEN", after.tap);
      continue;
    }
    Draft draft;
    draft.code = "TCP-HALF-OPEN";
    draft.variant = "ack-lost";
    draft.severity = Severity::kWarning;
    draft.confidence = absence.at_most(Confidence::kCertain);
    draft.subject = Subject::kTranslation;
    draft.subject_id = t.id;
    draft.count = again.size();
    draft.facts = {{"syn_acks", again.size() + 1}, {"acks_lost", lost.size()}};
    draft.text = fmt::format(
        "{}: the server repeats its SYN+ACK, and the client's answer is at {} and never at {}",
        flow_text(before.original), picture.name(before.tap), picture.name(after.tap));
    for (const Fate* fate : lost) draft.frame(Role::kCause, fate->frame);
    draft.missing(after.tap, lost.front()->frame.time);
    for (const FrameRef& frame : again) draft.frame(Role::kEffect, frame);
    draft.connections = {t.inside, t.outside};
    of.report.raise(std::move(draft));
  }
}

// Handshakes that were answered and never completed, by the second in which they began.
void report_flood(const Case& of) {
  constexpr std::size_t kRate = 100;
  constexpr std::size_t kSources = 10;
  const Picture& picture = of.picture;
  std::map<std::pair<std::int64_t, Endpoint>, std::vector<std::uint32_t>> stuck;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (is_tcp(c.original) && is_state(c, conntrack::TcpState::kSynRecv)) {
      stuck[{c.tap, destination(c.original)}].push_back(i);
    }
  }
  for (const auto& [key, list] : stuck) {
    std::size_t most = 0;
    std::set<Address> sources;
    for (std::size_t begin = 0, end = 0; end < list.size(); ++end) {
      const Timestamp time = picture.connections()[list[end]].start;
      while (time - picture.connections()[list[begin]].start > std::chrono::seconds(1)) ++begin;
      most = std::max(most, end - begin + 1);
      sources.insert(picture.connections()[list[end]].original.src);
    }
    if (most <= kRate || sources.size() < kSources) continue;
    Draft draft;
    draft.code = "TCP-HALF-OPEN";
    draft.variant = "syn-flood";
    draft.severity = Severity::kWarning;
    draft.subject = Subject::kTap;
    draft.subject_id = key.first;
    draft.count = list.size();
    draft.facts = {
        {"destination", end_text(key.second)}, {"per_s", most}, {"sources", sources.size()}};
    draft.text = fmt::format(
        "{} handshakes with {} were answered and never completed, up to {} in a second, from "
        "{} "
        "sources",
        list.size(), end_text(key.second), most, sources.size());
    for (const std::uint32_t i : list) {
      draft.frame(Role::kCause, picture.connections()[i].first_frame);
    }
    draft.connections = list;
    of.report.raise(std::move(draft));
  }
}

// ---- tuples that are not free yet

std::string_view outcome_of(const Picture& picture, std::uint32_t connection) {
  const Connection& c = picture.connections()[connection];
  for (const Note* note : notes_of_kind(picture, connection, NoteKind::kReset)) {
    if (note->packet.direction == conntrack::Direction::kReply) return "rst";
  }
  if (c.counters[1].packets != 0) {
    return is_state(c, conntrack::TcpState::kSynSent) ? "challenge-ack" : "";
  }
  const Tap* tap = picture.tap(c.tap);
  return tap != nullptr && tap->last - c.start > kAnswerTime && c.counters[0].packets > 1
             ? "ignored"
             : "";
}

void report_reused(const Case& of) {
  const Nanoseconds window(static_cast<std::int64_t>(of.parameters["tw_window_s"] * 1e9));
  const Picture& picture = of.picture;
  std::map<std::pair<std::int64_t, Tuple>, std::uint32_t> last;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (!is_tcp(c.original) || c.close_reason == "untracked") continue;
    const auto [at, fresh] = last.try_emplace({c.tap, c.original}, i);
    if (fresh) continue;
    const Connection& old = picture.connections()[at->second];
    at->second = i;
    if (!is_state(old, conntrack::TcpState::kTimeWait) || !c.beginning_seen ||
        c.start - old.last > window) {
      continue;
    }
    const std::string_view outcome = outcome_of(picture, i);
    if (outcome.empty() || c.zone != old.zone || farther(picture, i) != kNone) continue;
    Draft draft;
    draft.code = "TCP-TUPLE-REUSED";
    draft.variant = outcome;
    draft.severity = Severity::kWarning;
    draft.subject_id = c.id;
    draft.facts = {{"gap_s", seconds_of(c.start - old.last)},
                   {"outcome", outcome},
                   {"tw_window_s", of.parameters["tw_window_s"]}};
    draft.text = fmt::format(
        "{}: a new connection {:.3g} s after the one before it on the same tuple had ended, "
        "and {}",
        flow_text(c.original), seconds_of(c.start - old.last),
        outcome == "rst"             ? "it is reset"
        : outcome == "challenge-ack" ? "the answer is an ACK of the old one"
                                     : "it is not answered");
    draft.frame(Role::kCause, c.first_frame);
    draft.frame(Role::kEffect, c.last_frame);
    draft.frame(Role::kExample, old.last_frame);
    draft.connections = {i};
    of.report.raise(std::move(draft));
  }
}

void run(const Case& of) {
  report_unanswered(of);
  report_half_open(of);
  report_flood(of);
  report_reused(of);
}

}  // namespace

const Family kHandshakes{kCodes, run};

}  // namespace natlens::findings
