// The router's table: first packets that raced each other, and a table that is full.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "between.h"
#include "passage.h"
#include "traffic.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"CT-CLASH", "CT-TABLE-FULL"});

using stream::NoteKind;

// ---- races

struct Clash {
  const Translation* translation = nullptr;
  const Fate* lost = nullptr;
  const Note* retry = nullptr;
  Nanoseconds gap{};
};

// Of the first packets of a new flow, which came as good as at once, one is missing behind the
// box, and its sender sends it again.
std::optional<Clash> clash_of(const Case& of, const Translation& t) {
  constexpr std::uint32_t kRetryMs = 1000;
  const Picture& picture = of.picture;
  const Passage way = passage(picture, t, 0);
  const Connection& before = picture.connections()[way.before];
  const Connection& after = picture.connections()[way.after];
  if (!is_udp(before.original) || way.before_direction != 0 || !before.beginning_seen)
    return {};
  const Nanoseconds window(static_cast<std::int64_t>(of.parameters["clash_window_us"] * 1e3));
  const Nanoseconds transit(t.packets[0].latency.median_ns);
  std::vector<const Fate*> lost;
  for (const Fate& fate : picture.fates_of(t)) {
    if (fate.direction == way.direction && fate.fate == correlate::Fate::kOnlyBefore &&
        fate.frame.tap == before.tap) {
      lost.push_back(&fate);
    }
  }
  if (lost.size() != 1) return {};  // no loss among later packets
  const Nanoseconds gap = lost[0]->frame.number == before.first_frame.number
                              ? after.start - transit - before.start
                              : lost[0]->frame.time - before.start;
  if (gap < Nanoseconds(0) || gap > window) return {};
  if (of.gates.absence(before.tap, after.tap, lost[0]->frame.time, before.original).blocked()) {
    of.report.blocked("CT-CLASH", after.tap);
    return {};
  }
  for (const Note* note : notes_of_kind(picture, way.before, NoteKind::kRepeat)) {
    const bool again = note->other.number == lost[0]->frame.number;
    if (again && note->packet.silence_ms >= kRetryMs) {
      return Clash{&t, lost[0], note, gap};
    }
  }
  return {};
}

bool resolver_retry(const Clash& clash) {
  constexpr std::uint32_t kDefault = 5000;
  constexpr std::uint32_t kSlack = 100;
  const std::uint32_t ms = clash.retry->packet.silence_ms;
  return ms >= kDefault - kSlack && ms <= kDefault + kSlack;
}

void report_clashes(const Case& of, const AtNat& at) {
  constexpr std::uint16_t kDns = 53;
  const Picture& picture = of.picture;
  std::vector<Clash> all;
  std::uint64_t flows = 0;
  for (const Translation* t : at.translations) {
    flows += is_udp(picture.connections()[t->inside].original);
    if (const auto clash = clash_of(of, *t)) all.push_back(*clash);
  }
  if (all.empty() || (all.size() < 2 && !resolver_retry(all[0]))) return;
  const Clash& first = all.front();
  const Connection& flow = picture.connections()[first.translation->inside];
  Draft draft;
  draft.code = "CT-CLASH";
  draft.variant = flow.original.dst_port == kDns ? "dns" : "other";
  draft.severity = Severity::kWarning;
  draft.confidence = Confidence::kLikely;
  draft.subject = Subject::kNat;
  draft.subject_id = at.nat->id;
  draft.count = all.size();
  draft.facts = {{"gap_us", first.gap.count() / 1000},
                 {"retry_after_ms", first.retry->packet.silence_ms},
                 {"events_per_1000_flows",
                  1000.0 * static_cast<double>(all.size()) / static_cast<double>(flows)},
                 {"clash_window_us", of.parameters["clash_window_us"]}};
  draft.text = fmt::format(
      "two first packets of one new flow raced through the NAT {} us apart, and one was "
      "dropped: "
      "sent again after {} ms ({}, {})",
      first.gap.count() / 1000, first.retry->packet.silence_ms, flow_text(flow.original),
      count_text(all.size(), "time", "times"));
  for (const Clash& clash : all) {
    const Connection& before =
        picture.connections()[passage(picture, *clash.translation, 0).before];
    const Connection& after =
        picture.connections()[passage(picture, *clash.translation, 0).after];
    draft.frame(Role::kCause, clash.lost->frame);
    draft.missing(after.tap, clash.lost->frame.time);
    draft.frame(Role::kExample, before.first_frame);
    draft.frame(Role::kEffect, clash.retry->frame);
    draft.connections.insert(draft.connections.end(),
                             {clash.translation->inside, clash.translation->outside});
  }
  of.report.raise(std::move(draft));
}

// ---- a full table

struct First {
  std::uint32_t connection = kNone;
  bool lost = false;
};

// First packets at the tap before the box, in order, and whether they crossed.
std::vector<First> first_packets(const Case& of, const Crossing& way) {
  const Picture& picture = of.picture;
  const Passages known(picture, way);
  std::vector<First> out;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (c.tap != way.before || c.depth != 0 || !c.beginning_seen ||
        c.close_reason == "untracked") {
      continue;
    }
    if (joins(picture, i, way.after)) {
      out.push_back({i, false});
    } else if (c.unpaired == "nothing_in_common" && !c.answered() &&
               of.gates.absence(way.before, way.after, c.start, c.original, c.ttl).proven() &&
               known.find(c.original.src, c.original.dst) != kNone) {
      out.push_back({i, true});
    }
  }
  return out;
}

