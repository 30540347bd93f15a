// What a router leaves alone in a packet, as a hash: by it the same packet is known on both
// sides.
#pragma once

#include <cstdint>

#include "natlens/decode/records.h"

namespace natlens::replay {

// Of a packet on its way out: protocol, destination, identification, transport without source
// port and checksum. The same before and after source NAT.
std::uint64_t content_key(const decode::Layer& layer);
// The same of a packet that will have another destination; ICMP: port 0.
std::uint64_t content_key(const decode::Layer& layer, const Endpoint& destination);
// Without destination and destination port too: the same before and after any NAT.
std::uint64_t loose_key(const decode::Layer& layer);

}  // namespace natlens::replay
