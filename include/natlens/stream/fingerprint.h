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

// Appends the sightings of one tracked packet (one, or several for a large TCP frame), none if
// it belongs to no connection. Everything but `tap` is filled. Does not allocate once `out` is
// warm. An ICMP error is a sighting of the connection it quotes, as `verdict` says.
void append_sightings(const decode::Layer& layer,
                      const conntrack::Verdict& verdict,
                      Timestamp time,
                      std::uint32_t frame,
                      std::vector<Sighting>& out);

// The options of a SYN or SYN+ACK; without kSeen where it is none, or its options were cut.
SynOptions syn_options(const decode::Layer& layer);

// One strong fingerprint for the clock probe, or 0 if this packet has none that is worth
// keeping (pure ACKs, tiny or cut payloads). The same at every tap of the packet's way through
// NATs, but for bit 0: that tells the two directions of traffic apart by the packet's own role
// (SYN; the client's port is usually above the server's; echo request), which a NAT may turn
// round. Bit 1 is 0 where the packet does not tell (equal ports); bit 0 is 1 then.
std::uint64_t probe_fingerprint(const decode::Layer& layer);

// The same of what even a proxy leaves alone: the bytes of a TCP segment, without its numbers,
// and the question of a DNS message. 0 for everything else, and for short or cut segments.
std::uint64_t probe_content_fingerprint(const decode::Layer& layer);

}  // namespace natlens::stream
