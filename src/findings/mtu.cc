// Packets that are too big: black holes, and the MSS that leads into them.
//
// A black hole is told by size: what was lost was larger than anything that passed. How large
// what passed was is known by a bound: all bytes that arrived in a direction, less the headers
// of all other packets. Where that does not decide, nothing is said.
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "between.h"
#include "passage.h"
#include "traffic.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"MTU-BLACKHOLE", "MTU-MSS-TOO-BIG"});

using stream::NoteKind;

bool too_big(const stream::PacketNote& error) {
  return error.tuple.protocol == protocol::kIcmpv6
             ? error.icmp_type == 2
             : error.icmp_type == 3 && error.icmp_code == 4;
}

std::uint32_t tcp_headers(const Tuple& tuple) {
  return tuple.src.is_v4() ? 40 : 60;
}

struct Hole {
  Passage way;
  std::vector<const Fate*> lost;
  std::vector<const Note*> repeats;  // of those lost: sent again, RTO-like
  std::uint32_t smallest_lost = 0;   // IP packet
  std::uint32_t passed_at_most = 0;
  Absence absence;
};

void add_lost(const Case& of, Hole& hole) {
  const Picture& picture = of.picture;
  const Connection& before = picture.connections()[hole.way.before];
  const Connection& after = picture.connections()[hole.way.after];
  for (const Fate& fate : picture.fates_of(*hole.way.translation)) {
    if (fate.fate != correlate::Fate::kOnlyBefore || fate.frame.tap != before.tap ||
        fate.direction != hole.way.direction || picture.refusal_of(fate.frame) != nullptr ||
        picture.note_of(fate.frame, NoteKind::kIcmpError) != nullptr) {
      continue;
    }
    const Absence absence =
        of.gates.absence(before.tap, after.tap, fate.frame.time, before.original);
    if (absence.blocked()) {
      of.report.blocked("MTU-BLACKHOLE", after.tap);
      continue;
    }
    hole.absence.shut |= absence.shut;
    hole.lost.push_back(&fate);
    if (const Note* note = picture.note_of(fate.frame, NoteKind::kRepeat)) {
      hole.repeats.push_back(note);
    }
  }
}

// The link is not down: others go on to pass.
bool others_pass(const Picture& picture, const Translation& t, Timestamp since) {
  return std::any_of(picture.translations().begin(), picture.translations().end(),
                     [&](const Translation& other) {
                       return other.id != t.id && other.nat == t.nat &&
                              other.end > since + std::chrono::milliseconds(500);
                     });
}

bool find_hole(const Case& of, Hole& hole) {
  constexpr std::uint64_t kPassed = 3;
  const Picture& picture = of.picture;
  add_lost(of, hole);
  const auto least = static_cast<std::size_t>(of.parameters["mtu_min_failures"]);
  if (hole.lost.size() < least || hole.repeats.empty()) return false;
  const stream::PacketNote& sample = hole.repeats.front()->packet;
  if (sample.payload_bytes == 0 || (sample.tuple.src.is_v4() && !sample.dont_fragment)) {
    return false;
  }
  const std::uint32_t headers = sample.ip_bytes - sample.payload_bytes;
  std::uint32_t smallest = 0xffffffffU;
  for (const Fate* fate : hole.lost) smallest = std::min(smallest, fate->payload_bytes);
  const auto& arrived =
      picture.connections()[hole.way.after].counters[hole.way.after_direction];
  if (smallest == 0 || arrived.packets < kPassed) return false;
  const std::uint64_t others = (arrived.packets - 1) * std::uint64_t{headers};
  if (arrived.bytes < others) return false;
  const std::uint64_t largest = arrived.bytes - others;
  hole.smallest_lost = smallest + headers;
  hole.passed_at_most = static_cast<std::uint32_t>(std::min<std::uint64_t>(largest, 0xffff));
  return largest < hole.smallest_lost &&
         others_pass(picture, *hole.way.translation, hole.lost.front()->frame.time);
}

// What was said of it, and how far that came.
struct Verdict {
  std::string_view variant;  // "" = path MTU discovery works
  const Note* error = nullptr;
};

