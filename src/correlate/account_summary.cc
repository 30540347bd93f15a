// The end of a pair: its counts by inside and outside, and its fates by which tap comes first.
//
// Every packet of the stretch is at both ends, at one end alone, a second copy, or without
// verdict. Some left the index before their pair was known: those are at one end alone if the
// other tap had been capturing since before. The rest, after the other end's entry was gone, or
// without anything to know them by, have no verdict.
#include <algorithm>

#include "account.h"

namespace natlens::correlate {
namespace {

// A tap whose first packet is this much older than a connection was capturing all of it.
constexpr std::int64_t kWatchSlack = 1'000'000;  // ns

// The packets at the other end are others, or have other numbers: they cannot be told one by
// one.
bool is_remade(const Pair& pair, const DirectionTally& tally) {
  return (tally.recut || tally.shaped || pair.made_anew()) && !pair.untouched() &&
         !pair.renumbered;
}

// Packets of one end in this direction that belong to the stretch.
std::uint64_t packets_of(const Pair& pair,
                         unsigned end,
                         unsigned direction,
                         const Connection& connection) {
  const DirectionTally& tally = pair.tally[direction];
  const unsigned own = end == 0 || !pair.reversed ? direction : 1 - direction;
  const bool some = tally.packets != 0;
  if (!some && (pair.over || pair.follows)) return 0;
  const std::uint64_t until = pair.over ? tally.up_to[end] : connection.packets[own];
  const std::uint64_t before = pair.follows ? tally.before[end] : 0;
  return until > before ? until - before : 0;
}

struct End {
  std::uint64_t packets = 0;
  std::uint64_t only = 0;
  std::uint64_t again = 0;
  std::uint64_t unknown = 0;
  std::uint32_t why = 0;

