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
  std::int64_t inside_connection = 0;   // connection.id
  std::int64_t outside_connection = 0;
  std::uint16_t inside_tap = 0;         // tap.id
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
  // No translation that starts later touches either connection. Set by the store where rows come
  // in order of their start.
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
enum class Relation : std::uint8_t { kNat, kRouted, kBridged, kTunnel, kProxy, kIsolated, kUnrelated };
inline std::string_view to_string(Relation relation) {
  constexpr auto names = std::to_array<std::string_view>(
      {"nat", "routed", "bridged", "tunnel", "proxy", "isolated", "unrelated"});
  return names[static_cast<std::size_t>(relation)];
}

// A row of table `nat`: a pair of taps and what lies between them.
struct Nat {
  std::int64_t id = 0;
  std::uint16_t inside_tap = 0;   // tap.id
  std::uint16_t outside_tap = 0;
  Relation relation = Relation::kUnrelated;
  std::uint64_t translations = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(correlate::TranslationKind::kCount)> by_kind{};
  std::vector<Address> external_addresses;  // sorted, at most 64
};

// One connection of a path: the same traffic at taps 1, 2, 3... in the order it travelled.
struct PathStep {
  std::int64_t path = 0;
  std::uint32_t step = 0;             // from 1
  std::int64_t connection = 0;        // connection.id
  std::int64_t translation = 0;       // the one that led here from the step before; 0 at step 1
};

}  // namespace natlens::nat
