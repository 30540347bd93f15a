// TCP window tracking (tcp_in_window of nf_conntrack_proto_tcp.c, after "Real Stateful TCP
// Packet Filtering in IP Filter" by Guido van Rooij).
#pragma once

#include "protocols.h"
#include "tcp_segment.h"

namespace natlens::conntrack {

enum class WindowVerdict : std::uint8_t {
  kPass,     // goes on, believed
  kIgnore,   // accepted without effect
  kInvalid,  // Track::invalid says why
};

// Checks the segment against what both sides have said, and updates that.
WindowVerdict check_window(Track& track, const TcpSegment& segment);

// The sender's flags and scale from the options of its SYN or SYN+ACK; no options, no change.
void take_syn_options(TcpTrack& tcp, unsigned side, ByteView options);

}  // namespace natlens::conntrack
