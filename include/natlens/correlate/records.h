// What correlation hands on: translations, their evidence, and what stayed in doubt.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/decode/records.h"
#include "natlens/net/address.h"
#include "natlens/net/timestamp.h"
#include "natlens/stream/records.h"

namespace natlens::correlate {

// A connection by its tap (global index, from 0, in order of the command line and discovery)
// and its serial there.
struct ConnectionRef {
  std::uint16_t tap = 0;
  std::uint32_t serial = 0;
  auto operator<=>(const ConnectionRef&) const = default;
};

// What changed between the two sides. Stored by name.
enum class TranslationKind : std::uint8_t {
  kBridged,
  kRouted,
  kSnat,
  kDnat,
  kTwice,
  kHairpin,
  kNat64,
  kNat46,
  kNpt,
  kProxy,
  kTunnel,
  kCount
};
inline constexpr auto kTranslationKindNames =
    std::to_array<std::string_view>({"bridged", "routed", "snat", "dnat", "twice", "hairpin",
                                     "nat64", "nat46", "npt", "proxy", "tunnel"});
static_assert(kTranslationKindNames.size() ==
              static_cast<std::size_t>(TranslationKind::kCount));
inline std::string_view to_string(TranslationKind kind) {
  return kTranslationKindNames[static_cast<std::size_t>(kind)];
}

// certain: 40 bits above chance and the margin, or by protocol keys; likely: above the
// threshold.
enum class Confidence : std::uint8_t { kAmbiguous, kLikely, kCertain };
inline std::string_view to_string(Confidence confidence) {
  constexpr auto names = std::to_array<std::string_view>({"ambiguous", "likely", "certain"});
  return names[static_cast<std::size_t>(confidence)];
}

// What agreed. Stored by name.
enum class EvidenceField : std::uint8_t {
  kTcpHandshake,  // ISN, options, window of SYN / SYN+ACK
  kTcpData,       // bytes at the same sequence positions
  kTcpAck,        // seq, ack, window, timestamps of pure ACKs
  kPayload,       // datagram payload digests
  kIcmpEcho,      // sequence and data
  kIcmpQuote,     // ICMP errors quoting the same packet
  kTcpStream,     // equal bytes at equal offsets of two streams that a proxy joins
  kIpId,
  kFarEndpoint,  // the end that was not translated is the same
  kSourcePort,   // the translated end kept its port
  kTiming,       // sequence of moments
  kTcpOutcome,   // both were refused, or left unanswered, or closed without a byte
  kDnsQuestion,  // the same name, type and class
  kTcpShape,     // TCP packets that are the same but for their numbers
  kSaid,  // a SOCKS or CONNECT request, its answer, a PROXY header, a STUN or PCP answer names
          // it
  kVolume,  // as many bytes at the same moments, plus what encryption adds
  kEngine,  // natlens's own router did it; value: line of its rule, 0 = none
  kCount
};
inline constexpr auto kEvidenceFieldNames = std::to_array<std::string_view>(
    {"tcp_handshake", "tcp_data", "tcp_ack", "payload", "icmp_echo", "icmp_quote", "tcp_stream",
     "ip_id", "far_endpoint", "source_port", "timing", "tcp_outcome", "dns_question",
     "tcp_shape", "said", "volume", "engine"});
static_assert(kEvidenceFieldNames.size() == static_cast<std::size_t>(EvidenceField::kCount));
inline std::string_view to_string(EvidenceField field) {
  return kEvidenceFieldNames[static_cast<std::size_t>(field)];
}

// What became of a TCP connection by the time it is asked.
enum class Outcome : std::uint8_t { kUnanswered, kRefused, kOpen, kClosed, kCount };
inline std::string_view to_string(Outcome outcome) {
  constexpr auto names =
      std::to_array<std::string_view>({"unanswered", "refused", "open", "closed"});
  static_assert(names.size() == static_cast<std::size_t>(Outcome::kCount));
  return names[static_cast<std::size_t>(outcome)];
}

struct Evidence {
  EvidenceField field = EvidenceField::kTcpHandshake;
  float bits = 0;             // above chance in this capture
  std::uint32_t packets = 0;  // how many agreed
  std::uint64_t value = 0;    // ISN, digest, port, outcomes (client's << 8 | proxy's): by field
};
inline constexpr std::size_t kMaxEvidence = 8;

// Latency in nanoseconds from the first tap to the second; 0 packets = unknown.
struct Latency {
  std::int64_t min_ns = 0;
  std::int64_t median_ns = 0;
  std::int64_t p99_ns = 0;
  std::int64_t max_ns = 0;
};

// Which tap a connection entered at.
enum class FirstSeen : std::uint8_t { kUnknown, kInside, kOutside };

// Why no verdict could be given of packets that one tap alone shows. Stored by name.
enum class NoVerdict : std::uint8_t {
  kNotCapturing,  // before the other tap's first frame or after its last one
  kSilent,        // the other tap showed nothing at all for unusually long
  kCut,           // the capture cut the packet, or it is a fragment: nothing to know it by
  kMemory,        // given up before its time, by the bound on memory
  kHoles,         // the sequence ranges of this direction had too many holes
  kNoEntry,       // the other tap had no entry of it then: not yet, or not any more
  kShifted,       // sequence numbers were shifted: packets cannot be told one by one
  kProxy,         // somebody in between sends packets of its own
  kCount
};
inline constexpr auto kNoVerdictNames = std::to_array<std::string_view>(
    {"not_capturing", "silent", "cut", "memory", "holes", "no_entry", "shifted", "proxy"});
static_assert(kNoVerdictNames.size() == static_cast<std::size_t>(NoVerdict::kCount));

// What is not as usual among the packets of one direction. Pairs of numbers: inside, outside.
struct PacketDeviation {
  std::array<std::uint32_t, 2> duplicated{};  // one more copy there, which the other has not
  std::array<std::uint32_t, 2> unknown{};     // seen there, and no verdict of the other one
  std::uint32_t why_unknown = 0;              // bits by NoVerdict
  std::uint32_t reordered = 0;  // arrived behind a packet that was sent after them
  std::array<std::uint64_t, 2> only_bytes{};  // payload of those seen there alone
  std::int16_t ttl_delta_min = 0;             // later tap minus earlier
  std::int16_t ttl_delta_max = 0;
  std::uint32_t ttl_changes = 0;  // packets whose TTL changed otherwise than the first one's
  std::uint32_t tos_changes = 0;  // packets whose TOS byte differs, of the first of them:
  std::array<std::uint8_t, 2> tos{};
  std::array<std::uint32_t, 2> dont_fragment_only{};  // DF set there and not at the other
  std::uint32_t id_changes = 0;                       // IP identification differs
  bool by_ranges = false;  // frames are cut differently: counted by sequence ranges

