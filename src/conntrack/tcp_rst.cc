// The RST rules of nf_conntrack_tcp_packet (nf_conntrack_proto_tcp.c).
#include "tcp_rst.h"

namespace natlens::conntrack {
namespace {

bool is_closing(TcpState state) {
  return state >= TcpState::kFinWait && state <= TcpState::kClose;
}

// A RST whose number is held against the other side's last ACK (5.5.4 step 2). True: decided.
bool judge_rst_number(Track& track,
                      const TcpSegment& segment,
                      TcpState old_state,
                      TcpStep& step,
                      RstVerdict& verdict) {
  const TcpTrack& tcp = track.entry.tcp;
  const unsigned d = track.dir();
  const unsigned other = 1 - d;
  const bool established =
      old_state == TcpState::kEstablished && track.entry.has(status::kAssured);
  verdict = RstVerdict::kCheckWindow;
  if (segment.seq == 0 && !established) {
    return true;
  }
  const std::uint32_t bound = tcp.side[other].max_ack;
  if (before(segment.seq, bound) && track.options.tcp_ignore_invalid_rst == 0) {
    track.invalid = {InvalidReason::kRstOutOfWindow, segment.seq, bound, bound - segment.seq,
                     track.entry.frames.max_ack[other]};
    verdict = RstVerdict::kInvalid;
    return true;
  }
  if (!established || segment.seq == bound) {
    return true;
  }
  if (tcp.last_kind() == TcpKind::kAck && tcp.last_direction() == d &&
      segment.seq == tcp.last_end) {
    return true;  // right behind its own data
  }
  step = static_cast<TcpStep>(old_state);  // the peer will answer with a challenge ACK
  return false;
}

}  // namespace

RstVerdict judge_rst(Track& track,
                     const TcpSegment& segment,
                     TcpState old_state,
                     TcpStep& step) {
  const TcpTrack& tcp = track.entry.tcp;
  const unsigned d = track.dir();
  if (track.options.kernel.rst_in_closing_unchecked && is_closing(old_state)) {
    return RstVerdict::kSkipWindow;
  }
  RstVerdict verdict = RstVerdict::kCheckWindow;
  if ((tcp.flags[1 - d] & tcp_side::kMaxAckSet) != 0 && tcp.last_kind() != TcpKind::kSyn &&
      judge_rst_number(track, segment, old_state, step, verdict)) {
    return verdict;
  }
  const bool after_syn =
      track.entry.has(status::kSeenReply) && tcp.last_kind() == TcpKind::kSyn &&
      (tcp.last_direction() != d || !track.options.kernel.rst_after_syn_from_other_side);
  const bool after_ack = !track.entry.has(status::kAssured) && tcp.last_kind() == TcpKind::kAck;
  if ((after_syn || after_ack) && segment.ack == tcp.last_end) {
    return RstVerdict::kSkipWindow;
  }
  if (old_state == TcpState::kSynSent && tcp.last_kind() == TcpKind::kAck &&
      tcp.last_direction() == 1 && segment.seq == tcp.last_ack) {
    return RstVerdict::kSkipWindow;
  }
  return RstVerdict::kCheckWindow;
}

}  // namespace natlens::conntrack
