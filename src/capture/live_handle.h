// A libpcap handle on an interface, opened and filtered. Nobody else opens one.
#pragma once

#include <memory>
#include <string>

#include <pcap/pcap.h>

#include "natlens/capture/live.h"
#include "natlens/net/result.h"

namespace natlens::capture {

struct CloseHandle {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using LiveHandle = std::unique_ptr<pcap_t, CloseHandle>;

// The kernel hands packets over at most this long after they came: blocks of its buffer are
// given up twice in this time (af_packet.c, prb_retire_rx_blk_timer_expired).
inline constexpr int kHandOverMs = 50;

// `warning`: what libpcap could not do but goes on without; "" if nothing.
Result<LiveHandle> open_handle(const std::string& interface,
                               const LiveOptions& options,
                               std::string& warning);

}  // namespace natlens::capture