  bool operator==(const PacketDeviation&) const = default;
};

// Packets of one direction of a translation, while both taps were capturing.
struct PacketAccount {
  std::uint64_t both = 0;
  std::uint64_t inside_only = 0;
  std::uint64_t outside_only = 0;
  Latency latency;
  std::int16_t ttl_delta =
      0;  // at the later tap minus at the earlier; 0 = unchanged or unknown
  bool ttl_known = false;
  bool known = false;                     // false: the counts cannot be told
  FirstSeen first = FirstSeen::kUnknown;  // which side these packets pass first
  PacketDeviation deviation;
};

// A frame with a fate of its own.
enum class Fate : std::uint8_t {
  kOnlyBefore,  // seen at the tap that it passes first, not at the other
  kOnlyAfter,
  kOnlyHere,  // which tap comes first is not known
  kDuplicated,
  kReordered,
  kChanged,
  kCount
};
inline constexpr auto kFateNames = std::to_array<std::string_view>(
    {"only_before", "only_after", "only_here", "duplicated", "reordered", "changed"});
static_assert(kFateNames.size() == static_cast<std::size_t>(Fate::kCount));

// The first ten of a translation's direction and fate, and the last ten.
struct PacketFate {
  std::uint64_t translation = 0;  // serial
  std::uint8_t direction = 0;     // of the inside connection
  Fate fate = Fate::kOnlyHere;
  ConnectionRef connection;  // whose frame it is
  std::uint32_t frame = 0;   // ordinal
  ConnectionRef other;
  std::uint32_t other_frame = 0;  // the same packet there; 0 = none, or not known
  Timestamp time;
  std::uint32_t payload_bytes = 0;
  // kChanged: as the first of the two taps shows it, and as the other one does.
  std::array<std::uint8_t, 2> tos{};
  std::array<std::uint8_t, 2> ttl{};
  std::array<bool, 2> dont_fragment{};
  bool ttl_odd = false;  // the TTL changed otherwise than that of the packets before
};

// From some payload on a box shifted a direction's TCP numbers by another amount.
struct SequenceChange {
  std::uint64_t translation = 0;  // serial
  std::uint8_t direction = 0;     // of the inside connection
  std::uint32_t inside_seq = 0;   // the numbers behind this one, as inside shows them
  std::int64_t shift = 0;         // outside minus inside
};

// Two frames that are the same packet.
struct PacketLink {
  ConnectionRef connection;
  std::uint32_t frame = 0;  // ordinal
  ConnectionRef other;
  std::uint32_t other_frame = 0;
};

// A stretch of one connection recognised as the same traffic as a stretch of another. `inside`
// and `outside` as docs/schema.md defines them. Evidence is sorted, strongest first.
struct Translation {
  std::uint64_t serial = 0;  // 1, 2, ... in the order of finality, the same in every run
  ConnectionRef inside;
  ConnectionRef outside;
  TranslationKind kind = TranslationKind::kRouted;
  Confidence confidence = Confidence::kLikely;
  FirstSeen entered = FirstSeen::kUnknown;
  bool reversed = false;  // original here is reply there: one capture began in the middle
  Timestamp start;        // reference clock: first and last packet recognised at either tap
  Timestamp end;
  float bits = 0;
  float margin_bits = 0;  // lead over the runner-up; infinity without one
  std::uint8_t evidence_count = 0;
  std::array<Evidence, kMaxEvidence> evidence;
  std::array<PacketAccount, 2> packets;          // by Direction of `inside`
  std::array<std::int64_t, 2> sequence_shift{};  // outside minus inside, by Direction; 0 = none
};

// A pair that was not accepted, kept with its score.
struct Candidate {
  ConnectionRef connection;
  ConnectionRef other;
  float bits = 0;
  std::uint8_t rank = 0;  // 1 = best
};

// A connection that found no partner at another tap, and why.
enum class UnpairedReason : std::uint8_t {
  kNothingInCommon,  // no packet of it was seen elsewhere
  kTooLittle,        // below the threshold
  kAmbiguous,        // candidates too close to each other
  kNotOverlapping,   // no other tap was capturing at that time
  kCount
};
inline std::string_view to_string(UnpairedReason reason) {
  constexpr auto names = std::to_array<std::string_view>(
      {"nothing_in_common", "too_little", "ambiguous", "not_overlapping"});
  return names[static_cast<std::size_t>(reason)];
}
struct Unpaired {
  ConnectionRef connection;
  UnpairedReason reason = UnpairedReason::kNothingInCommon;
};

// An inner connection was in an encrypted tunnel: a row per carrier, direction and session key.
struct Carried {
  ConnectionRef inner;
  ConnectionRef carrier;
  conntrack::Direction direction = conntrack::Direction::kOriginal;  // of `inner`
  decode::Encapsulation kind = decode::Encapsulation::kNone;
  std::uint64_t key = 0;
  std::uint64_t packets = 0;  // known to have been in this carrier
  Timestamp first;            // of those, at the carrier's tap; reference clock
  Timestamp last;
  Confidence confidence = Confidence::kLikely;
  float bits = 0;
  stream::CarriedSizes sizes;
};

// What became of the packets of one direction of an inner connection.
struct Tunnelled {
  ConnectionRef inner;
  conntrack::Direction direction = conntrack::Direction::kOriginal;
  decode::Encapsulation kind = decode::Encapsulation::kNone;
  Confidence confidence = Confidence::kLikely;
  float bits = 0;
  std::uint64_t packets = 0;         // at the inner tap
  std::uint64_t linked = 0;          // whose outer packet is known
  std::uint64_t unsure = 0;          // carried, in one of several outer packets
  std::uint64_t unseen = 0;          // carried in an outer packet that no tap captured
  std::uint64_t overhead_bytes = 0;  // of linked and unsure ones: outer packets over inner ones

