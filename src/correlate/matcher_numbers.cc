// Where a box shifts sequence numbers: what the partner's packets tell of the shift.
//
// From the beginning on: the numbers agree with nothing, and packets of the same shape tell by
// how much. From some payload on: one packet of a pair has the same numbers at both ends, and
// other bytes, of another length. From then on the numbers of the pair's end 1 are turned into
// those of end 0 (numbers.h), and so are those of its partners at further taps, which show the
// same ones.
#include "matcher.h"
#include "sightings.h"

namespace natlens::correlate {
namespace {

// Packets on their way when a shift is found out, ns.
constexpr std::int64_t kUnderWay = 1'000'000'000;

unsigned own_direction(const stream::Sighting& sighting) {
  return static_cast<unsigned>(sighting.direction);
}

}  // namespace

// The digests contradict each other, though the numbers are those of the partner's packet: an
// ALG wrote another address into it, or a SYN proxy another timestamp.
bool Matcher::is_altered(const Current& current, const Waiting& entry) const {
  const stream::Sighting& sighting = *current.sighting;
  if (sighting.kind > stream::SightingKind::kTcpClose) return false;
  if (entry.kind != static_cast<std::uint8_t>(sighting.kind)) return false;
  if (entry.seq != sighting.seq - sighting.offset) return false;
  const std::uint32_t number = pairs_.find(current.slot, entry.connection);
  if (number == kNoSlot || !pairs_[number].provisional) return false;
  const Pair& pair = pairs_[number];
  const bool reversed = entry.direction() != own_direction(sighting);
  if (reversed != pair.reversed) return false;
  return pair.renumbered ||
         (sighting.kind == stream::SightingKind::kTcpData && pair.same_numbers());
}

// A packet of the same shape shows its number at both ends.
void Matcher::learn_beginning(const Current& current, const Waiting& entry, Pair& pair) {
  if (pair.renumbered || !pair.provisional || pair.same_numbers()) return;
  const stream::Sighting& sighting = *current.sighting;
  const std::uint32_t slot = pair.connection[1];
  NumberMap& map = connections_.numbers(slot);
  if (map.complete()) return;
  const bool mine = slot == current.slot;
  const unsigned own = mine ? own_direction(sighting) : entry.direction();
  map.begin(own, static_cast<std::int32_t>(mine ? sighting.seq - entry.seq
                                                : entry.seq - sighting.seq));
  const Connection& one = connections_[pair.connection[0]];
  const Connection& other = connections_[slot];
  const unsigned back = 1 - own;
  const unsigned back_there = pair.reversed ? own : back;
  if (!map.known(back) && other.has_isn(back) && one.has_isn(back_there)) {
    map.begin(back, static_cast<std::int32_t>(other.isn[back] - one.isn[back_there]));
  }
  if (!map.complete() || (map.first(0) == 0 && map.first(1) == 0)) return;
  map.unsure_from = std::numeric_limits<std::int64_t>::min();
  use_numbers(pair, current.now);
}

// The payload of a packet has another length at either end: what follows is shifted.
void Matcher::learn_change(const Current& current, const Waiting& entry, Pair& pair) {
  const stream::Sighting& sighting = *current.sighting;
  if (sighting.kind != stream::SightingKind::kTcpData) return;
  if (std::max<std::uint32_t>(sighting.payload_bytes, entry.payload_bytes) >
      stream::kOneSegment) {
    return;  // frames that offload joined
  }
  const bool mine = pair.end_of(current.slot) == 1;
  const auto longer = static_cast<std::int32_t>(sighting.payload_bytes) -
                      static_cast<std::int32_t>(entry.payload_bytes);
  if (longer == 0) return;
  NumberMap& map = connections_.numbers(pair.connection[1]);
  const unsigned own = mine ? own_direction(sighting) : entry.direction();
  for (unsigned way = 0; way < 2; ++way) {
    if (!map.known(way)) map.begin(way, 0);
  }
  const std::int32_t before = map.last(own);
  const std::uint32_t shown = entry.seq + static_cast<std::uint32_t>(before);
  if (!map.change(own, shown, before + (mine ? longer : -longer))) return;
  map.unsure_from = current.now - kUnderWay;
  use_numbers(pair, current.now);
}

void Matcher::use_numbers(Pair& pair, std::int64_t now) {
  const std::uint32_t slot = pair.connection[1];
  NumberMap& map = connections_.numbers(slot);
  map.unsure_until = now;
  pair.renumbered = true;
  turn_numbers(slot);
  const NumberMap known = map;  // a new one for somebody else may move it
  pairs_.each(slot, [&](std::uint32_t, const Pair& further) {
    const std::uint32_t partner = further.other(slot);
    if (partner == pair.connection[0] || further.reversed) return;
    if (!further.provisional || !further.same_numbers()) return;
    connections_.numbers(partner) = known;
    turn_numbers(partner);
  });
}

// What was noted in the connection's own numbers.
void Matcher::turn_numbers(std::uint32_t slot) {
  Connection& connection = connections_[slot];
  const NumberMap& map = connections_.numbers(slot);
  for (unsigned way = 0; way < 2; ++way) {
    if (connection.renumbered || connection.high[way] == 0) continue;
    connection.high[way] -= static_cast<std::uint32_t>(map.shift_of(way, connection.high[way]));
  }
  connection.renumbered = true;
}

// Both packets were recognised by their shape: nobody needs to find them by their numbers.
void Matcher::claim_whole(const Current& current, const Waiting& shape) {
  waiting_.claim_before(shape, tap_bit(current.tap));
  waiting_.claim_newest(current.slot, current.sighting->frame,
                        tap_bit(connections_[shape.connection].tap));
}

}  // namespace natlens::correlate