// How many entries the box has, as far as this tap tells: least and most while first packets
// failed, and most of all.
struct Entries {
  std::int64_t least = 0;
  std::int64_t most = 0;
};

Entries entries(const Picture& picture,
                const std::vector<First>& all,
                Timestamp begin,
                Timestamp end) {
  std::vector<std::pair<Timestamp, int>> steps;
  for (const First& one : all) {
    if (one.lost) continue;
    const Connection& c = picture.connections()[one.connection];
    steps.emplace_back(c.start, 1);
    if (c.close_reason != "end") steps.emplace_back(c.end, -1);
  }
  std::sort(steps.begin(), steps.end());
  Entries out;
  std::int64_t now = 0;
  std::int64_t least = -1;
  for (const auto& [time, step] : steps) {
    if (time > begin && least < 0) least = now;
    now += step;
    out.most = std::max(out.most, now);
    if (time >= begin && time <= end && least >= 0) least = std::min(least, now);
  }
  out.least = least < 0 ? now : least;
  return out;
}

// Packets of connections with answers pass all the while.
bool assured_pass(const Picture& picture,
                  const Crossing& way,
                  Timestamp begin,
                  Timestamp end,
                  double& share) {
  std::uint64_t passed = 0;
  std::uint64_t lost = 0;
  for (const Translation& t : picture.translations()) {
    if (picture.connections()[t.inside].tap != way.before ||
        (picture.connections()[t.inside].status & conntrack::status::kAssured) == 0 ||
        t.end < begin || t.start > end) {
      continue;
    }
    for (const auto& account : t.packets) {
      passed += account.both;
      lost += account.inside_only + account.outside_only;
    }
  }
  share = static_cast<double>(passed) /
          static_cast<double>(std::max<std::uint64_t>(passed + lost, 1));
  return passed != 0 && share >= 0.99;
}

void report_full(const Case& of, const Crossing& way) {
  constexpr std::size_t kLeast = 20;
  constexpr std::size_t kKinds = 3;
  const Picture& picture = of.picture;
  const auto all = first_packets(of, way);
  std::vector<const Connection*> lost;
  std::vector<std::uint32_t> indexes;
  std::set<Address> targets, sources;
  std::set<std::uint8_t> protocols;
  for (const First& one : all) {
    if (!one.lost) continue;
    const Connection& c = picture.connections()[one.connection];
    lost.push_back(&c);
    indexes.push_back(one.connection);
    targets.insert(c.original.dst);
    sources.insert(c.original.src);
    protocols.insert(c.original.protocol);
  }
  if (lost.size() < kLeast || targets.size() < kKinds ||
      (protocols.size() < 2 && sources.size() < kKinds)) {
    return;
  }
  const Timestamp begin = lost.front()->start;
  const Timestamp end = lost.back()->start;
  const auto firsts =
      static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const First& one) {
        const Timestamp start = picture.connections()[one.connection].start;
        return start >= begin && start <= end;
      }));
  const Entries held = entries(picture, all, begin, end);
  double share = 0;
  if (lost.size() * 2 < firsts || held.least * 100 < held.most * 95 ||
      !assured_pass(picture, way, begin, end, share)) {
    return;
  }
  const double limit = of.parameters["ct_limit"];
  const bool known =
      limit > 0 && static_cast<double>(held.most) >= of.parameters["ct_full_ratio"] * limit;
  Draft draft;
  draft.code = "CT-TABLE-FULL";
  draft.confidence = known ? Confidence::kCertain : Confidence::kLikely;
  draft.subject = Subject::kNat;
  draft.subject_id = way.nat->id;
  draft.count = lost.size();
  draft.facts = {
      {"entries", held.most},
      {"limit_guess", held.most},
      {"failed", lost.size()},
      {"of", firsts},
      {"new_per_s", static_cast<double>(firsts) / std::max(seconds_of(end - begin), 1e-3)},
      {"passed_assured", share},
      {"ct_full_ratio", of.parameters["ct_full_ratio"]},
      {"ct_limit", limit}};
  draft.text = fmt::format(
      "{} of {} new flows to {} destinations do not pass, while {} entries live on: the NAT's "
      "table is full",
      lost.size(), firsts, targets.size(), held.most);
  for (const Connection* c : lost) draft.frame(Role::kCause, c->first_frame);
  draft.missing(way.after, begin);
  draft.connections = std::move(indexes);
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  for (const AtNat& at : by_nat(of.picture, hands_on)) report_clashes(of, at);
  // Where only what is odd was kept, entries cannot be counted.
  if (!of.picture.complete()) return;
  for (const Crossing& way : crossings(of.picture, is_nat)) {
    if (way.before == way.nat->inside_tap && way.nat->relation == nat::Relation::kNat) {
      report_full(of, way);
    }
  }
}

}  // namespace

const Family kTable{kCodes, run};

}  // namespace natlens::findings
