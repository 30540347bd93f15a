// Is a TCP RST to be believed?
#pragma once

#include "protocols.h"
#include "tcp_segment.h"
#include "tcp_state.h"

namespace natlens::conntrack {

enum class RstVerdict : std::uint8_t {
  kCheckWindow,
  kSkipWindow,  // believed at once
  kInvalid,     // Track::invalid says why
};

// REQUIRES: `step` leads to CLOSE. May take it back to the old state: the RST lies in the
// window, but not at the exact number, so the peer will answer with a challenge ACK (RFC
// 5961 3.2).
RstVerdict judge_rst(Track& track,
                     const TcpSegment& segment,
                     TcpState old_state,
                     TcpStep& step);

}  // namespace natlens::conntrack
