// Packet accounting, packet by packet.
//
// Two things happen to a packet that waits: the other end shows it too (matched), or it leaves
// the index unclaimed after the pair window (left). Then it is missing at the other end, and
// that is held against the pair, unless that tap was not capturing, was silent, or the packet
// is a second copy of one that was claimed. A normal packet touches the pair's tally alone;
// what is not as usual goes into a Deviation, which most pairs never need.
//
// Where one side has offload frames of 64 KiB and the other one segments, packets do not match
// one to one. From the first frame on that is cut differently, both ends of the direction note
// which bytes they showed (ranges.h), and a frame is missing if the other end lacks any of its
// bytes. So a retransmission that fills the hole makes the loss good there; between frames of
// equal size the lost copy is named.
#include "account.h"

#include <algorithm>

namespace natlens::correlate {
namespace {

constexpr std::int64_t kSlack = 1'000'000;      // ns: beyond any clock's error and latency seen
constexpr std::int64_t kUsualWay = 10'000'000;  // ns; where no packet tells the latency

template <typename Count>
void count_up(Count& count) {
  if (count != std::numeric_limits<Count>::max()) ++count;
}

std::uint16_t short_id(std::uint32_t ip_id) {
  return static_cast<std::uint16_t>(ip_id ^ ip_id >> 16);
}

bool is_data(std::uint8_t kind) {
  return kind == static_cast<std::uint8_t>(stream::SightingKind::kTcpData);
}

std::uint32_t start_of(const stream::Sighting& sighting) {
  return sighting.seq - sighting.offset;
}

// Which direction of end 0 a packet of end `end` has.
unsigned direction_of(const Pair& pair, unsigned end, unsigned own) {
  return end == 0 || !pair.reversed ? own : 1 - own;
}

}  // namespace

Accounts::Accounts(const Options& options,
                   Taps& taps,
                   ConnectionTable& connections,
                   PairTable& pairs,
                   Sink& sink)
    : options_(options),
      taps_(taps),
      connections_(connections),
      pairs_(pairs),
      sink_(sink),
      fates_(options.memory_bytes / 16) {}

Deviation& Accounts::deviation(DirectionTally& tally) {
  if (tally.deviation == kNoSlot) tally.deviation = deviations_.take();
  return deviations_[tally.deviation];
}

void Accounts::seen(std::uint32_t slot, const stream::Sighting& sighting) {
  if (sighting.kind != stream::SightingKind::kTcpData || sighting.continued) return;
  Connection& connection = connections_[slot];
  const auto own = static_cast<unsigned>(sighting.direction);
  const std::uint32_t end = start_of(sighting) + sighting.payload_bytes;
  std::uint32_t& high = connection.high[own];
  if (high == 0 || static_cast<std::int32_t>(end - high) > 0) high = end;
  if (!connection.ranged) return;
  pairs_.each(slot, [&](std::uint32_t, const Pair& pair) {
    const unsigned mine = pair.end_of(slot);
    const DirectionTally& tally = pair.tally[direction_of(pair, mine, own)];
    if (tally.deviation == kNoSlot) return;
    const std::uint32_t ranges = deviations_[tally.deviation].ranges;
    if (ranges == kNoSlot) return;
    covered_[ranges].at[mine].add(start_of(sighting), sighting.payload_bytes);
  });
}

void Accounts::matched(std::uint32_t slot,
                       const stream::Sighting& sighting,
                       std::int64_t time,
                       const Waiting& entry,
                       Likeness likeness,
                       std::uint32_t number) {
  Pair& pair = pairs_[number];
  const bool continued = (entry.flags & Waiting::kContinued) != 0;
  const unsigned mine = pair.end_of(slot);
  const unsigned direction =
      mine == 0 ? static_cast<unsigned>(sighting.direction) : entry.direction();
  DirectionTally& tally = pair.tally[direction];
  const std::int64_t difference = mine == 1 ? time - entry.time : entry.time - time;
  if (sighting.kind == stream::SightingKind::kTcpBlock ||
      sighting.kind == stream::SightingKind::kDnsQuestion) {
    latencies_.add(tally, difference);
    tally.recut = true;  // what a proxy sends are packets of its own
    ++tally.packets;
    return;
  }
  const auto is_relayed = [](auto kind) {
    return static_cast<stream::SightingKind>(kind) == stream::SightingKind::kRelayed;
  };
  if (is_relayed(sighting.kind) != is_relayed(entry.kind)) pair.unwrapped = true;
  const bool shape = sighting.kind == stream::SightingKind::kTcpShape;
  if (sighting.continued && continued && !shape) return;  // counted with the first position
  latencies_.add(tally, difference);
  count_ttl(sighting, entry, mine, tally);
  RawFate fate;
  fate.time = time;
  fate.frame = sighting.frame;
  fate.other = entry.frame;
  fate.bytes = sighting.payload_bytes;
  fate.end = static_cast<std::uint8_t>(mine);
  if (shape) {
    tally.shaped = true;
    compare_headers(fate, sighting, entry, pair, tally);
  } else if (likeness.altered) {
    compare_headers(fate, sighting, entry, pair, tally);
  } else if (entry.payload_bytes !=
                 std::min<std::uint32_t>(sighting.payload_bytes, UINT16_MAX) ||
             sighting.continued != continued) {
    start_ranges(slot, sighting, time, entry, pair, direction);
    tally.recut = true;
  } else {
    compare_headers(fate, sighting, entry, pair, tally);
    if (!likeness.several) check_order(fate, entry, tally);
  }
  for (unsigned end = 0; end < 2; ++end) {
    const unsigned d = direction_of(pair, end, direction);
    tally.up_to[end] = connections_[pair.connection[end]].packets[d];
    if (tally.packets != 0) continue;
    const std::uint32_t before = tally.up_to[end] - (tally.up_to[end] != 0 ? 1 : 0);
    tally.before[end] = static_cast<std::uint16_t>(std::min<std::uint32_t>(before, UINT16_MAX));
  }
  ++tally.packets;
  if (options_.links) link(slot, sighting, entry);
}

void Accounts::link(std::uint32_t slot,
                    const stream::Sighting& sighting,
                    const Waiting& entry) const {
  sink_.link({ref(slot), sighting.frame, ref(entry.connection), entry.frame});
}

void Accounts::count_ttl(const stream::Sighting& sighting,
                         const Waiting& entry,
                         unsigned mine,
                         DirectionTally& tally) {
  const int up = static_cast<int>(sighting.ttl) - static_cast<int>(entry.ttl);
  const auto delta = static_cast<std::int8_t>(std::clamp(mine == 1 ? up : -up, -128, 127));
  if (!tally.ttl_known) tally.ttl_delta = delta;
  tally.ttl_known = true;
  if (delta == tally.ttl_delta) return;
  Deviation& odd = deviation(tally);
  if (odd.ttl_changes == 0) odd.ttl_least = odd.ttl_most = tally.ttl_delta;
  odd.ttl_least = std::min(odd.ttl_least, delta);
  odd.ttl_most = std::max(odd.ttl_most, delta);
  ++odd.ttl_changes;
  tally.ttl_varies = true;
}

// What a router may leave alone: TOS, DF, IP identification. A translator between the versions
// makes the last two anew.
void Accounts::compare_headers(const RawFate& packet,
                               const stream::Sighting& sighting,
                               const Waiting& entry,
                               const Pair& pair,
                               DirectionTally& tally) {
  const bool whole = (entry.flags & Waiting::kDontFragment) != 0;
  const int ttl = static_cast<int>(sighting.ttl) - static_cast<int>(entry.ttl);
  const bool ttl_odd = (packet.end == 1 ? ttl : -ttl) != tally.ttl_delta;
  const bool same_id = entry.ip_id == short_id(sighting.ip_id);
  if (entry.tos == sighting.tos && whole == sighting.dont_fragment && same_id && !ttl_odd)
    return;
  const bool versions = connections_[pair.connection[0]].original.src.is_v4() !=
                        connections_[pair.connection[1]].original.src.is_v4();
  Deviation& odd = deviation(tally);
  const unsigned mine = packet.end;
  RawFate fate = packet;
  fate.tos[mine] = sighting.tos;
  fate.tos[1 - mine] = entry.tos;
  fate.ttl[mine] = sighting.ttl;
  fate.ttl[1 - mine] = entry.ttl;
  fate.dont_fragment[mine] = sighting.dont_fragment;
  fate.dont_fragment[1 - mine] = whole;
  fate.ttl_odd = ttl_odd;
  if (!same_id && !versions) ++odd.id_changes;
  if (entry.tos != sighting.tos && ++odd.tos_changes == 1) odd.tos = fate.tos;
  const bool df_changed = whole != sighting.dont_fragment && !versions;
  if (df_changed) ++odd.dont_fragment_only[fate.dont_fragment[1] ? 1 : 0];
  // A new identification of every packet is a habit of the box, and names none of them.
  if (entry.tos == sighting.tos && !df_changed && !ttl_odd) return;
  fates_.add(odd.fates[Deviation::kChanged], fate);
}

// Frames of the end that waited come in the order in which that tap showed them, unless one
// was overtaken on the way. What comes second may be the earlier tap, if clocks are that far
// off: then the one that was late is the one before.
void Accounts::check_order(RawFate fate, const Waiting& entry, DirectionTally& tally) {
  const bool end1_waited = fate.end == 0;
  if (tally.packets == 0 || tally.end1_waited != end1_waited) {
    tally.end1_waited = end1_waited;
    tally.last_frame = entry.frame;
    return;
  }
  if (entry.frame < tally.last_frame) {
    Deviation& odd = deviation(tally);
    ++odd.late;
    fate.late = tally.last_frame;
    fates_.add(odd.fates[Deviation::kLate], fate);
    return;
  }
  tally.last_frame = entry.frame;
}

// What was shown before, each end is taken to have shown without a hole: up to here frames were
// found equal, or missing, one by one.
void Accounts::start_ranges(std::uint32_t slot,
                            const stream::Sighting& sighting,
                            std::int64_t time,
                            const Waiting& entry,
                            Pair& pair,
                            unsigned direction) {
  Deviation& odd = deviation(pair.tally[direction]);
  if (odd.ranges != kNoSlot) return;
  odd.ranges = covered_.take();
  const unsigned mine = pair.end_of(slot);
  for (unsigned end = 0; end < 2; ++end) {
    Connection& connection = connections_[pair.connection[end]];
    connection.ranged = true;
    const std::uint32_t begin = end == mine ? start_of(sighting) : entry.seq;
    const std::uint32_t behind = connection.high[direction_of(pair, end, direction)];
    covered_[odd.ranges].at[end].add(begin, behind - begin);
    covered_[odd.ranges].since[end] = end == mine ? time : entry.time;
  }
}

void Accounts::left(const Waiting& entry, bool pushed_out) {
  if ((entry.flags & Waiting::kContinued) != 0) return;  // told of with the frame's first one
  Connection& connection = connections_[entry.connection];
  if (entry.frame < connection.first_frame) return;  // its own connection is gone
  bool paired = false;
  pairs_.each(entry.connection, [&](std::uint32_t number, const Pair& pair) {
    if (!pair.provisional || pair.lost) return;
    paired = true;
    if ((pair.over && entry.time > pair.end) || (pair.follows && entry.time < pair.start))
      return;
    left_alone(entry, pairs_[number], pair.end_of(entry.connection), pushed_out);
  });
  if (!paired) count_up(connection.alone[entry.direction()]);
}

// What the other end showed, if this frame is to be judged by its bytes.
const SequenceRanges* Accounts::ranges_for(const Waiting& entry,
                                           const DirectionTally& tally,
                                           unsigned end) const {
  if (!is_data(entry.kind) || tally.deviation == kNoSlot) return nullptr;
  const std::uint32_t ranges = deviations_[tally.deviation].ranges;
  if (ranges == kNoSlot || entry.time < covered_[ranges].since[end]) return nullptr;
  return &covered_[ranges].at[1 - end];
}

void Accounts::left_alone(const Waiting& entry, Pair& pair, unsigned end, bool pushed_out) {
  DirectionTally& tally = pair.tally[direction_of(pair, end, entry.direction())];
  const SequenceRanges* there = ranges_for(entry, tally, end);
  std::uint32_t missing = entry.payload_bytes;
  if (there != nullptr) {
    missing = there->missing(entry.seq, entry.payload_bytes);
    if (missing == 0) return;
  } else if ((entry.claimed & tap_bit(pair.tap(1 - end))) != 0) {
    return;
  }
  Deviation& odd = deviation(tally);
  NoVerdict why = NoVerdict::kMemory;
  if (unsure(entry, pair)) {
    why = NoVerdict::kShifted;
  } else if (there != nullptr && there->forgot(entry.seq)) {
    why = NoVerdict::kHoles;
  } else if (!pushed_out && gone(entry, pair, end, why)) {
    count_missing(entry, end, missing, odd);
    return;
  }
  ++odd.unknown[end];
  odd.why_unknown |= 1U << static_cast<unsigned>(why);
}

void Accounts::count_missing(const Waiting& entry,
                             unsigned end,
                             std::uint32_t bytes,
                             Deviation& odd) {
  RawFate fate;
  fate.time = entry.time;
  fate.frame = entry.frame;
  fate.bytes = entry.payload_bytes;
  fate.end = static_cast<std::uint8_t>(end);
  if ((entry.flags & Waiting::kAgain) != 0) {
    ++odd.again[end];
    fates_.add(odd.fates[Deviation::kAgain], fate);
    return;
  }
  ++odd.only[end];
  odd.only_bytes[end] += bytes;
  fates_.add(odd.fates[end == 0 ? Deviation::kOnly0 : Deviation::kOnly1], fate);
}

// It came before the shift of its numbers was known.
bool Accounts::unsure(const Waiting& entry, const Pair& pair) const {
  if (!pair.renumbered) return false;
  const NumberMap& map = connections_.known_numbers(pair.connection[1]);
  return entry.time > map.unsure_from && entry.time <= map.unsure_until;
}

// The other end would have shown it, had it got there.
bool Accounts::gone(const Waiting& entry,
                    const Pair& pair,
                    unsigned end,
                    NoVerdict& why) const {
  const TapState& other = taps_[pair.tap(1 - end)];
  const DirectionTally& tally = pair.tally[direction_of(pair, end, entry.direction())];
  const std::int64_t way = tally.packets == 0
                               ? kUsualWay
                               : std::max(std::abs(tally.least_ns), std::abs(tally.most_ns));
  const std::int64_t guard = 2 * way + taps_.error_ns(pair.tap0, pair.tap1) + kSlack;
  if (entry.time - guard < other.first || (other.ended && entry.time + guard > other.last)) {
    why = NoVerdict::kNotCapturing;
    return false;
  }
  const Connection& partner = connections_[pair.connection[1 - end]];
  if (!partner.beginning_seen && entry.time - guard < partner.opened) {
    why = NoVerdict::kNoEntry;
    return false;
  }
  if (other.silent(entry.time, guard, entry.time + options_.pair_window.count())) {
    why = NoVerdict::kSilent;
    return false;
  }
  return true;
}

void Accounts::release(Pair& pair) {
  for (DirectionTally& tally : pair.tally) {
    latencies_.release(tally);
    if (tally.deviation == kNoSlot) continue;
    Deviation& odd = deviations_[tally.deviation];
    for (FateList& list : odd.fates) {
      taken_.clear();
      fates_.take(list, taken_);
    }
    if (odd.ranges != kNoSlot) covered_.give(odd.ranges);
    deviations_.give(tally.deviation);
    tally.deviation = kNoSlot;
  }
}

}  // namespace natlens::correlate