  std::uint64_t matched() const { return packets - only - again - unknown; }
  // Up to `count` of those that are not spoken for yet, `matched` of which are.
  std::uint64_t rest(std::uint64_t matched) const {
    const std::uint64_t spoken = matched + only + again + unknown;
    return packets > spoken ? packets - spoken : 0;
  }
  void fit() {
    only = std::min(only, packets);
    again = std::min(again, packets - only);
    unknown = std::min(unknown, packets - only - again);
  }
};

std::uint32_t bit(NoVerdict why) {
  return 1U << static_cast<unsigned>(why);
}

}  // namespace

void Accounts::summarize(const Pair& pair, const Way& way, PacketAccount& out) const {
  const DirectionTally& tally = pair.tally[way.direction];
  const Deviation none;
  const Deviation& odd = tally.deviation == kNoSlot ? none : deviations_[tally.deviation];
  std::array<End, 2> ends;
  for (unsigned end = 0; end < 2; ++end) {
    const Connection& connection = connections_[pair.connection[end]];
    const unsigned own = end == 0 || !pair.reversed ? way.direction : 1 - way.direction;
    End& e = ends[end];
    e.packets = packets_of(pair, end, way.direction, connection);
    e.only = odd.only[end];
    e.again = odd.again[end];
    e.unknown = odd.unknown[end];
    e.fit();
    const std::uint64_t matched = tally.recut ? 0 : tally.packets;
    const std::uint64_t early =
        pair.follows ? 0 : std::min<std::uint64_t>(connection.alone[own], e.rest(matched));
    const bool watched = taps_[pair.tap(1 - end)].first + kWatchSlack < connection.opened &&
                         connections_[pair.connection[1 - end]].beginning_seen;
    (watched ? e.only : e.unknown) += early;
    if (early != 0 && !watched) e.why |= bit(NoVerdict::kNotCapturing);
    if (tally.recut) continue;
    const std::uint64_t rest = e.rest(matched);
    e.unknown += rest;
    if (rest != 0) e.why |= bit(connection.blind(own) ? NoVerdict::kCut : NoVerdict::kNoEntry);
  }
  out.known = true;
  out.both =
      tally.recut
          ? std::max(ends[0].matched(), ends[1].matched())
          : std::min<std::uint64_t>({tally.packets, ends[0].matched(), ends[1].matched()});
  out.inside_only = ends[way.inside].only;
  out.outside_only = ends[1 - way.inside].only;
  for (unsigned side = 0; side < 2; ++side) {
    const End& e = ends[side == 0 ? way.inside : 1 - way.inside];
    out.deviation.duplicated[side] = static_cast<std::uint32_t>(e.again);
    out.deviation.unknown[side] = static_cast<std::uint32_t>(e.unknown);
  }
  out.deviation.why_unknown = odd.why_unknown | ends[0].why | ends[1].why;
}

PacketAccount Accounts::summary(const Pair& pair, const Way& way) const {
  const DirectionTally& tally = pair.tally[way.direction];
  PacketAccount out;
  out.latency = latencies_.summary(tally, way.later);
  if (way.later_known) {
    out.first = way.later == way.inside ? FirstSeen::kOutside : FirstSeen::kInside;
  }
  const int sign = way.later == 1 ? 1 : -1;
  out.ttl_known = tally.ttl_known && !tally.ttl_varies;
  if (out.ttl_known) out.ttl_delta = static_cast<std::int16_t>(sign * tally.ttl_delta);
  PacketDeviation& deviation = out.deviation;
  if (tally.deviation != kNoSlot) {
    const Deviation& odd = deviations_[tally.deviation];
    const unsigned in = way.inside;
    deviation.reordered = odd.late;
    deviation.only_bytes = {odd.only_bytes[in], odd.only_bytes[1 - in]};
    deviation.ttl_changes = odd.ttl_changes;
    const auto [least, most] = std::minmax({sign * odd.ttl_least, sign * odd.ttl_most});
    deviation.ttl_delta_min = static_cast<std::int16_t>(least);
    deviation.ttl_delta_max = static_cast<std::int16_t>(most);
    deviation.tos_changes = odd.tos_changes;
    deviation.tos = {odd.tos[in], odd.tos[1 - in]};
    deviation.dont_fragment_only = {odd.dont_fragment_only[in], odd.dont_fragment_only[1 - in]};
    deviation.id_changes = odd.id_changes;
    deviation.by_ranges = odd.ranges != kNoSlot;
  }
  if (is_remade(pair, tally)) {
    deviation.why_unknown = bit(pair.passed() ? NoVerdict::kShifted : NoVerdict::kProxy);
  } else {
    summarize(pair, way, out);
  }
  return out;
}

void Accounts::hand_out_fates(Pair& pair, const Way& way, std::uint64_t translation) {
  DirectionTally& tally = pair.tally[way.direction];
  if (tally.deviation == kNoSlot || is_remade(pair, tally)) return;
  Deviation& odd = deviations_[tally.deviation];
  const auto only = [&](unsigned end) {
    return !way.later_known   ? Fate::kOnlyHere
           : end == way.later ? Fate::kOnlyAfter
                              : Fate::kOnlyBefore;
  };
  const std::array<Fate, Deviation::kKinds> names = {only(0), only(1), Fate::kDuplicated,
                                                     Fate::kReordered, Fate::kChanged};
  for (std::size_t kind = 0; kind < names.size(); ++kind) {
    taken_.clear();
    fates_.take(odd.fates[kind], taken_);
    for (const RawFate& raw : taken_) {
      PacketFate fate = name_frame(pair, way, raw);
      fate.translation = translation;
      fate.fate = names[kind];
      sink_.fate(fate);
    }
  }
}

PacketFate Accounts::name_frame(const Pair& pair, const Way& way, const RawFate& raw) const {
  PacketFate fate;
  fate.direction = static_cast<std::uint8_t>(
      way.inside == 0 || !pair.reversed ? way.direction : 1 - way.direction);
  // Who came late is told at the later end. Where that end's packets waited, it was the one
  // before.
  const bool before = raw.late != 0 && raw.end != way.later;
  const unsigned end = before ? way.later : raw.end;
  fate.connection = ref(pair.connection[end]);
  fate.other = ref(pair.connection[1 - end]);
  fate.frame = before ? raw.late : raw.frame;
  fate.other_frame = before ? 0 : raw.other;
  fate.time = Timestamp::from_ns(raw.time);
  fate.payload_bytes = raw.bytes;
  const unsigned first = 1 - way.later;
  fate.tos = {raw.tos[first], raw.tos[way.later]};
  fate.ttl = {raw.ttl[first], raw.ttl[way.later]};
  fate.dont_fragment = {raw.dont_fragment[first], raw.dont_fragment[way.later]};
  fate.ttl_odd = raw.ttl_odd;
  return fate;
}

}  // namespace natlens::correlate
