// Fragments: datagrams that came in pieces and did not pass, and identifications that two hosts
// behind one address use at once.
//
// The note of the piece that completes a datagram stands for all of it; those before it have
// notes of their own, known by addresses and identification.
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

constexpr auto kCodes = std::to_array<std::string_view>({"FRAG-DROPPED", "FRAG-ID-REUSED"});

using stream::NoteKind;
constexpr Nanoseconds kTogether = std::chrono::seconds(30);

struct PieceKey {
  std::int64_t tap = 0;
  Address src;
  Address dst;
  std::uint8_t protocol = 0;
  std::uint32_t id = 0;
  auto operator<=>(const PieceKey&) const = default;
};

PieceKey key_of(const Note& note) {
  const Tuple& tuple = note.packet.tuple;
  return {note.frame.tap, tuple.src, tuple.dst, tuple.protocol, note.packet.ip_id};
}

// Pieces that had to wait for others, by datagram, in order of time.
using Pieces = std::map<PieceKey, std::vector<const Note*>>;

Pieces pieces_of(const Picture& picture) {
  Pieces out;
  for (const Note& note : picture.notes()) {
    if (note.packet.kind == NoteKind::kFragment) out[key_of(note)].push_back(&note);
  }
  return out;
}

const Note* first_piece(const Pieces& pieces, const Note& whole) {
  const auto found = pieces.find(key_of(whole));
  if (found == pieces.end()) return nullptr;
  for (const Note* piece : found->second) {
    if (piece->frame.time <= whole.frame.time &&
        whole.frame.time - piece->frame.time < kTogether) {
      return piece;
    }
  }
  return nullptr;
}

// ---- that do not pass

struct Host {
  Address src;
  Address dst;
  auto operator<=>(const Host&) const = default;
};

struct Datagrams {
  std::vector<const Note*> lost;
  std::uint64_t passed = 0;
  std::uint64_t passed_out_of_order = 0;
  std::uint64_t lost_out_of_order = 0;
  std::uint64_t first_seen = 0;  // pieces of lost ones at the tap behind
  std::uint32_t control = kNone;
  std::vector<std::uint32_t> connections;
};

enum class Passing : std::uint8_t { kUnknown, kPassed, kLost };

Passing passing(const Case& of,
                const Crossing& way,
                const Passages& others,
                const Note& whole,
                std::uint32_t& control) {
  const Picture& picture = of.picture;
  const Connection& c = picture.connections()[whole.connection];
  const Tuple& tuple = whole.packet.tuple;
  bool lost = false;
  for (const std::uint32_t i : picture.translations_of(whole.connection)) {
    const Translation& t = picture.translations()[i];
    const std::uint32_t other = picture.partner(t, whole.connection);
    if (picture.connections()[other].tap != way.after) continue;
    const bool inside = t.inside == whole.connection;
    auto d = static_cast<unsigned>(whole.packet.direction);
    if (!inside && t.reversed) d = 1 - d;
    if (passage(picture, t, d).before != whole.connection) return Passing::kUnknown;
    const Fate* fate = picture.fate_of(whole.frame);
    if (fate == nullptr) return Passing::kPassed;
    if (fate->fate != correlate::Fate::kOnlyBefore) return Passing::kUnknown;
    lost = true;
    // Whole packets of the connection pass, or others of these hosts do.
    control = t.packets[d].both != 0 ? i : others.find(tuple.src, tuple.dst);
  }
  if (!lost) {
    // Without a translation only what an inside host sends out is known to be meant to pass.
    if (way.before != way.nat->inside_tap || picture.is_external(tuple.src) ||
        c.unpaired != "nothing_in_common" ||
        whole.packet.direction != conntrack::Direction::kOriginal) {
      return Passing::kUnknown;
    }
    control = others.find(tuple.src, tuple.dst);
  }
  if (control == kNone) return Passing::kUnknown;
  const Absence absence =
      of.gates.absence(way.before, way.after, whole.frame.time, tuple, whole.packet.ttl);
  if (absence.proven()) return Passing::kLost;
  of.report.blocked("FRAG-DROPPED", way.after);
  return Passing::kUnknown;
}

// Pieces of it behind the box, under whatever source.
std::uint64_t pieces_behind(const Picture& picture, const Crossing& way, const Note& whole) {
  return static_cast<std::uint64_t>(
      std::count_if(picture.notes().begin(), picture.notes().end(), [&](const Note& note) {
        return note.packet.kind == NoteKind::kFragment && note.frame.tap == way.after &&
               note.packet.ip_id == whole.packet.ip_id &&
               note.packet.tuple.protocol == whole.packet.tuple.protocol &&
               note.packet.tuple.dst == whole.packet.tuple.dst &&
               std::chrono::abs(note.frame.time - whole.frame.time) < std::chrono::seconds(1);
      }));
}

std::string_view variant_of(const Datagrams& all) {
  if (all.first_seen >= all.lost.size()) return "non-first";
  const bool only_odd = all.lost_out_of_order == all.lost.size() && all.passed != 0 &&
                        all.passed_out_of_order == 0;
  return only_odd ? "out-of-order" : "all";
}

