// What was observed of the translators: mappings, relations between taps, paths.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/correlate/records.h"
#include "natlens/net/address.h"
#include "natlens/net/timestamp.h"

namespace natlens::nat {

// One translation with the tuples of both sides, as the store hands it back. Tuples are the
// original ones, turned so that `src` is the end that opened the connection on both sides.
struct TranslationRow {
  std::int64_t id = 0;
  std::int64_t inside_connection = 0;  // connection.id
  std::int64_t outside_connection = 0;
  std::uint16_t inside_tap = 0;  // tap.id
  std::uint16_t outside_tap = 0;
  correlate::TranslationKind kind = correlate::TranslationKind::kRouted;
  correlate::Confidence confidence = correlate::Confidence::kLikely;
  Tuple inside;
  Tuple outside;
  Timestamp start;
  Timestamp end;
  double bits = 0;
  // The side from which the connection was opened: the outside for dnat, else the inside unless
  // seen otherwise. Never kUnknown in rows of the store.
  correlate::FirstSeen opened_from = correlate::FirstSeen::kInside;
  bool answered = false;  // the inside saw packets of both directions
  bool closed = false;    // TCP: the inside saw it end
  // Longest silences that an answer ended, as the inside and the outside saw them, and that a
  // packet of the opener ended (UDP, ICMP and long ones of TCP; 0: unknown).
  std::uint32_t answered_after_ms = 0;
  std::uint32_t came_after_ms = 0;
  std::uint32_t resumed_after_ms = 0;
  // The longest time from one answer to the next at the inside, and from the opener's last
  // packet to an answer, at the inside and the outside (UDP and ICMP; 0: under ten seconds).
  std::uint32_t answer_gap_ms = 0;
  std::uint32_t answer_apart_ms = 0;
  std::uint32_t came_apart_ms = 0;
  // No translation that starts later touches either connection. Set by the store where rows
  // come in order of their start.
  Timestamp alive_until = Timestamp::max();
};

// RFC 4787: internal address:port <-> external address:port. For snat the source end of both
// sides, for dnat the destination end.
struct Mapping {
  std::int64_t nat = 0;  // nat.id
  std::uint8_t protocol = 0;
  Endpoint internal;
  Endpoint external;
  correlate::TranslationKind kind = correlate::TranslationKind::kSnat;
  Timestamp first;
  Timestamp last;
  std::uint32_t translations = 0;
  std::uint32_t far_endpoints = 0;  // distinct remote ends, exact up to 65,535
};

// What lies between two taps.
enum class Relation : std::uint8_t {
  kNat,
  kRouted,
  kBridged,
  kTunnel,
  kProxy,
  kIsolated,
  kUnrelated,
  kUserNat
};
inline std::string_view to_string(Relation relation) {
  constexpr auto names = std::to_array<std::string_view>(
      {"nat", "routed", "bridged", "tunnel", "proxy", "isolated", "unrelated", "user_nat"});
  return names[static_cast<std::size_t>(relation)];
}

// A row of table `nat`: a pair of taps and what lies between them.
struct Nat {
  std::int64_t id = 0;
  std::uint16_t inside_tap = 0;  // tap.id
  std::uint16_t outside_tap = 0;
  Relation relation = Relation::kUnrelated;
  std::uint64_t translations = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(correlate::TranslationKind::kCount)>
      by_kind{};
  std::uint64_t kept_far_end = 0;           // proxied ones that go where the client asked to
  std::vector<Address> external_addresses;  // sorted, at most 64
};

// What a NAT does, one question each (RFC 4787, 5382, 5508, 6888, 7857). Stored by name.
enum class Property : std::uint8_t {
  kMapping,
  kFiltering,
  kPortPreservation,
  kOnConflict,
  kPortOverloading,
  kPortSharing,
  kPortRange,
  kPortParity,
  kPortContiguity,
  kPortOrder,
  kTimeout,
  kTimeoutUnreplied,
  kRefresh,
  kHairpinning,
  kPooling,
  kPortBlocks,
  kBlockOrder,
  kPortReuse,
  kDeterminism,
  kCount
};
inline constexpr auto kPropertyNames = std::to_array<std::string_view>(
    {"mapping", "filtering", "port_preservation", "on_conflict", "port_overloading",
     "port_sharing", "port_range", "port_parity", "port_contiguity", "port_order", "timeout",
     "timeout_unreplied", "refresh", "hairpinning", "pooling", "port_blocks", "block_order",
     "port_reuse", "determinism"});
static_assert(kPropertyNames.size() == static_cast<std::size_t>(Property::kCount));
inline std::string_view to_string(Property property) {
  return kPropertyNames[static_cast<std::size_t>(property)];
}
// The traffic that would decide a question.
inline std::string_view deciding_traffic(Property property) {
  constexpr auto kTraffic = std::to_array<std::string_view>(
      {"one local port to two servers, from two local ports (and to two ports of one server)",
       "packets from another port and from another address to a live external port, two of "
       "each",
       "10 new flows", "two hosts with equal source ports to one server, 3 times",
       "two hosts with equal source ports to one server, 3 times",
       "two hosts with equal source ports to different servers, 20 times",
       "20 flows whose port was changed", "20 flows whose port was changed",
       "flows from two consecutive ports within a second (RTP and RTCP), 3 times",
       "50 flows whose port was changed",
       "a server that speaks after a silence, on two mappings",
       "a flow without answer that goes on after a silence, on two mappings",
       "flows that only one end keeps alive for longer than the timeout, which must be known, "
       "two "
       "of each end",
       "an inside host that calls an external address of the NAT, twice",
       "two hosts with two flows each at once, and two external addresses",
       "4 changed ports of each of 3 hosts", "4 changed ports of each of 5 hosts",
       "3 external ports that go from one host to another", "3 conflicts of source ports"});
  static_assert(kTraffic.size() == static_cast<std::size_t>(Property::kCount));
  return kTraffic[static_cast<std::size_t>(property)];
}

// An answer, with its evidence.
struct Behaviour {
  std::int64_t nat = 0;       // nat.id
  std::uint8_t protocol = 0;  // 0: of all protocols together
  Property property = Property::kMapping;
  std::string value;            // empty: undetermined
  std::string_view confidence;  // "certain", "likely"; empty: undetermined
  std::uint64_t evidence_for = 0;
  std::uint64_t evidence_against = 0;
  std::uint64_t expected = 0;  // of the other kind, as the value itself says (not stored)
  std::vector<std::int64_t> examples;          // translation.id, up to 5
  std::vector<std::int64_t> counter_examples;  // the same
  std::string detail;                          // figures, or what was missing
};

// A connection that one tap saw and that has no partner at the others.
struct UnpairedRow {
  std::int64_t connection = 0;  // connection.id
  std::uint16_t tap = 0;        // tap.id
  Tuple original;
  Timestamp start;
};

// One connection of a path: the same traffic at taps 1, 2, 3... in the order it travelled.
struct PathStep {
  std::int64_t path = 0;
  std::uint32_t step = 0;        // from 1
  std::int64_t connection = 0;   // connection.id
  std::int64_t translation = 0;  // the one that led here from the step before; 0 at step 1
};

}  // namespace natlens::nat
