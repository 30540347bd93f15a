// Path: loops, TTL, DSCP and ECN between the taps.
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

constexpr auto kCodes =
    std::to_array<std::string_view>({"PATH-LOOP", "PATH-TTL", "PATH-DSCP", "PATH-REORDERED"});

using stream::NoteKind;

// ---- loops

// The turns of one packet: notes in order, each with the frame of the turn before.
struct Loop {
  std::vector<const Note*> turns;
  unsigned step = 0;
  bool steady = true;
};

// A loop's notes begin with its third passage: `number` counts from there on.
std::vector<Loop> loops_of(const Picture& picture, std::uint32_t connection) {
  std::vector<Loop> out;
  for (const Note* note : notes_of_kind(picture, connection, NoteKind::kLoop)) {
    const auto of_this = [&](const Loop& loop) {
      return loop.turns.back()->frame.number == note->other.number &&
             loop.turns.back()->packet.number + 1 == note->packet.number;
    };
    const auto found = std::find_if(out.begin(), out.end(), of_this);
    if (found == out.end()) {
      out.push_back({{note}, 0, true});
      continue;
    }
    const unsigned step =
        static_cast<unsigned>(found->turns.back()->packet.ttl) - note->packet.ttl;
    if (found->step == 0) found->step = step;
    found->steady = found->steady && step == found->step;
    found->turns.push_back(note);
  }
  return out;
}

void report_loop(const Case& of, std::uint32_t connection, const Loop& loop) {
  const Picture& picture = of.picture;
  const Connection& c = picture.connections()[connection];
  const Note& first = *loop.turns.front();
  const Note& last = *loop.turns.back();
  const std::uint64_t turns = std::uint64_t{last.packet.number} + 1;
  const Nanoseconds took = last.frame.time - first.other.time;
  Draft draft;
  draft.code = "PATH-LOOP";
  // From the fourth passage on it is seen that the step is always the same.
  draft.confidence = loop.step != 0 ? Confidence::kCertain : Confidence::kLikely;
  draft.subject = Subject::kTap;
  draft.subject_id = c.tap;
  draft.facts = {
      {"turns", turns},
      {"ttl_last", last.packet.ttl},
      {"flow", flow_text(last.packet.tuple)},
      {"packets_per_s", static_cast<double>(turns) / std::max(seconds_of(took), 1e-3)}};
  if (loop.step != 0) draft.facts["step"] = loop.step;
  draft.text = fmt::format(
      "one packet of {} passed {} {} times, its TTL lower each time: it goes in a circle",
      flow_text(last.packet.tuple), picture.name(c.tap), turns);
  draft.frame(Role::kCause, first.other);
  for (const Note* turn : loop.turns) draft.frame(Role::kCause, turn->frame);
  for (const Note* error : notes_of_kind(picture, connection, NoteKind::kIcmpError)) {
    const bool expired = error->packet.icmp_type == (error->packet.tuple.src.is_v6() ? 3 : 11);
    if (expired && error->frame.time >= first.frame.time)
      draft.frame(Role::kEffect, error->frame);
  }
  draft.connections = {connection};
  of.report.raise(std::move(draft));
}

void report_loops(const Case& of) {
  const Picture& picture = of.picture;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    if (picture.notes_of(i).empty()) continue;
    for (const Loop& loop : loops_of(picture, i)) {
      if (loop.steady) report_loop(of, i, loop);
    }
  }
}

// ---- TTL

Draft draft_of(std::string_view code,
               std::string_view variant,
               Severity severity,
               const Translation& t) {
  Draft draft;
  draft.code = code;
  draft.variant = variant;
  draft.severity = severity;
  draft.subject = Subject::kTranslation;
  draft.subject_id = t.id;
  draft.connections = {t.inside, t.outside};
  return draft;
}

std::vector<const Fate*> changed(const Picture& picture,
                                 const Translation& t,
                                 unsigned direction,
                                 std::string_view what) {
  std::vector<const Fate*> out;
  for (const Fate& fate : picture.fates_of(t)) {
    if (fate.direction == direction && fate.fate == correlate::Fate::kChanged &&
        fate.note.find(what) != std::string::npos) {
      out.push_back(&fate);
    }
  }
  return out;
}

