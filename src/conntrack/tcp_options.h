// TCP options that tracking looks at (tcp_options and tcp_sack of nf_conntrack_proto_tcp.c).
#pragma once

#include <cstdint>

#include "natlens/net/bytes.h"

namespace natlens::conntrack {

struct SynOptions {
  bool sack_permitted = false;
  bool has_window_scale = false;
  std::uint8_t window_scale = 0;  // at most 14
};
// Of a SYN or SYN+ACK. What stands before a damaged option counts.
SynOptions parse_syn_options(ByteView options);

// The highest of `ack` and the right edges of the first SACK option.
std::uint32_t highest_sack(ByteView options, std::uint32_t ack);

}  // namespace natlens::conntrack
