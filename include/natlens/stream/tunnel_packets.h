// What encrypted tunnels show in clear: sessions and counters, handshakes, keepalives.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

// Appends what `decoded` shows of encrypted tunnels behind its last layer (several records, if
// that is a TCP segment); nothing for other packets. `verdict` is the last layer's. Everything
// but `tap` and `position` is filled.
void append_tunnel_packets(const decode::DecodedFrame& decoded,
                           const conntrack::Verdict& verdict,
                           Timestamp time,
                           std::uint32_t frame,
                           std::vector<TunnelPacket>& out);

}  // namespace natlens::stream
