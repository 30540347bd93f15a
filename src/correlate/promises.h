// What protocols say of the mappings of a NAT: "your packets arrive as coming from there"
// (STUN, SIP), "this port is yours" (PCP, NAT-PMP). See promises.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "natlens/stream/records.h"

#include "connections.h"

namespace natlens::correlate {

// That the box gives one end the other's name was said of this very far end, or of all; and of
// another far end only (an address- and port-dependent mapping would be another one there).
inline constexpr float kPromisedBits = 24;
inline constexpr float kHintedBits = 10;

class Promises {
 public:
  // Something was said in the connection. True if it is of a mapping, and new.
  bool say(const Connection& connection, const stream::Statement& statement);
  // Bits for two tuples in the same sense, in any order: one has an internal end where the
  // other has the external one that was named for it.
  float bits(const Tuple& one, const Tuple& other) const;

 private:
  static constexpr std::size_t kMost = std::size_t{1} << 16;  // statements kept

  float source_bits(const Tuple& internal, const Tuple& external) const;
  float target_bits(const Tuple& internal, const Tuple& external) const;

  absl::flat_hash_set<std::uint64_t> promised_;
  absl::flat_hash_set<std::uint64_t> hinted_;
  absl::flat_hash_map<std::uint64_t, Address> routers_;  // NAT-PMP: by router and tap
};

}  // namespace natlens::correlate