void report_flapping(const Case& of, const Passage& way) {
  constexpr std::uint32_t kLeast = 3;
  const Picture& picture = of.picture;
  const Translation& t = *way.translation;
  const auto& odd = t.packets[way.direction].deviation;
  const auto frames = changed(picture, t, way.direction, "TTL");
  if (odd.ttl_changes < kLeast || frames.empty() || odd.ttl_delta_min == odd.ttl_delta_max)
    return;
  Draft draft = draft_of("PATH-TTL", "flapping", Severity::kWarning, t);
  draft.count = odd.ttl_changes;
  draft.facts = {{"hops_least", -odd.ttl_delta_max},
                 {"hops_most", -odd.ttl_delta_min},
                 {"packets", odd.ttl_changes},
                 {"of", t.packets[way.direction].both}};
  draft.text = fmt::format(
      "packets of one connection pass {} to {} hops between {} and {}: the path changes ({})",
      -odd.ttl_delta_max, -odd.ttl_delta_min,
      picture.name(picture.connections()[way.before].tap),
      picture.name(picture.connections()[way.after].tap),
      flow_text(picture.connections()[way.before].original));
  for (const Fate* fate : frames) {
    draft.frame(Role::kCause, fate->frame);
    draft.frame(Role::kExample, fate->other);
  }
  of.report.raise(std::move(draft));
}

// TTL that is higher behind the box: it was set anew. One row a NAT.
void report_normalised(const Case& of, const AtNat& at) {
  const Picture& picture = of.picture;
  for (const Translation* t : at.translations) {
    for (unsigned d = 0; d < 2; ++d) {
      const auto& account = t->packets[d];
      const Passage way = passage(picture, *t, d);
      if (!account.ttl_known || account.ttl_delta <= 0 || account.both < 2 || !way.known)
        continue;
      Draft draft = draft_of("PATH-TTL", "normalised", Severity::kInfo, *t);
      draft.subject = Subject::kNat;
      draft.subject_id = at.nat->id;
      draft.facts = {{"delta", account.ttl_delta}, {"direction", way.outward ? "out" : "in"}};
      draft.text =
          fmt::format("TTL is higher behind the box than before it, by {}: it is set anew ({})",
                      account.ttl_delta, flow_text(picture.connections()[way.before].original));
      draft.frame(Role::kExample, picture.connections()[way.before].first_frame);
      draft.frame(Role::kExample, picture.connections()[way.after].first_frame);
      of.report.raise(std::move(draft));
    }
  }
}

// What arrives with next to no TTL left. Only what is answered: probes of a path are meant to
// expire.
void report_expiring(const Case& of) {
  constexpr unsigned kNearly = 3;
  const Picture& picture = of.picture;
  for (const Translation& t : picture.translations()) {
    const Passage way = passage(picture, t, 0);
    const Connection& before = picture.connections()[way.before];
    const Connection& after = picture.connections()[way.after];
    if (!hands_on(picture, t) || !is_tcp(after.original) || !after.answered() ||
        after.ttl == 0 || after.ttl > kNearly || way.before_direction != 0 ||
        way.after_direction != 0 || !after.beginning_seen) {
      continue;
    }
    Draft draft = draft_of("PATH-TTL", "nearly-expired", Severity::kWarning, t);
    draft.facts = {{"ttl", after.ttl}, {"ttl_before", before.ttl}};
    draft.text = fmt::format("{} is at {} with a TTL of {}: a few hops farther it expires",
                             flow_text(after.original), picture.name(after.tap), after.ttl);
    draft.frame(Role::kCause, after.first_frame);
    draft.frame(Role::kExample, before.first_frame);
    of.report.raise(std::move(draft));
  }
}

// ---- DSCP and ECN

constexpr unsigned kEcn = 3;
constexpr unsigned kCongested = 3;

struct TosVariant {
  std::string_view name;  // "" = none that is told of
  Severity severity = Severity::kInfo;
};

TosVariant tos_variant(unsigned before, unsigned after) {
  const unsigned ecn = before & kEcn;
  if (ecn == kCongested && (after & kEcn) != kCongested) return {"ce-lost", Severity::kWarning};
  if (ecn == 0 && (after & kEcn) == kCongested) return {"ce-invented", Severity::kWarning};
  if (before >> 2 != after >> 2) {
    if (after >> 2 == 0) return {"dscp-bleached", Severity::kInfo};
    if (after >> 2 == (before >> 2 & 0x38U)) return {"tos-legacy", Severity::kInfo};
    return {"dscp-remapped", Severity::kInfo};
  }
  if (ecn != 0 && ecn != kCongested && (after & kEcn) == 0) {
    return {"ecn-bleached", Severity::kInfo};
  }
  return {};  // a router that marks congestion
}

