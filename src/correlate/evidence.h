// Evidence in bits: how surprising would an agreement be if the two connections were unrelated?
//
// A field's bits are -log2 of the probability of a chance agreement, which is the larger of
// two: what the field's nature allows (an initial sequence number: 2^-32) and what this capture
// showed so far (a DNS query that every fiftieth flow carries: 1/50). The second comes from
// sketches of fixed size that count, per tap, how many connections carried a fingerprint, an
// end or a port.
#pragma once

#include <cstdint>

#include "natlens/stream/records.h"

#include "connections.h"
#include "pair.h"
#include "sketch.h"
#include "taps.h"

namespace natlens::correlate {

EvidenceField field_of(stream::SightingKind kind);
// Fields of TCP content: their agreements rest on one random number per direction.
bool is_tcp(EvidenceField field);

class Weigher {
 public:
  explicit Weigher(Taps& taps);

  // A connection began: its ends and port are counted.
  void count_connection(const Connection& connection);
  // A fingerprint of it that it did not show before.
  void count_fingerprint(std::uint16_t tap, std::uint64_t key);
  void prefetch(std::uint16_t tap, std::uint64_t key) const;

  // Bits of one agreeing packet.
  float content_bits(const stream::Sighting& sighting,
                     std::uint64_t key,
                     const Pair& pair) const;
  // Bits that `key` is worth by what was counted up to now, at most `model`.
  float observed_bits(EvidenceField field,
                      std::uint64_t key,
                      const Pair& pair,
                      float model) const;
  // Fills the fields that rest on the two tuples: far end, port, kind of change.
  void weigh_ends(const Connection& one, const Connection& other, Pair& pair) const;
  // Bits of two moments `gap_ns` apart when they could be anywhere in the window.
  float timing_bits(std::int64_t gap_ns, std::int64_t window_ns, const Pair& pair) const;

 private:
  float end_bits(std::uint64_t what, std::uint16_t tap0, std::uint16_t tap1, float model) const;
  static std::uint64_t salted(std::uint64_t key, std::uint16_t tap);

  Taps& taps_;
  FrequencySketch fingerprints_;
  FrequencySketch ends_;
};

}  // namespace natlens::correlate
