// A pair: two connections whose packets agreed, over one stretch of time, with the evidence and
// the counts of that stretch.
//
// Life: its evidence grows, and it becomes `provisional` once threshold and margin are passed,
// which lets it claim packets. It is `over` when one of its connections went on with another
// partner at the other's tap, `lost` when a rival for the same packets was accepted; in both
// cases further agreement begins a new stretch. It is judged, handed out and freed when the
// first of its two connections settles: closed, and the window has passed.
//
// Ends: end 0 is the connection at the lower tap, within a tap the one of the lower serial.
// Time differences are end 1 minus end 0, directions those of end 0.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "natlens/correlate/records.h"
#include "natlens/net/slab.h"

#include "connections.h"

namespace natlens::correlate {

// What was said names the very connection.
inline constexpr float kExactBits = 30;

// A pair is of a name server's datagrams or of an encrypted relay's streams, never of both: the
// two have one place.
inline constexpr std::size_t kFieldCount = static_cast<std::size_t>(EvidenceField::kVolume);
constexpr std::size_t place_of(EvidenceField field) {
  return static_cast<std::size_t>(field == EvidenceField::kVolume ? EvidenceField::kDnsQuestion
                                                                  : field);
}

// Where a pair counts the agreeing packets of a field; kCounters and beyond: it does not.
// Fields that no pair has both share a counter: one is of TCP, the other of datagrams, or one
// of a connection that came through, the other of one that a proxy opened anew.
inline constexpr std::size_t kCounters = 6;
constexpr std::size_t counter_of(EvidenceField field) {
  constexpr std::array<std::uint8_t, 8> kFirst{0, 1, 2, 3, 0, 4, 4, 5};
  static_assert(static_cast<std::size_t>(EvidenceField::kIpId) + 1 == kFirst.size());
  const auto number = static_cast<std::size_t>(field);
  if (field == EvidenceField::kTcpShape) return 3;
  return number < kFirst.size() ? kFirst[number] : kCounters;
}

// What one direction's agreeing packets tell of the way between the two ends.
struct DirectionTally {
  std::int64_t least_ns = std::numeric_limits<std::int64_t>::max();  // of end 1 minus end 0
  std::int64_t most_ns = std::numeric_limits<std::int64_t>::min();
  std::uint32_t packets = 0;  // recognised at both
  // By end: its packets before the first recognised one, saturated.
  std::array<std::uint16_t, 2> before{};
  std::array<std::uint32_t, 2> up_to{};  // by end: its packets up to the last recognised one
  std::uint32_t histogram = kNoSlot;     // of latencies, once the codes are full
  std::uint32_t deviation = kNoSlot;     // what is not as usual, once something is (account.h)
  std::uint32_t last_frame = 0;          // greatest one recognised at the end that waited
  std::array<std::uint8_t, 8> codes{};   // latency codes of the first ones
  std::uint16_t votes = 0;    // distinct fingerprints among them, as told apart; saturated
  std::int8_t ttl_delta = 0;  // end 1 minus end 0
  bool ttl_known : 1 = false;
  bool ttl_varies : 1 = false;
  bool shaped : 1 = false;       // some of many were recognised by their shape
  bool recut : 1 = false;        // frames differ in size: offload on one side
  bool end1_waited : 1 = false;  // last_frame is of end 1
};
static_assert(sizeof(DirectionTally) == 56);

// Four cache lines: what every packet touches, the two directions, the evidence.
struct alignas(64) Pair {
  std::array<std::uint32_t, 2> connection{kNoSlot, kNoSlot};  // slots
  std::array<std::uint32_t, 2> next{kNoSlot, kNoSlot};        // in the list of each connection
  std::int64_t start = std::numeric_limits<std::int64_t>::max();
  std::int64_t end = std::numeric_limits<std::int64_t>::min();
  std::array<std::uint16_t, 2> gap_us{};  // of the two ends at start and end; saturated
  float total = 0;                        // sum of bits and prior
  std::uint64_t seen = 0;                 // filter of fingerprints that voted already
  std::uint16_t tap0 = 0;
  std::uint16_t tap1 = 0;
  std::int8_t prior = 0;  // bits for the kind of change
  EvidenceField best_field = EvidenceField::kTcpHandshake;
  bool provisional : 1 = false;
  bool over : 1 = false;
  bool lost : 1 = false;
  bool follows : 1 = false;  // an earlier stretch of one of its connections went before
  bool reversed : 1 = false;
  bool stray : 1 = false;        // one of its connections is no entry at its tap
  bool is_long : 1 = false;      // the same traffic, but another tap lies between the two
  bool by_volume : 1 = false;    // an encrypted relay's: kVolume stands in kDnsQuestion's place
  std::uint8_t attempt : 2 = 0;  // end + 1 of one that a proxy tried for its client; 0: none
  bool unwrapped : 1 = false;    // a SOCKS proxy took the header off datagrams, or put it on
  bool end1_first : 1 = false;   // end 1 was the first to see the stretch begin...
  bool renumbered : 1 = false;  // a box between the two shifts TCP numbers, and it is known how
  bool end1_last : 1 = false;   // ... and the last to see it end, by gap_us
  std::array<DirectionTally, 2> tally;
  std::uint64_t best_key = 0;  // the strongest vote whose frequency may still turn out high
  float best_bits = 0;         // that best_key gave
  std::uint32_t value = 0;     // ISN, or digest, of the first vote
  std::array<float, kFieldCount> bits{};
  std::array<std::uint16_t, kCounters> packets{};  // agreeing ones by counter_of(field)

