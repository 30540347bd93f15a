// Settling: a connection is closed and the window has passed, so none of its pairs will get
// another vote, and each can be judged against its rivals as they stand.
//
// Accepted pairs that share a connection form triangles with the pair that closes them: one
// packet seen at three taps. The long side is the same traffic too, but is not handed out: the
// third tap lies between. A long side that is still open is marked, so that it is not handed
// out later.
//
// A pair with a stray (packets that opened no entry at their tap) says where a connection went
// that nobody else was found for; so it is handed out only then, and never kept in doubt.
//
// All this happens in the order in which connections closed, so the same input gives the same
// rows.
#include "settle.h"

#include <algorithm>
#include <tuple>

#include "translate.h"

namespace natlens::correlate {
namespace {

constexpr std::size_t kMaxCandidates = 4;  // per connection

ConnectionRef ref(const Connection& connection) {
  return {connection.tap, connection.serial};
}

}  // namespace

void Settler::settle(std::uint32_t slot) {
  courses_.propose(slot);
  judge(slot);
  neighbours_.mark_long(slot);
  hand_out();
  hand_out_candidates(slot);
  Connection& connection = connections_[slot];
  if (!connection.paired && !connection.stray) explain_unpaired(connection);
  sink_.settled(ref(connection));
  for (const Judged& j : judged_) {
    take_back(j.pair, j.handed_out);
    accounts_.release(pairs_[j.pair]);
    pairs_.drop(j.pair);
  }
  courses_.forget(slot);
  connections_.release(slot);
}

void Settler::judge(std::uint32_t slot) {
  judged_.clear();
  pairs_.each(slot, [&](std::uint32_t p, const Pair&) {
    judged_.push_back({p});
  });
  std::sort(judged_.begin(), judged_.end(), [&](const Judged& a, const Judged& b) {
    const auto key = [&](const Judged& j) {
      const Pair& pair = pairs_[j.pair];
      const Connection& other = connections_[pair.other(slot)];
      return std::tuple(pair.start, other.tap, other.serial, j.pair);
    };
    return key(a) < key(b);
  });
  for (const Judged& j : judged_) {
    if (!pairs_[j.pair].lost) matcher_.reweigh(pairs_[j.pair]);
  }
  for (Judged& j : judged_) {
    const Pair& pair = pairs_[j.pair];
    if (pair.lost) continue;
    j.enough = matcher_.judge().enough(pair);
    j.margin = matcher_.judge().margin(j.pair);
    j.accepted = j.enough && j.margin >= matcher_.judge().needed_margin(pair);
    // A rival that was as good may be settled and gone.
    if (pair.by_odds() &&
        (connections_[slot].ambiguous || connections_[pair.other(slot)].ambiguous))
      j.accepted = false;
  }
}

void Settler::defeat_rivals(std::uint32_t pair) {
  for (unsigned end = 0; end < 2; ++end) {
    matcher_.judge().each_rival(pair, end, [&](std::uint32_t r, const Pair&) {
      pairs_[r].lost = true;
      pairs_[r].provisional = false;
    });
  }
}

void Settler::hand_out() {
  for (Judged& j : judged_) {
    if (!j.accepted || pairs_[j.pair].lost) continue;
    Pair& pair = pairs_[j.pair];
    if (pair.stray && superfluous(j.pair)) continue;
    for (unsigned end = 0; end < 2; ++end) {
      Connection& connection = connections_[pair.connection[end]];
      connection.paired = true;
      connection.paired_at |= tap_bit(pair.tap(1 - end));
    }
    defeat_rivals(j.pair);
    if (pair.is_long) continue;
    auto [out, ways] = translate(pair, connections_, taps_);
    out.serial = serial_of(j.pair);
    j.handed_out = true;
    for (unsigned d = 0; d < 2; ++d) out.packets[d] = accounts_.summary(pair, ways[d]);
    if (pair.passed()) ++taps_.pair(pair.tap0, pair.tap1).passed_tcp;
    out.margin_bits = j.margin;
    const bool certain = pair.total >= static_cast<float>(options_.certain_bits) &&
                         (!pair.by_odds() || pair.field(EvidenceField::kSaid) > 0);
    out.confidence = certain ? Confidence::kCertain : Confidence::kLikely;
    sink_.translation(out);
    for (const Way& way : ways) accounts_.hand_out_fates(pair, way, out.serial);
    if (pair.renumbered) hand_out_changes(pair, ways[0].inside, out.serial);
  }
}

// Shifts are kept in the numbers of end 1: those here are `shift` more than at end 0.
void Settler::hand_out_changes(const Pair& pair, unsigned inside, std::uint64_t translation) {
  const NumberMap& map = connections_.known_numbers(pair.connection[1]);
  for (unsigned direction = 0; direction < 2; ++direction) {
    const unsigned own = inside == 0 && pair.reversed ? 1 - direction : direction;
    std::int32_t before = map.first(own);
    map.each(own, [&](const NumberMap::Change& change) {
      SequenceChange out;
      out.translation = translation;
      out.direction = static_cast<std::uint8_t>(direction);
      out.inside_seq =
          inside == 1 ? change.after : change.after - static_cast<std::uint32_t>(before);
      out.shift = inside == 1 ? -std::int64_t{change.shift} : std::int64_t{change.shift};
      before = change.shift;
      sink_.sequence_change(out);
    });
  }
}

// A stray stands for an entry that the tap lacks: not so where the connection has a partner
// there already, or is about to.
bool Settler::superfluous(std::uint32_t stray) const {
  const Pair& pair = pairs_[stray];
  const unsigned entry = connections_[pair.connection[0]].stray ? 1 : 0;
  const std::uint16_t tap = pair.tap(1 - entry);
  const std::uint32_t slot = pair.connection[entry];
  bool out = (connections_[slot].paired_at & tap_bit(tap)) != 0;
  pairs_.each(slot, [&](std::uint32_t, const Pair& other) {
    if (other.stray || other.lost || other.tap(1 - other.end_of(slot)) != tap) return;
    if (matcher_.judge().enough(other)) out = true;
  });
  return out;
}

// Somebody is clearly better, though not final yet.
bool Settler::defeated(std::uint32_t pair) const {
  const float needed = pairs_[pair].total + matcher_.judge().needed_margin(pairs_[pair]);
  bool out = false;
  for (unsigned end = 0; end < 2; ++end) {
    matcher_.judge().each_rival(pair, end, [&](std::uint32_t r, const Pair& rival) {
      if (rival.total >= needed && matcher_.judge().acceptable(r)) out = true;
    });
  }
  return out;
}

void Settler::hand_out_candidates(std::uint32_t slot) {
  std::vector<Judged>& list = judged_;
  std::stable_sort(list.begin(), list.end(), [&](const Judged& a, const Judged& b) {
    return pairs_[a.pair].total > pairs_[b.pair].total;
  });
  std::size_t rank = 0;
  for (const Judged& j : list) {
    const Pair& pair = pairs_[j.pair];
    if (j.accepted || pair.lost || pair.stray || pair.total <= 0 || defeated(j.pair)) continue;
    Connection& other = connections_[pair.other(slot)];
    Connection& mine = connections_[slot];
    mine.doubt(j.enough);
    other.doubt(j.enough);
    if (++rank <= kMaxCandidates) {
      sink_.candidate({ref(mine), ref(other), pair.total, static_cast<std::uint8_t>(rank)});
    }
    std::size_t better = 0;
    pairs_.each(pair.other(slot), [&](std::uint32_t r, const Pair& rival) {
      if (r != j.pair && !rival.lost && rival.total > pair.total) ++better;
    });
    if (better < kMaxCandidates) {
      sink_.candidate(
          {ref(other), ref(mine), pair.total, static_cast<std::uint8_t>(better + 1)});
    }
  }
}

bool Settler::other_taps_captured(const Connection& connection) const {
  for (std::uint16_t tap = 0; tap < taps_.size(); ++tap) {
    if (tap == connection.tap) continue;
    const TapState& other = taps_[tap];
    if (other.first <= connection.last && other.last >= connection.opened) return true;
  }
  return false;
}

void Settler::explain_unpaired(const Connection& connection) {
  const UnpairedReason reason = connection.ambiguous   ? UnpairedReason::kAmbiguous
                                : connection.suspected ? UnpairedReason::kTooLittle
                                : other_taps_captured(connection)
                                    ? UnpairedReason::kNothingInCommon
                                    : UnpairedReason::kNotOverlapping;
  sink_.unpaired({ref(connection), reason});
}

}  // namespace natlens::correlate
