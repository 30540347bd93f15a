// Packet fingerprints: what a NAT leaves alone, hashed while the bytes are there.
//
// TCP fingerprints are of positions, not frames: handshake segments whole; data by the bytes at
// fixed sequence positions that a frame covers; pure ACKs by (seq, ack, window, timestamps). So
// segmentation offload on one side changes nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

// Appends the sightings of one tracked packet (one, or several for a large TCP frame). Everything
// but `tap` is filled. Does not allocate once `out` is warm.
void append_sightings(const decode::Layer& layer,
                      const conntrack::Verdict& verdict,
                      Timestamp time,
                      std::uint32_t frame,
                      std::vector<Sighting>& out);

// One strong fingerprint for the clock probe, or 0 if this packet has none that is worth keeping
// (pure ACKs, tiny or cut payloads). The same at every tap of the packet's way through NATs.
std::uint64_t probe_fingerprint(const decode::Layer& layer);

}  // namespace natlens::stream