struct TosClass {
  std::uint64_t packets = 0;
  std::vector<const Fate*> frames;
  std::vector<std::uint32_t> connections;
};

void report_tos(const Case& of, const AtNat& at) {
  constexpr std::uint64_t kLeast = 20;
  constexpr double kShare = 0.9;
  const Picture& picture = of.picture;
  std::map<std::tuple<bool, unsigned, unsigned>, TosClass> classes;
  for (const Translation* t : at.translations) {
    for (unsigned d = 0; d < 2; ++d) {
      const auto& account = t->packets[d];
      const auto& odd = account.deviation;
      if (odd.tos_changes == 0 ||
          static_cast<double>(odd.tos_changes) < kShare * static_cast<double>(account.both)) {
        continue;
      }
      const Passage way = passage(picture, *t, d);
      const unsigned before = odd.tos[way.outward ? 0 : 1];
      const unsigned after = odd.tos[way.outward ? 1 : 0];
      TosClass& group = classes[{way.outward, before, after}];
      group.packets += odd.tos_changes;
      const auto frames = changed(picture, *t, d, "TOS");
      group.frames.insert(group.frames.end(), frames.begin(), frames.end());
      group.connections.insert(group.connections.end(), {t->inside, t->outside});
    }
  }
  for (const auto& [key, group] : classes) {
    const auto [outward, before, after] = key;
    const TosVariant variant = tos_variant(before, after);
    if (group.packets < kLeast || variant.name.empty()) continue;
    Draft draft;
    draft.code = "PATH-DSCP";
    draft.variant = variant.name;
    draft.severity = variant.severity;
    draft.subject = Subject::kNat;
    draft.subject_id = at.nat->id;
    draft.count = group.packets;
    draft.facts = {{"direction", outward ? "out" : "in"},
                   {"from", before},
                   {"to", after},
                   {"packets", group.packets}};
    draft.text = fmt::format(
        "the TOS byte {:#04x} becomes {:#04x} between {} and {} ({}), in {} packets", before,
        after, picture.name(at.nat->inside_tap), picture.name(at.nat->outside_tap),
        outward ? "out" : "in", group.packets);
    for (const Fate* fate : group.frames) {
      draft.frame(Role::kCause, fate->frame);
      draft.frame(Role::kExample, fate->other);
    }
    draft.connections = group.connections;
    of.report.raise(std::move(draft));
  }
}

// ---- order

void report_order(const Case& of, const Passage& way) {
  constexpr std::uint32_t kLeast = 10;
  constexpr double kShare = 0.005;
  const Picture& picture = of.picture;
  const Translation& t = *way.translation;
  const auto& account = t.packets[way.direction];
  const auto& odd = account.deviation;
  const double share = static_cast<double>(odd.reordered) /
                       static_cast<double>(std::max<std::uint64_t>(account.both, 1));
  if (odd.reordered < kLeast || share <= kShare) return;
  Draft draft = draft_of("PATH-REORDERED", "reordered", Severity::kWarning, t);
  draft.count = odd.reordered;
  draft.facts = {{"reordered", odd.reordered}, {"of", account.both}, {"ratio", share}};
  draft.text = fmt::format("{} of {} packets ({}) came out of order between {} and {}: {}",
                           odd.reordered, account.both, percent(share),
                           picture.name(picture.connections()[way.before].tap),
                           picture.name(picture.connections()[way.after].tap),
                           flow_text(picture.connections()[way.before].original));
  for (const Fate& fate : picture.fates_of(t)) {
    if (fate.direction != way.direction || fate.fate != correlate::Fate::kReordered) continue;
    draft.frame(Role::kCause, fate.frame);
    draft.frame(Role::kExample, fate.other);
  }
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  report_loops(of);
  report_expiring(of);
  for (const AtNat& at : by_nat(of.picture, hands_on)) {
    report_normalised(of, at);
    report_tos(of, at);
    for (const Translation* t : at.translations) {
      for (unsigned d = 0; d < 2; ++d) {
        const Passage way = passage(of.picture, *t, d);
        report_flapping(of, way);
        report_order(of, way);
      }
    }
  }
}

}  // namespace

const Family kPath{kCodes, run};

}  // namespace natlens::findings
