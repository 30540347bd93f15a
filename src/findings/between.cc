#include "between.h"

#include <algorithm>
#include <set>
#include <string>

#include "words.h"

namespace natlens::findings {
namespace {

constexpr Nanoseconds kSecondTry = std::chrono::milliseconds(800);

}  // namespace

Passages::Passages(const Picture& picture, const Crossing& way) {
  using Kind = correlate::TranslationKind;
  const auto& all = picture.translations();
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    const bool unknown = all[i].entered == correlate::FirstSeen::kUnknown;
    const bool plain = all[i].kind == Kind::kRouted || all[i].kind == Kind::kBridged;
    if (unknown && plain) continue;
    const bool from_outside = all[i].entered == correlate::FirstSeen::kOutside ||
                              (unknown && all[i].kind == Kind::kDnat);
    const Connection& inside = picture.connections()[all[i].inside];
    const Connection& outside = picture.connections()[all[i].outside];
    const Connection& first = from_outside ? outside : inside;
    const Connection& second = from_outside ? inside : outside;
    if (first.tap != way.before || second.tap != way.after) continue;
    known_.emplace(std::pair(prefix_of(first.original.src), first.original.dst), i);
  }
}

std::uint32_t Passages::find(const Address& src, const Address& dst) const {
  const auto found = known_.find({prefix_of(src), dst});
  return found == known_.end() ? kNone : found->second;
}

bool joins(const Picture& picture, std::uint32_t connection, std::int64_t tap) {
  for (const std::uint32_t t : picture.translations_of(connection)) {
    const std::uint32_t other = picture.partner(picture.translations()[t], connection);
    if (picture.connections()[other].tap == tap) return true;
  }
  return false;
}

std::vector<Crossing> crossings(const Picture& picture, bool (*wanted)(nat::Relation)) {
  std::vector<Crossing> out;
  std::set<std::pair<std::int64_t, std::int64_t>> known;
  for (const Nat& nat : picture.nats()) {
    if (!wanted(nat.relation) || nat.inside_tap == nat.outside_tap) continue;
    const Crossing both[] = {{&nat, nat.inside_tap, nat.outside_tap},
                             {&nat, nat.outside_tap, nat.inside_tap}};
    for (const Crossing& way : both) {
      if (known.emplace(way.before, way.after).second) out.push_back(way);
    }
  }
  return out;
}

std::vector<const Note*> notes_of_kind(const Picture& picture,
                                       std::uint32_t connection,
                                       stream::NoteKind kind) {
  std::vector<const Note*> out;
  for (const std::uint32_t n : picture.notes_of(connection)) {
    if (picture.notes()[n].packet.kind == kind) out.push_back(&picture.notes()[n]);
  }
  return out;
}

bool was_refused(const Picture& picture, std::uint32_t connection) {
  return !notes_of_kind(picture, connection, stream::NoteKind::kIcmpError).empty() ||
         !notes_of_kind(picture, connection, stream::NoteKind::kReset).empty();
}

Tries tries_of(const Picture& picture, std::uint32_t connection) {
  const Connection& c = picture.connections()[connection];
  Tries out;
  out.frames.push_back(c.first_frame);
  const auto kind =
      is_tcp(c.original) ? stream::NoteKind::kSynAgain : stream::NoteKind::kRepeat;
  for (const Note* note : notes_of_kind(picture, connection, kind)) {
    if (note->packet.direction == conntrack::Direction::kOriginal) {
      out.frames.push_back(note->frame);
    }
  }
  if (!is_tcp(c.original) && c.counters[0].packets > 1) out.frames.push_back(c.last_frame);
  out.count = is_tcp(c.original) ? out.frames.size() : c.counters[0].packets;
  out.span = out.frames.back().time - c.start;
  return out;
}

bool tried_enough(const Case& of,
                  const Connection& connection,
                  const Tries& tries,
                  Timestamp end) {
  const auto wanted = static_cast<std::uint64_t>(of.parameters["whole_flow_tries"]);
  if (tries.count >= wanted && tries.span >= kSecondTry) return true;
  const Nanoseconds wait(static_cast<std::int64_t>(of.parameters["udp_answer_wait_s"] * 1e9));
  return !is_tcp(connection.original) && end - connection.start >= wait;
}

std::vector<LostFlow> lost_flows(const Case& of, const Crossing& way, std::string_view code) {
  const Picture& picture = of.picture;
  const Passages known(picture, way);
  std::vector<LostFlow> out;
  const Tap* after = picture.tap(way.after);
  if (after == nullptr) return out;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (c.tap != way.before || c.unpaired != "nothing_in_common" || c.answered()) continue;
    if (!c.beginning_seen || c.depth != 0 || c.close_reason == "untracked") continue;
    const std::uint32_t control = known.find(c.original.src, c.original.dst);
    if (control == kNone || joins(picture, i, way.after)) continue;
    LostFlow lost{i, tries_of(picture, i), {}, control};
    if (!tried_enough(of, c, lost.tries, after->last)) continue;
    for (const FrameRef& frame : lost.tries.frames) {
      lost.absence.shut |=
          of.gates.absence(way.before, way.after, frame.time, c.original, c.ttl).shut;
    }
    if (lost.absence.blocked()) {
      of.report.blocked(code, way.after);
      continue;
    }
    out.push_back(std::move(lost));
  }
  return out;
}

