// Mappings that change while their connection goes on, and many that vanish at one moment.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "between.h"
#include "silence.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes =
    std::to_array<std::string_view>({"NAT-MAPPING-CHANGED", "NAT-STATE-LOST"});

// ---- a mapping that changed while its connection went on

struct Change {
  std::uint32_t before = kNone;  // translations
  std::uint32_t after = kNone;
  Nanoseconds gap{};
};

Endpoint external_end(const Picture& picture, const Translation& t) {
  const Tuple& outside = picture.connections()[t.outside].original;
  return t.reversed ? destination(outside) : source(outside);
}

std::vector<Change> changes(const Picture& picture) {
  std::vector<Change> out;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    std::vector<std::uint32_t> mine;
    for (const std::uint32_t t : picture.translations_of(i)) {
      const Translation& one = picture.translations()[t];
      if (one.inside == i && one.kind == correlate::TranslationKind::kSnat) mine.push_back(t);
    }
    std::stable_sort(mine.begin(), mine.end(), [&](std::uint32_t a, std::uint32_t b) {
      return picture.translations()[a].start < picture.translations()[b].start;
    });
    for (std::size_t k = 1; k < mine.size(); ++k) {
      const Translation& a = picture.translations()[mine[k - 1]];
      const Translation& b = picture.translations()[mine[k]];
      const Connection& next = picture.connections()[b.outside];
      if (picture.connections()[a.outside].tap != next.tap || a.outside == b.outside) continue;
      if (external_end(picture, a) == external_end(picture, b)) continue;
      // A SYN that is sent again, or a new connection under an old tuple, is no change.
      if (is_tcp(next.original) && (next.beginning_seen || (next.tcp_flags & flag::kSyn) != 0))
        continue;
      out.push_back({mine[k - 1], mine[k], b.start - a.end});
    }
  }
  return out;
}

// The far end goes on with the new endpoint.
bool accepted(const Picture& picture, const Translation& after) {
  const Connection& c = picture.connections()[after.outside];
  for (const Note* reset : notes_of_kind(picture, after.outside, stream::NoteKind::kReset)) {
    if (picture.is_external(reset->packet.tuple.dst)) return false;
  }
  return c.answered();
}

std::vector<const Note*> resets_after(const Picture& picture, const Translation& after) {
  return notes_of_kind(picture, after.outside, stream::NoteKind::kReset);
}

void report_change(const Case& of, const Change& change, std::size_t at_once) {
  const Picture& picture = of.picture;
  const Translation& a = picture.translations()[change.before];
  const Translation& b = picture.translations()[change.after];
  const Endpoint from = external_end(picture, a);
  const Endpoint to = external_end(picture, b);
  const Connection& inside = picture.connections()[a.inside];
  const bool goes_on = accepted(picture, b);
  Draft draft;
  draft.code = "NAT-MAPPING-CHANGED";
  draft.variant = from.address == to.address ? "port"
                  : from.port == to.port     ? "address"
                                             : "both";
  draft.severity = goes_on ? Severity::kWarning : Severity::kError;
  draft.confidence = a.confidence == correlate::Confidence::kCertain &&
                             b.confidence == correlate::Confidence::kCertain
                         ? Confidence::kCertain
                         : Confidence::kLikely;
  draft.subject_id = inside.id;
  draft.facts = {{"old", end_text(from)},
                 {"new", end_text(to)},
                 {"gap_ms", ms_of(change.gap)},
                 {"cause", at_once >= 3                                   ? "flush"
                           : change.gap >= std::chrono::seconds(10)       ? "expired"
                           : change.gap < std::chrono::milliseconds(1000) ? "random"
                                                                          : "unknown"},
                 {"server_reaction", goes_on ? "answers" : "RST or silence"}};
  draft.text = fmt::format(
      "{}: its external end changed from {} to {} in the middle, after "
      "{:.1f} s without a packet; the far end {}",
      flow_text(inside.original), end_text(from), end_text(to),
      std::max(0.0, seconds_of(change.gap)), goes_on ? "goes on" : "does not accept it");
  const Connection& old_end = picture.connections()[a.outside];
  const Connection& new_end = picture.connections()[b.outside];
  draft.frame(Role::kExample, old_end.first_frame);
  draft.frame(Role::kExample, old_end.last_frame);
  draft.frame(Role::kCause, new_end.first_frame);
  for (const Note* reset : resets_after(picture, b)) draft.frame(Role::kEffect, reset->frame);
  draft.connections = {a.inside, a.outside, b.outside};
  of.report.raise(std::move(draft));
}

// ---- many at one moment