  float& field(EvidenceField f) { return bits[place_of(f)]; }
  float field(EvidenceField f) const { return bits[place_of(f)]; }
  // Which end the slot is.
  unsigned end_of(std::uint32_t slot) const { return connection[1] == slot ? 1 : 0; }
  std::uint32_t other(std::uint32_t slot) const { return connection[1 - end_of(slot)]; }
  std::uint16_t tap(unsigned e) const { return e == 0 ? tap0 : tap1; }
  // What the two tuples say, without any packet.
  float ends() const {
    return field(EvidenceField::kFarEndpoint) + field(EvidenceField::kSourcePort) +
           static_cast<float>(prior);
  }
  // Its sequence numbers agree.
  bool same_numbers() const {
    return field(EvidenceField::kTcpHandshake) > 0 || field(EvidenceField::kTcpData) > 0 ||
           field(EvidenceField::kTcpAck) > 0;
  }
  // Its packets came through as they were.
  bool untouched() const { return same_numbers() || field(EvidenceField::kPayload) > 0; }
  // Its packets came through: nobody ended the connection and opened another one.
  bool passed() const { return same_numbers() || field(EvidenceField::kTcpShape) > 0; }
  void sum() {
    total = static_cast<float>(prior);
    for (const float b : bits) total += b;
  }
  // Somebody ended the one and opened the other: all packets are its own.
  bool made_anew() const {
    return (field(EvidenceField::kTcpStream) > 0 || field(EvidenceField::kTcpOutcome) > 0 ||
            field(EvidenceField::kDnsQuestion) > 0) &&
           !passed() && field(EvidenceField::kPayload) == 0;
  }
  // ... and nothing that is random in itself stayed: the course of a connection without bytes,
  // or the question that a name server passed on.
  bool by_odds() const { return made_anew() && field(EvidenceField::kTcpStream) == 0; }
  bool overlaps(const Pair& rival) const { return start <= rival.end && rival.start <= end; }
  // One more packet of the stretch, by its times at the two ends.
  void extend(const std::array<std::int64_t, 2>& times);
  // The stretch as one end saw it; not shorter than it was.
  std::int64_t first_at(unsigned e) const {
    return start + (e == (end1_first ? 1U : 0U) ? 0 : gap(0));
  }
  std::int64_t last_at(unsigned e) const {
    return end - (e == (end1_last ? 1U : 0U) ? 0 : gap(1));
  }
  // The slot's own connection is one for which a proxy tried several.
  bool tried_for(std::uint32_t slot) const {
    return attempt != 0 && connection[attempt - 1U] != slot;
  }
  // Both claim the same time of `slot`, which they share. What was still on its way between the
  // ends when the slot went on with another partner does not count.
  bool contests(const Pair& rival, std::uint32_t slot) const;
  // The slot's moment up to which the stretch lasts for sure: then another may begin.
  std::int64_t ends_at(std::uint32_t slot) const;

 private:
  std::int64_t gap(unsigned which) const { return std::int64_t{gap_us[which]} * 1000; }
};

static_assert(sizeof(Pair) == 256);

// All pairs, and the list of pairs that each connection heads.
class PairTable {
 public:
  explicit PairTable(ConnectionTable& connections) : connections_(connections) {}

  Pair& operator[](std::uint32_t pair) { return slab_[pair]; }
  const Pair& operator[](std::uint32_t pair) const { return slab_[pair]; }
  void prefetch(std::uint32_t pair) const {
    if (pair == kNoSlot) return;
    const auto* line = reinterpret_cast<const char*>(&slab_[pair]);
    for (int i = 0; i < 3; ++i) prefetch_line(line + i * 64);
  }
  // The stretch of these two that is going on, or kNoSlot.
  std::uint32_t find(std::uint32_t one, std::uint32_t other) const;
  // A new stretch of two connections, in the lists of both.
  std::uint32_t create(std::uint32_t one, std::uint32_t other);
  // Out of both lists, and free.
  void drop(std::uint32_t pair);
  // Every pair of a connection; `use` must not change the list.
  template <typename Use>
  void each(std::uint32_t slot, Use&& use) const {
    for (std::uint32_t p = connections_[slot].pairs; p != kNoSlot;) {
      const Pair& pair = slab_[p];
      const std::uint32_t next = pair.next[pair.end_of(slot)];
      use(p, pair);
      p = next;
    }
  }
  std::size_t bytes() const { return slab_.bytes(); }
  // While it stays the same, numbers of pairs stand for the same pairs.
  std::uint64_t drops() const { return drops_; }

 private:
  void unlink(std::uint32_t pair, unsigned end);

  ConnectionTable& connections_;
  Slab<Pair> slab_;
  std::uint64_t drops_ = 0;
};

}  // namespace natlens::correlate
