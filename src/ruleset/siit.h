// Packets between IPv4 and IPv6 (RFC 7915): headers made anew, transport checksums carried
// over.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "natlens/decode/records.h"
#include "natlens/net/address.h"

namespace natlens::ruleset {

struct CrossedPacket {
  std::vector<std::uint8_t> ip;
  // Where it has to be cut to go on (offsets into what follows the header); none: it fits.
  std::vector<std::uint32_t> cuts;
};

// A packet in the other family, with the ends of `to` (ICMP: id in src_port). `identification`:
// of an IPv4 packet that may be fragmented. `cuts`: how it came in pieces. nullopt: it has to
// be dropped.
std::optional<CrossedPacket> cross(const decode::Layer& layer,
                                   const Tuple& to,
                                   std::uint16_t identification,
                                   std::vector<std::uint32_t> cuts);

// An ICMP error in the other family: `to` has its own ends, `quoted_to` those of the packet
// that it quotes.
std::optional<CrossedPacket> cross_error(const decode::Layer& layer,
                                         const decode::Layer& quoted,
                                         const Tuple& to,
                                         const Tuple& quoted_to,
                                         std::uint16_t identification);

}  // namespace natlens::ruleset