const Note* error_about(const Picture& picture, std::uint32_t connection, const Hole& hole) {
  const Timestamp first = hole.lost.front()->frame.time;
  for (const Note* note : notes_of_kind(picture, connection, NoteKind::kIcmpError)) {
    const Nanoseconds apart = note->frame.time - first;
    if (too_big(note->packet) && apart >= -std::chrono::milliseconds(2) &&
        apart <= std::chrono::seconds(3)) {
      return note;
    }
  }
  return nullptr;
}

Verdict verdict_of(const Picture& picture, const Hole& hole) {
  constexpr std::size_t kObeys = 3;
  const Note* here = error_about(picture, hole.way.before, hole);
  const Note* there = error_about(picture, hole.way.after, hole);
  if (here == nullptr) {
    return there == nullptr ? Verdict{"no-icmp"} : Verdict{"icmp-lost", there};
  }
  const std::uint16_t mtu = here->packet.mtu;
  if (mtu == 0 || mtu >= hole.smallest_lost) return {"icmp-wrong-mtu", here};
  const auto later = std::count_if(hole.lost.begin(), hole.lost.end(), [&](const Fate* fate) {
    return fate->frame.time > here->frame.time;
  });
  return static_cast<std::size_t>(later) > kObeys ? Verdict{"icmp-ignored", here} : Verdict{};
}

std::uint32_t limit_of(const Connection& c, unsigned direction) {
  return c.mss[1 - direction];  // what the receiver announced
}

void add_hole(const Case& of, const Hole& hole, const Verdict& verdict, Draft& draft) {
  const Picture& picture = of.picture;
  const Connection& after = picture.connections()[hole.way.after];
  draft.count += hole.lost.size();
  for (const Fate* fate : hole.lost) draft.frame(Role::kCause, fate->frame);
  draft.missing(after.tap, hole.lost.front()->frame.time);
  if (verdict.error != nullptr) draft.frame(Role::kExample, verdict.error->frame);
  draft.frame(Role::kControl, after.first_frame);
  draft.connections.push_back(hole.way.translation->inside);
  draft.connections.push_back(hole.way.translation->outside);
}

Draft hole_draft(const Case& of, const Hole& hole, const Verdict& verdict) {
  const Picture& picture = of.picture;
  const Connection& before = picture.connections()[hole.way.before];
  const Connection& after = picture.connections()[hole.way.after];
  Draft draft;
  draft.code = "MTU-BLACKHOLE";
  draft.variant = verdict.variant;
  draft.confidence =
      hole.absence.at_most(hole.way.translation->confidence == correlate::Confidence::kCertain
                               ? Confidence::kCertain
                               : Confidence::kLikely);
  draft.subject = Subject::kNat;
  draft.subject_id = hole.way.translation->nat;
  draft.count = 0;
  const Nanoseconds stall = hole.lost.back()->frame.time - hole.lost.front()->frame.time;
  draft.facts = {
      {"where", fmt::format("{} to {}", picture.name(before.tap), picture.name(after.tap))},
      {"largest_passed_bytes", hole.passed_at_most},
      {"smallest_lost_bytes", hole.smallest_lost},
      {"stall_ms", ms_of(stall)},
      {"mss_in", limit_of(before, hole.way.before_direction)},
      {"mss_out", limit_of(after, hole.way.after_direction)},
      {"mtu_min_failures", of.parameters["mtu_min_failures"]}};
  if (verdict.error != nullptr) draft.facts["icmp_mtu"] = verdict.error->packet.mtu;
  const std::string_view why =
      verdict.variant == "no-icmp" ? "and no ICMP error tells the sender"
      : verdict.variant == "icmp-lost"
          ? "and the ICMP error about it does not come back through"
      : verdict.variant == "icmp-ignored"
          ? "and the sender goes on although the ICMP error reached it"
          : "and the ICMP error about it names an MTU that does not help";
  draft.text = fmt::format(
      "packets of {} bytes and more do not get from {} to {}, smaller ones do, {}: {}",
      hole.smallest_lost, picture.name(before.tap), picture.name(after.tap), why,
      flow_text(before.original));
  return draft;
}

// ---- the MSS

