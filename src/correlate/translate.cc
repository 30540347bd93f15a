// A pair as a translation: which side is inside, what kind of change, the evidence by strength.
// Its packets are account_summary.cc's.
#include "translate.h"

#include <algorithm>
#include <cmath>

#include "kinds.h"
#include "order.h"
#include "promises.h"

namespace natlens::correlate {
namespace {

struct Sides {
  unsigned inside = 0;  // end
  int first = -1;       // end that the opener's packets pass first
  unsigned opener = 0;  // direction of end 0
};

// What a field's number in the row is: ISN or digest of the first vote, a port.
std::uint64_t value_of(EvidenceField field, const Pair& pair, const Tuple& tuple) {
  if (field == EvidenceField::kFarEndpoint) return tuple.dst_port;
  if (field == EvidenceField::kSourcePort) return tuple.src_port;
  if (field == EvidenceField::kSaid) {
    const float bits = pair.field(field);
    return bits == kPromisedBits || bits == kHintedBits ? 2 : bits == kExactBits ? 1 : 0;
  }
  if (field == EvidenceField::kTiming || field == EvidenceField::kIpId) return 0;
  return pair.value;
}

void fill_evidence(const Pair& pair, const Tuple& tuple, Translation& out) {
  std::array<Evidence, kFieldCount> all;
  std::size_t count = 0;
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    if (pair.bits[i] <= 0) continue;
    auto field = static_cast<EvidenceField>(i);
    if (pair.by_volume && field == EvidenceField::kDnsQuestion) field = EvidenceField::kVolume;
    const std::size_t counter = counter_of(field);
    std::uint32_t packets = counter < pair.packets.size() ? pair.packets[counter] : 0;
    if (i == place_of(EvidenceField::kTiming) || i == place_of(EvidenceField::kDnsQuestion))
      packets = pair.tally[0].packets + pair.tally[1].packets;
    all[count++] = {field, pair.bits[i], packets, value_of(field, pair, tuple)};
  }
  std::stable_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count),
                   [](const Evidence& a, const Evidence& b) { return a.bits > b.bits; });
  out.evidence_count = static_cast<std::uint8_t>(std::min(count, kMaxEvidence));
  std::copy_n(all.begin(), out.evidence_count, out.evidence.begin());
}

// What the box adds to the sequence numbers of a direction of end 0 where they do not agree;
// 0 if a SYN was missed.
std::int64_t shift_of(const Pair& pair,
                      unsigned end0_direction,
                      const ConnectionTable& connections) {
  if (pair.same_numbers()) return 0;
  const Connection& one = connections[pair.connection[0]];
  const Connection& other = connections[pair.connection[1]];
  const unsigned other_direction = pair.reversed ? 1 - end0_direction : end0_direction;
  if (!one.has_isn(end0_direction) || !other.has_isn(other_direction)) return 0;
  return static_cast<std::int32_t>(other.isn[other_direction] - one.isn[end0_direction]);
}

// Somebody ended the connection and opened another: only the bytes are the same, or a datagram
// got a TTL that no router gives it where no TCP connection ever came through. `relayed`: all
// TCP between these taps is ended and opened anew.
bool by_proxy(
    const Pair& pair, TranslationKind kind, const Hops& hops, bool relayed, const Taps& taps) {
  if (pair.passed()) return false;
  if (relayed || pair.unwrapped) return true;
  if (kind == TranslationKind::kBridged || kind == TranslationKind::kRouted) return false;
  if (pair.field(EvidenceField::kTcpStream) > 0 || pair.by_odds()) return true;
  return hops.resent && taps.pair(pair.tap0, pair.tap1).passed_tcp == 0;
}

// Where it is not known which end comes first, the later one is told by the time that packets
// took, for what it is worth.
Way way_of(const Pair& pair, const Sides& sides, unsigned direction) {
  const DirectionTally& tally = pair.tally[direction];
  Way way;
  way.direction = direction;
  way.inside = sides.inside;
  way.later_known = sides.first >= 0;
  way.later = tally.least_ns / 2 + tally.most_ns / 2 >= 0 ? 1 : 0;
  if (way.later_known) {
    const auto first = static_cast<unsigned>(sides.first);
    way.later = direction == sides.opener ? 1 - first : first;
  }
  return way;
}

}  // namespace

unsigned opener_direction(const Pair& pair, const ConnectionTable& connections) {
  if (!pair.reversed) return 0;
  const Connection& one = connections[pair.connection[0]];
  const Connection& other = connections[pair.connection[1]];
  if (one.beginning_seen != other.beginning_seen) return one.beginning_seen ? 0 : 1;
  return one.opened <= other.opened ? 0 : 1;
}

Translated translate(const Pair& pair, const ConnectionTable& connections, Taps& taps) {
  Sides sides;
  sides.opener = opener_direction(pair, connections);
  const Connection& one = connections[pair.connection[0]];
  const Connection& other = connections[pair.connection[1]];
  const bool turn_one = sides.opener == 1;
  const Tuple end0 = turn_one ? turned(one.original) : one.original;
  const Tuple end1 = turn_one != pair.reversed ? turned(other.original) : other.original;
  const TapPair& between = taps.pair(pair.tap0, pair.tap1);
  const bool relayed = between.relays && !between.passes && between.passed_tcp == 0;
  Hops hops = hops_of(pair, sides.opener);
  if (relayed) hops = {false, true, 0};  // whoever ends TCP there sends all packets anew
  sides.first = first_end(pair, sides.opener, hops, taps.error_ns(pair.tap0, pair.tap1));
  if (pair.tap0 != pair.tap1 && end0.src == end1.src) {
    if (sides.first >= 0) taps.note_side(pair.tap0, pair.tap1, end0.src, sides.first);
    if (sides.first < 0) sides.first = taps.side_of(pair.tap0, pair.tap1, end0.src);
  }
  Translated result;
  Translation& out = result.row;
  // Inside a tunnel is not the link that shows the tunnel.
  const bool same_link = pair.tap0 == pair.tap1 && one.depth == other.depth;
  out.kind = sides.first == 1 ? kind_of(end1, end0, same_link, hops.count != 0)
                              : kind_of(end0, end1, same_link, hops.count != 0);
  if (by_proxy(pair, out.kind, hops, relayed, taps)) out.kind = TranslationKind::kProxy;
  sides.inside = inside_end(out.kind, sides.first, end0, end1);
  const Connection& inside = sides.inside == 0 ? one : other;
  const Connection& outside = sides.inside == 0 ? other : one;
  out.inside = {inside.tap, inside.serial};
  out.outside = {outside.tap, outside.serial};
  if (sides.first >= 0) {
    out.entered = static_cast<unsigned>(sides.first) == sides.inside ? FirstSeen::kInside
                                                                     : FirstSeen::kOutside;
  }
  out.reversed = pair.reversed;
  out.start = Timestamp::from_ns(pair.start);
  out.end = Timestamp::from_ns(pair.end);
  out.bits = pair.total;
  fill_evidence(pair, end0, out);
  for (unsigned direction = 0; direction < 2; ++direction) {
    const bool turn = sides.inside == 1 && pair.reversed;
    const unsigned end0_direction = turn ? 1 - direction : direction;
    result.ways[direction] = way_of(pair, sides, end0_direction);
    if (out.kind == TranslationKind::kProxy) continue;  // numbers of its own
    const std::int64_t shift = shift_of(pair, end0_direction, connections);
    out.sequence_shift[direction] = sides.inside == 0 ? shift : -shift;
  }
  return result;
}

}  // namespace natlens::correlate