std::vector<LostPackets> lost_packets(const Case& of,
                                      const Crossing& way,
                                      std::string_view code) {
  const Picture& picture = of.picture;
  std::vector<LostPackets> out;
  for (std::uint32_t i = 0; i < picture.translations().size(); ++i) {
    const Translation& t = picture.translations()[i];
    for (std::uint8_t d = 0; d < 2; ++d) {
      LostPackets lost;
      lost.translation = i;
      lost.direction = d;
      for (const Fate& fate : picture.fates_of(t)) {
        if (fate.direction != d || fate.fate != correlate::Fate::kOnlyBefore ||
            fate.frame.tap != way.before || fate.other.tap != way.after) {
          continue;
        }
        // What tracking refuses, and errors about packets, have findings of their own.
        if (picture.refusal_of(fate.frame) != nullptr ||
            picture.note_of(fate.frame, stream::NoteKind::kIcmpError) != nullptr) {
          continue;
        }
        const std::uint32_t index = picture.connection(fate.frame.connection);
        if (index == kNone) continue;
        const Connection& c = picture.connections()[index];
        const Absence absence =
            of.gates.absence(way.before, way.after, fate.frame.time, c.original);
        if (!absence.proven()) {
          of.report.blocked(code, way.after);
          continue;
        }
        lost.smallest = lost.proven.empty() ? fate.payload_bytes
                                            : std::min(lost.smallest, fate.payload_bytes);
        lost.largest = std::max(lost.largest, fate.payload_bytes);
        lost.proven.push_back(&fate);
      }
      if (lost.proven.empty()) continue;
      const bool inside = picture.connections()[t.inside].tap == way.before;
      lost.lost = inside ? t.packets[d].inside_only : t.packets[d].outside_only;
      lost.lost = std::max<std::uint64_t>(lost.lost, lost.proven.size());
      lost.passed = t.packets[d].both;
      out.push_back(std::move(lost));
    }
  }
  return out;
}

// Behind a connection that crossed, the accounting of its packets tells. Of one that did not,
// every packet stayed on its side: then others must have crossed to the same place, or the
// packet names somebody else than the far end as its sender.
Orphans::Orphans(const Case& of) : of_(of) {
  for (const Crossing& way : crossings(of.picture, is_nat)) {
    ways_.emplace_back(way, Passages(of.picture, way));
  }
}

Orphan Orphans::judge(const Note& note) const {
  const Picture& picture = of_.picture;
  Orphan out;
  const Connection& c = picture.connections()[note.connection];
  if (const Fate* fate = picture.fate_of(note.frame)) {
    out.paired = true;
    out.other_tap = fate->other.tap;
    const Nat* nat = picture.nat_between(c.tap, out.other_tap);
    out.absence = of_.gates.absence(c.tap, out.other_tap, note.frame.time, c.original);
    out.yes = fate->fate == correlate::Fate::kOnlyAfter && nat != nullptr &&
              is_nat(nat->relation) && !out.absence.blocked();
    return out;
  }
  if (c.unpaired != "nothing_in_common" || !c.beginning_seen) return out;
  for (const auto& [way, passages] : ways_) {
    if (way.before != c.tap) continue;
    const std::uint32_t control = passages.find(c.original.src, c.original.dst);
    const bool stranger = note.packet.kind == stream::NoteKind::kIcmpError &&
                          note.packet.tuple.src != note.packet.quoted.dst;
    if (control == kNone && !stranger) continue;
    out.other_tap = way.after;
    out.control = control;
    out.absence = of_.gates.absence(c.tap, way.after, note.frame.time, c.original);
    out.yes = !out.absence.blocked();
    if (out.yes) return out;
  }
  return out;
}

FrameRef untranslated(const Case& of, const Crossing& way, const Invalid& row) {
  const Picture& picture = of.picture;
  const Nanoseconds window = of.gates.pair_window(way.before, way.after);
  const auto soon = [&](Timestamp time) {
    const Nanoseconds apart = time - row.frame.time;
    return apart >= -std::chrono::milliseconds(2) && apart <= window;
  };
  for (const Invalid& other : picture.invalid()) {
    if (other.frame.tap == way.after && other.tuple == row.tuple && soon(other.frame.time)) {
      return other.frame;
    }
  }
  for (const Connection& c : picture.connections()) {
    if (c.tap == way.after && c.original == row.tuple && soon(c.start)) return c.first_frame;
  }
  return {};
}

FrameRef frame_at(const Picture& picture, const Translation& translation, std::int64_t tap) {
  const Connection& inside = picture.connections()[translation.inside];
  return inside.tap == tap ? inside.first_frame
                           : picture.connections()[translation.outside].first_frame;
}

}  // namespace natlens::findings
