// What one agreement says: the pair that it speaks for gets its packet counted and its evidence
// weighed, and is judged anew. Pairs of a connection are few: a new one takes the place of the
// weakest.
#include <algorithm>

#include "kinds.h"
#include "matcher.h"
#include "sightings.h"

namespace natlens::correlate {
namespace {

constexpr std::uint8_t kMaxPairs = 8;  // per connection
constexpr std::int8_t kOtherProtocol = -6;
constexpr float kEnoughForEver = 160;  // beyond this, further votes are not weighed

// Of packets that came through as they were it says nothing more.
bool said_already(stream::SightingKind kind, const Pair& pair) {
  if (kind == stream::SightingKind::kTcpBlock) return pair.passed();
  return beside(kind) && (pair.untouched() || pair.renumbered);
}
}  // namespace

bool Matcher::agree(const Current& current, Candidate& candidate) {
  if (pairs_.drops() != current.drops) {
    candidate.pair = pairs_.find(current.slot, candidate.entry->connection);
  }
  if (candidate.pair == kNoSlot) candidate.pair = pair_for(current, candidate);
  if (candidate.pair == kNoSlot) return false;
  Pair& pair = pairs_[candidate.pair];
  if (said_already(current.sighting->kind, pair)) return true;
  accounts_.matched(current.slot, *current.sighting, current.time, *candidate.entry,
                    {candidate.several || current.again, candidate.altered}, candidate.pair);
  if (pair.provisional) compare_ids(current, *candidate.entry, pair);
  const bool mine_first = pair.end_of(current.slot) == 0;
  pair.extend({mine_first ? current.time : candidate.entry->time,
               mine_first ? candidate.entry->time : current.time});
  if (candidate.altered) learn_change(current, *candidate.entry, pair);
  const bool renumbered = connections_[current.slot].renumbered ||
                          connections_[candidate.entry->connection].renumbered;
  if (renumbered && pair.provisional) return true;  // numbers that were made to agree
  if (pair.total < kEnoughForEver && (pair.seen & filter_bit(current.evidence)) == 0) {
    vote(current, candidate, pair);
    refresh(candidate.pair);
  }
  if (current.sighting->kind == stream::SightingKind::kTcpShape) {
    learn_beginning(current, *candidate.entry, pair);
  }
  return true;
}

// Makes room in a full list of pairs: the weakest that nobody relies on goes, if it is lost, or
// if the ends of the new pair say more than its own.
bool Matcher::make_room(std::uint32_t slot, float ends) {
  if (connections_[slot].pair_count < kMaxPairs) return true;
  std::uint32_t weakest = kNoSlot;
  pairs_.each(slot, [&](std::uint32_t p, const Pair& pair) {
    if (pair.provisional || pair.over) return;
    if (weakest == kNoSlot || (pair.lost && !pairs_[weakest].lost) ||
        pair.total < pairs_[weakest].total) {
      weakest = p;
    }
  });
  if (weakest == kNoSlot || !(pairs_[weakest].lost || pairs_[weakest].ends() < ends))
    return false;
  accounts_.release(pairs_[weakest]);
  pairs_.drop(weakest);
  return true;
}

std::uint32_t Matcher::pair_for(const Current& current, const Candidate& candidate) {
  const std::uint32_t other = candidate.entry->connection;
  const Connection& mine = connections_[current.slot];
  const Connection& partner = connections_[other];
  Pair draft;
  draft.reversed = candidate.reversed;
  draft.tap0 = mine.tap;
  draft.tap1 = partner.tap;
  weigher_.weigh_ends(mine, partner, draft);
  draft.field(EvidenceField::kSaid) = promised_bits(draft, mine, partner);
  // A name server that forwards changes both ends as a rule, and keeps the protocol.
  if (current.sighting->kind == stream::SightingKind::kDnsQuestion)
    draft.prior = mine.original.protocol == partner.original.protocol ? 0 : kOtherProtocol;
  if (!make_room(current.slot, draft.ends()) || !make_room(other, draft.ends())) return kNoSlot;
  const std::uint32_t number = pairs_.create(current.slot, other);
  Pair& pair = pairs_[number];
  pair.reversed = draft.reversed;
  pair.bits = draft.bits;
  pair.prior = draft.prior;
  return number;
}

float Matcher::promised_bits(const Pair& pair,
                             const Connection& one,
                             const Connection& other) const {
  return promises_.bits(one.original, pair.reversed ? turned(other.original) : other.original);
}

void Matcher::say(std::uint32_t slot, const stream::Statement& statement) {
  if (!promises_.say(connections_[slot], statement)) return;
  pairs_.each(slot, [&](std::uint32_t p, const Pair&) {
    Pair& pair = pairs_[p];
    float& said = pair.field(EvidenceField::kSaid);
    said = std::max(said, promised_bits(pair, connections_[pair.connection[0]],
                                        connections_[pair.connection[1]]));
    pair.sum();
    refresh(p);
  });
}

// Does the box between the two taps keep IP identifications?
void Matcher::compare_ids(const Current& current, const Waiting& entry, const Pair& pair) {
  const stream::Sighting& sighting = *current.sighting;
  if (!is_datagram(sighting.kind) || entry.ip_id == 0 || sighting.ip_id == 0) return;
  TapPair& taps = taps_.pair(pair.tap0, pair.tap1);
  ++(entry.ip_id == short_id(sighting.ip_id) ? taps.same_id : taps.other_id);
}

void Matcher::vote(const Current& current, const Candidate& candidate, Pair& pair) {
  const stream::Sighting& sighting = *current.sighting;
  const Waiting& entry = *candidate.entry;
  const EvidenceField field = field_of(sighting.kind);
  const unsigned mine = pair.end_of(current.slot);
  DirectionTally& tally =
      pair.tally[mine == 0 ? static_cast<unsigned>(sighting.direction) : entry.direction()];
  pair.seen |= filter_bit(current.evidence);
  if (tally.votes != UINT16_MAX) ++tally.votes;
  const auto n = static_cast<float>(tally.votes);
  if (const std::size_t counter = counter_of(field); counter < pair.packets.size()) {
    std::uint16_t& packets = pair.packets[counter];
    if (packets != UINT16_MAX) ++packets;
  }
  const float bits = weigher_.content_bits(sighting, current.evidence, pair);
  float& sum = pair.field(field);
  if (is_tcp(field)) {
    sum += bits / (n * n);  // all numbers of one direction stand or fall with its first
  } else {
    sum = std::max(sum, bits) + std::min(sum, bits) / n;
  }
  if (bits > pair.best_bits && field != EvidenceField::kTcpData &&
      field != EvidenceField::kTcpAck) {
    pair.best_bits = bits;
    pair.best_key = current.evidence;
    pair.best_field = field;
  }
  if (pair.value == 0) {
    pair.value = is_tcp(field) ? sighting.seq : static_cast<std::uint32_t>(current.key);
  }
  float& timing = pair.field(EvidenceField::kTiming);
  timing = std::max(timing, weigher_.timing_bits(current.time - entry.time,
                                                 options_.pair_window.count(), pair));
  const bool has_id =
      is_datagram(sighting.kind) || sighting.kind == stream::SightingKind::kTcpShape;
  if (has_id && entry.ip_id != 0 && entry.ip_id == short_id(sighting.ip_id)) {
    float& id = pair.field(EvidenceField::kIpId);
    id = std::min(18.0F, id == 0 ? 12.0F : id + 2.0F);
    std::uint16_t& same = pair.packets[counter_of(EvidenceField::kIpId)];
    if (same != UINT16_MAX) ++same;
  }
  pair.sum();
}

void Matcher::refresh(std::uint32_t number) {
  pairs_[number].provisional = judge_.acceptable(number);
  for (unsigned end = 0; end < 2; ++end) {
    judge_.each_rival(number, end, [&](std::uint32_t r, const Pair& rival) {
      if (rival.provisional) pairs_[r].provisional = judge_.acceptable(r);
    });
  }
}

// A pair that became provisional ends what its connections had at the other's tap before.
void Matcher::end_earlier_stretches(std::uint32_t number) {
  Pair& pair = pairs_[number];
  if (pair.stray) return;
  for (unsigned end = 0; end < 2; ++end) {
    const std::uint32_t slot = pair.connection[end];
    pairs_.each(slot, [&](std::uint32_t r, const Pair& earlier) {
      if (r == number || !earlier.provisional || earlier.over) return;
      if (earlier.ends_at(slot) >= pair.first_at(end)) return;
      if (earlier.tap(1 - earlier.end_of(slot)) != pair.tap(1 - end)) return;
      pairs_[r].over = true;
      pair.follows = true;
    });
  }
}

void Matcher::reweigh(Pair& pair) const {
  if (pair.best_key == 0) return;
  const float now =
      weigher_.observed_bits(pair.best_field, pair.best_key, pair, pair.best_bits);
  float& sum = pair.field(pair.best_field);
  sum = std::max(0.0F, sum - (pair.best_bits - now));
  pair.best_bits = now;
  pair.sum();
}

}  // namespace natlens::correlate
