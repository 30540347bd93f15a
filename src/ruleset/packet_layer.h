// Layers over packets that were made or changed here, where decode has not been.
#pragma once

#include "natlens/decode/records.h"
#include "natlens/net/address.h"

namespace natlens::ruleset {

bool is_icmp(std::uint8_t protocol);

// The tuple of a packet as conntrack has it.
Tuple tuple_of(const decode::Layer& layer);

// A layer over a packet that has a transport header directly behind its IP header.
decode::Layer layer_of(ByteView ip);

// What the packet of `from` has become: the same transport, now at `transport_at` of `ip`. What
// headers there say is read anew, what is told of its payload stays.
decode::Layer changed_layer(const decode::Layer& from, ByteView ip, std::size_t transport_at);

}  // namespace natlens::ruleset