void report_dropped(const Case& of, const Crossing& way, const Host& host, Datagrams& all) {
  constexpr std::size_t kLeast = 3;
  constexpr double kShare = 0.2;
  const double share =
      static_cast<double>(all.lost.size()) / static_cast<double>(all.lost.size() + all.passed);
  if (all.lost.size() < kLeast || share < kShare) return;
  const Picture& picture = of.picture;
  Draft draft;
  draft.code = "FRAG-DROPPED";
  draft.variant = variant_of(all);
  draft.subject = Subject::kNat;
  draft.subject_id = way.nat->id;
  draft.count = all.lost.size();
  draft.facts = {{"datagrams", all.lost.size() + all.passed},
                 {"lost", all.lost.size()},
                 {"source", to_string(host.src)},
                 {"destination", to_string(host.dst)},
                 {"out_of_order", all.lost_out_of_order},
                 {"bytes", all.lost.front()->packet.ip_bytes}};
  draft.text = fmt::format(
      "{} of {} datagrams from {} to {} that came to {} in fragments never reached {}, while "
      "whole packets pass",
      all.lost.size(), all.lost.size() + all.passed, to_string(host.src), to_string(host.dst),
      picture.name(way.before), picture.name(way.after));
  for (const Note* note : all.lost) draft.frame(Role::kCause, note->frame);
  draft.missing(way.after, all.lost.front()->frame.time);
  draft.frame(Role::kControl,
              frame_at(picture, picture.translations()[all.control], way.before));
  draft.connections = std::move(all.connections);
  of.report.raise(std::move(draft));
}

void report_way(const Case& of, const Crossing& way, const Pieces& pieces) {
  const Picture& picture = of.picture;
  const Passages others(picture, way);
  std::map<Host, Datagrams> hosts;
  for (const Note& whole : picture.notes()) {
    if (whole.packet.kind != NoteKind::kFragments || whole.frame.tap != way.before ||
        whole.connection == kNone || whole.packet.refused) {
      continue;
    }
    std::uint32_t control = kNone;
    const Passing passed = passing(of, way, others, whole, control);
    if (passed == Passing::kUnknown) continue;
    const Note* first = first_piece(pieces, whole);
    const bool odd = first != nullptr && first->packet.number != 0;
    Datagrams& all = hosts[{whole.packet.tuple.src, whole.packet.tuple.dst}];
    if (passed == Passing::kPassed) {
      ++all.passed;
      all.passed_out_of_order += odd;
      continue;
    }
    all.lost.push_back(&whole);
    all.lost_out_of_order += odd;
    all.first_seen += pieces_behind(picture, way, whole) != 0;
    all.control = control;
    all.connections.push_back(whole.connection);
  }
  for (auto& [host, all] : hosts) report_dropped(of, way, host, all);
}

// ---- identifications

// Two datagrams on their way at once, alike for whoever puts them together behind the NAT.
void report_reuse(const Case& of, const Crossing& way, const Pieces& pieces) {
  const Picture& picture = of.picture;
  std::map<std::tuple<Address, std::uint8_t, std::uint32_t>, std::vector<const Note*>> by_id;
  for (const Note& note : picture.notes()) {
    if (note.packet.kind == NoteKind::kFragments && note.frame.tap == way.before &&
        picture.is_inside_host(note.packet.tuple.src)) {
      const Tuple& tuple = note.packet.tuple;
      by_id[{tuple.dst, tuple.protocol, note.packet.ip_id}].push_back(&note);
    }
  }
  for (const auto& [key, list] : by_id) {
    for (std::size_t i = 1; i < list.size(); ++i) {
      const Note& one = *list[i - 1];
      const Note& two = *list[i];
      const Note* begin = first_piece(pieces, two);
      if (one.packet.tuple.src == two.packet.tuple.src || begin == nullptr ||
          begin->frame.time > one.frame.time ||
          pieces_behind(picture, way, one) + pieces_behind(picture, way, two) == 0) {
        continue;
      }
      Draft draft;
      draft.code = "FRAG-ID-REUSED";
      draft.severity = Severity::kWarning;
      draft.confidence = Confidence::kLikely;
      draft.subject = Subject::kNat;
      draft.subject_id = way.nat->id;
      draft.facts = {
          {"id", one.packet.ip_id},
          {"hosts", {to_string(one.packet.tuple.src), to_string(two.packet.tuple.src)}},
          {"destination", to_string(one.packet.tuple.dst)}};
      draft.text = fmt::format(
          "{} and {} send fragments to {} with the same identification {} at once: behind the "
          "NAT they are one datagram for whoever puts them together",
          to_string(one.packet.tuple.src), to_string(two.packet.tuple.src),
          to_string(one.packet.tuple.dst), one.packet.ip_id);
      draft.frame(Role::kCause, one.frame);
      draft.frame(Role::kCause, two.frame);
      of.report.raise(std::move(draft));
    }
  }
}

void run(const Case& of) {
  const Pieces pieces = pieces_of(of.picture);
  if (pieces.empty()) return;
  for (const Crossing& way : crossings(of.picture, is_nat)) {
    if (way.nat->relation != nat::Relation::kNat) continue;
    report_way(of, way, pieces);
    if (way.before == way.nat->inside_tap) report_reuse(of, way, pieces);
  }
}

}  // namespace

const Family kFragments{kCodes, run};

}  // namespace natlens::findings
