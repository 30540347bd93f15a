// Fingerprints of TCP segments (see tcp_fingerprint.cc).
#pragma once

#include <vector>

#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

// Completes `sighting` (its common part is filled) for a TCP segment and appends it, with
// `continued` ones behind it for a large frame.
void append_tcp(const decode::Layer& layer,
                const Sighting& sighting,
                std::uint16_t earlier_packets,
                std::vector<Sighting>& out);

}  // namespace natlens::stream