void raise_mss(const Case& of,
               const Passage& way,
               std::uint32_t pmtu,
               std::string_view source,
               Severity severity,
               const FrameRef& proof) {
  const Picture& picture = of.picture;
  const Connection& before = picture.connections()[way.before];
  const Connection& after = picture.connections()[way.after];
  const std::uint32_t mss = limit_of(before, way.before_direction);
  const std::uint32_t right = pmtu - std::min(pmtu, tcp_headers(before.original));
  if (mss == 0 || mss <= right + static_cast<std::uint32_t>(of.parameters["mss_slack"])) return;
  const std::uint32_t announced = limit_of(after, way.after_direction);
  const unsigned other = 1 - way.before_direction;
  const bool other_clamped =
      limit_of(after, 1 - way.after_direction) != 0 &&
      limit_of(after, 1 - way.after_direction) != limit_of(before, other);
  Draft draft;
  draft.code = "MTU-MSS-TOO-BIG";
  draft.variant = announced != 0 && mss < announced ? "clamped-too-little"
                  : other_clamped                   ? "one-direction"
                                                    : "not-clamped";
  draft.severity = severity;
  draft.subject = Subject::kNat;
  draft.subject_id = way.translation->nat;
  draft.facts = {{"mss", mss},
                 {"mss_announced", announced},
                 {"pmtu", pmtu},
                 {"pmtu_source", source},
                 {"mss_slack", of.parameters["mss_slack"]}};
  draft.text = fmt::format(
      "{}: an MSS of {} reaches the sender, and the path carries {} bytes at most: {} would "
      "fit",
      flow_text(before.original), mss, pmtu, right);
  draft.frame(Role::kExample, before.first_frame);
  draft.frame(Role::kExample, after.first_frame);
  draft.frame(Role::kCause, proof);
  draft.connections = {way.translation->inside, way.translation->outside};
  of.report.raise(std::move(draft));
}

// Path MTU discovery told of it, and the sender obeyed: to know.
void report_announced(const Case& of) {
  constexpr std::uint16_t kLeastMtu = 576;
  const Picture& picture = of.picture;
  for (const Note& note : picture.notes()) {
    if (note.packet.kind != NoteKind::kIcmpError || note.connection == kNone ||
        !too_big(note.packet) || note.packet.mtu < kLeastMtu || note.packet.refused ||
        !is_tcp(picture.connections()[note.connection].original)) {
      continue;
    }
    for (const std::uint32_t i : picture.translations_of(note.connection)) {
      const Translation& t = picture.translations()[i];
      if (!hands_on(picture, t) || of.report.raised("MTU-BLACKHOLE", note.connection)) continue;
      for (unsigned d = 0; d < 2; ++d) {
        // The sender is the end to which the error goes.
        const Passage way = passage(picture, t, d);
        if (way.before != note.connection ||
            way.before_direction == static_cast<unsigned>(note.packet.direction)) {
          continue;
        }
        raise_mss(of, way, note.packet.mtu, "icmp", Severity::kInfo, note.frame);
      }
    }
  }
}

void run(const Case& of) {
  const Picture& picture = of.picture;
  std::map<std::tuple<std::int64_t, bool, std::string_view>, Draft> holes;
  for (const Translation& t : picture.translations()) {
    if (!hands_on(picture, t) || !is_tcp(picture.connections()[t.inside].original)) continue;
    for (unsigned d = 0; d < 2; ++d) {
      Hole hole;
      hole.way = passage(picture, t, d);
      if (!find_hole(of, hole)) continue;
      const Verdict verdict = verdict_of(picture, hole);
      if (verdict.variant.empty()) continue;
      const auto key = std::tuple(t.nat, hole.way.outward, verdict.variant);
      const auto [at, fresh] = holes.try_emplace(key);
      if (fresh) at->second = hole_draft(of, hole, verdict);
      add_hole(of, hole, verdict, at->second);
      raise_mss(of, hole.way, hole.smallest_lost - 1, "black hole", Severity::kError,
                hole.lost.front()->frame);
    }
  }
  for (auto& [key, draft] : holes) {
    draft.facts["connections"] = draft.connections.size() / 2;
    of.report.raise(std::move(draft));
  }
  report_announced(of);
}

}  // namespace

const Family kMtu{kCodes, run};

}  // namespace natlens::findings