  // Nothing tells that the tunnel carried them.
  std::uint64_t lost() const {
    const std::uint64_t carried = linked + unsure + unseen;
    return packets > carried ? packets - carried : 0;
  }
};

// One packet of an inner connection, and the outer one that it was in, at one tap.
struct TunnelLink {
  ConnectionRef inner;
  ConnectionRef carrier;
  conntrack::Direction direction = conntrack::Direction::kOriginal;  // of `inner`
  std::uint32_t frame = 0;          // ordinal, at the tap of `inner`
  std::uint32_t carrier_frame = 0;  // ordinal, at the tap of `carrier`
};

// A clock that was set while it was read.
struct ClockStep {
  std::uint32_t frame = 0;   // ordinal of the first frame with the new time
  Timestamp at;              // its time, by the clock as if it had never stepped
  std::int64_t step_ns = 0;  // what the clock shows more from then on
  std::int64_t error_ns = 0;
};

// A tap's clock against the reference clock (that of tap 0): subtract
// offset_ns + drift_ppm * 1e-6 * (time - first frame of the tap) to reach the reference. All
// times but those in the file are those of the clock as if it had never stepped.
struct ClockEstimate {
  std::uint16_t tap = 0;
  std::int64_t offset_ns = 0;
  double drift_ppm = 0;
  std::int64_t error_ns = 0;     // half width of the interval that holds the truth
  std::uint32_t matches = 0;     // packets it rests on; 0 = nothing in common, offset unknown
  Timestamp anchor;              // first frame of the tap, its own clock
  bool given = false;            // by --clock
  std::vector<ClockStep> steps;  // by frame; what capture takes off each time stamp
  // The tap at the end of the chain of links; taps of different groups have nothing in common,
  // and their times cannot be compared. Given clocks belong to group 0.
  std::uint16_t group = 0;

  Timestamp to_reference(Timestamp t) const {
    if (!t.has_value()) return t;
    const double drifted = static_cast<double>((t - anchor).count()) * drift_ppm * 1e-6;
    // No clock drifts by a century: what a hostile file makes of it is cut off.
    const double bounded = drifted < -3e18 ? -3e18 : drifted > 3e18 ? 3e18 : drifted;
    return t - Nanoseconds(offset_ns) - Nanoseconds(static_cast<std::int64_t>(bounded));
  }
};

}  // namespace natlens::correlate