struct Loss {
  Timestamp time;
  std::uint32_t flow = kNone;
  Address remote;
  FrameRef frame;
  std::int64_t nat = 0;
  bool address_changed = false;
  std::uint32_t connection = kNone;
};

constexpr Nanoseconds kMoment = std::chrono::seconds(5);

std::vector<Loss> losses(const Case& of,
                         const std::vector<Silence>& all,
                         const std::vector<Change>& changed) {
  const Picture& picture = of.picture;
  std::vector<Loss> out;
  const auto add = [&](const Translation& t, const FrameRef& frame, bool address) {
    const Tuple& outside = picture.connections()[t.outside].original;
    const Address& remote = picture.is_external(outside.dst) ? outside.src : outside.dst;
    out.push_back(
        {frame.time, picture.flow(t.inside), remote, frame, t.nat, address, t.inside});
  };
  for (const Silence& one : all) {
    if (one.refused) add(picture.translations()[one.translation], one.note->frame, false);
  }
  for (const Change& change : changed) {
    const Translation& b = picture.translations()[change.after];
    add(b, picture.connections()[b.outside].first_frame,
        external_end(picture, picture.translations()[change.before]).address !=
            external_end(picture, b).address);
  }
  for (const Note& note : picture.notes()) {
    if (note.packet.kind != stream::NoteKind::kReset || note.connection == kNone) continue;
    if (!of.report.raised("NAT-RST-GENERATED", note.connection)) continue;
    const auto mine = picture.translations_of(note.connection);
    if (!mine.empty()) add(picture.translations()[mine.front()], note.frame, false);
  }
  std::sort(out.begin(), out.end(),
            [](const Loss& a, const Loss& b) { return a.time < b.time; });
  return out;
}

// Flows of this NAT that were there before the moment and go on after it.
std::size_t alive_across(const Picture& picture, std::int64_t nat, Timestamp moment) {
  std::set<std::uint32_t> flows;
  for (const Translation& t : picture.translations()) {
    if (t.nat != nat) continue;
    const Connection& c = picture.connections()[t.inside];
    if (c.start < moment - kMoment && c.last >= moment) flows.insert(picture.flow(t.inside));
  }
  return flows.size();
}

void report_state_lost(const Case& of, const std::vector<Loss>& all) {
  constexpr std::size_t kLeastMappings = 5;
  constexpr std::size_t kLeastRemotes = 3;
  constexpr double kShare = 0.8;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    std::set<std::uint32_t> flows;
    std::set<Address> remotes;
    for (; end < all.size() && all[end].time - all[i].time <= kMoment; ++end) {
      flows.insert(all[end].flow);
      remotes.insert(all[end].remote);
    }
    const std::size_t alive = alive_across(of.picture, all[i].nat, all[i].time);
    const bool lost = flows.size() >= kLeastMappings && remotes.size() >= kLeastRemotes &&
                      static_cast<double>(flows.size()) >= kShare * static_cast<double>(alive);
    if (!lost) {
      ++i;
      continue;
    }
    const bool address = std::all_of(all.begin() + static_cast<std::ptrdiff_t>(i),
                                     all.begin() + static_cast<std::ptrdiff_t>(end),
                                     [](const Loss& l) { return l.address_changed; });
    Draft draft;
    draft.code = "NAT-STATE-LOST";
    draft.variant = address ? "address-change" : "flush";
    draft.subject = Subject::kNat;
    draft.subject_id = all[i].nat;
    draft.count = flows.size();
    draft.facts = {{"moment_ns", all[i].time.ns()},
                   {"mappings_before", alive},
                   {"lost", flows.size()},
                   {"remotes", remotes.size()}};
    draft.text = fmt::format(
        "{} of {} that were open lost their mapping within {:.1f} s, towards {}: the NAT "
        "forgot "
        "its table",
        flows.size(), count_text(alive, "connection", "connections"),
        seconds_of(all[end - 1].time - all[i].time),
        count_text(remotes.size(), "far end", "far ends"));
    for (std::size_t k = i; k < end; ++k) {
      draft.frame(Role::kCause, all[k].frame);
      draft.connections.push_back(all[k].connection);
    }
    of.report.raise(std::move(draft));
    i = end;
  }
}

void run(const Case& of) {
  const auto changed = changes(of.picture);
  std::map<std::int64_t, std::size_t> moments;  // by five seconds
  const auto moment = [&](const Change& change) {
    return of.picture.translations()[change.after].start.ns() / kMoment.count();
  };
  for (const Change& change : changed) ++moments[moment(change)];
  for (const Change& change : changed) report_change(of, change, moments[moment(change)]);
  report_state_lost(of, losses(of, silences(of), changed));
}

}  // namespace

const Family kChanges{kCodes, run};

}  // namespace natlens::findings
