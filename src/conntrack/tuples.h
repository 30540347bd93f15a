// What a tuple is for each protocol: its inverse, and the parts that both directions share.
#pragma once

#include <cstdint>
#include <utility>

#include "natlens/net/address.h"

namespace natlens::conntrack {

// The ICMP or ICMPv6 type that answers `type`; false if it has no partner.
bool paired_type(std::uint8_t protocol, std::uint8_t type, std::uint8_t& partner);

// For a hash that both directions of a connection share: a number per end, such that the
// inverse tuple has the same two, swapped.
inline std::pair<std::uint64_t, std::uint64_t> symmetric_parts(const Tuple& tuple) {
  if (tuple.protocol != protocol::kIcmp && tuple.protocol != protocol::kIcmpv6) {
    return {tuple.src_port, tuple.dst_port};
  }
  // The type may be either of a pair, so it is left to the comparison; id and code are the
  // same.
  const std::uint64_t both = (std::uint64_t{tuple.src_port} << 8) | (tuple.dst_port & 0xffU);
  return {both, both};
}

}  // namespace natlens::conntrack
