// For each side S (the sender of the segment) and its peer R:
//
//   I    seq <= S.max_end                       not beyond what R allowed
//   II   segment end >= S.end - R.max_win       not too old
//   III  sack <= R.end                          acknowledges only what was seen
//   IV   sack >= R.end - max(S.max_win, 66000)  not too old an acknowledgement
//
// I and III make a segment INVALID, II and IV leave it without effect. What passes updates end,
// max_win, max_ack of S and the right edge max_end of R. A liberal side (picked up in the
// middle, or nf_conntrack_tcp_be_liberal) is let through whatever the conditions say.
#include "tcp_window.h"

#include <algorithm>

#include "tcp_options.h"

namespace natlens::conntrack {
namespace {

// However small the window, an acknowledgement may be this old (MAXACKWINCONST).
constexpr std::uint32_t kMinAckWindow = 66000;

// The segment's numbers as the conditions use them, after substitutions.
struct Numbers {
  std::uint32_t seq;
  std::uint32_t end;
  std::uint32_t ack;
  std::uint32_t sack;
};

// Both sides of the connection from the sender's point of view.
struct Sides {
  TcpTrack& tcp;
  TcpBoundFrames& frames;
  unsigned s;
  unsigned r;
  TcpSide& sender;
  TcpSide& receiver;
};

void start_sender(Sides& x, const TcpSegment& segment, std::uint32_t frame) {
  x.sender.end = x.sender.max_end = segment.end;
  x.sender.max_win = segment.window == 0 ? 1 : segment.window;
  x.frames.end[x.s] = x.frames.max_end[x.s] = frame;
  take_syn_options(x.tcp, x.s, segment.options);
  // RFC 7323 2.2: scaling needs the option from both sides.
  const bool both = (x.tcp.flags[0] & x.tcp.flags[1] & tcp_side::kWindowScale) != 0;
  if (x.s == 1 && !both) {
    x.tcp.scales = 0;
  }
}

// Nothing is known of the sender, and this is no SYN: the history is lost.
void guess_sender(Sides& x,
                  const TcpSegment& segment,
                  std::uint32_t sack,
                  std::uint32_t frame) {
  const std::uint32_t window = std::uint32_t{segment.window} << x.tcp.scale(x.s);
  x.sender.end = segment.end;
  x.sender.max_win = window == 0 ? 1 : window;
  x.sender.max_end = segment.end + x.sender.max_win;
  x.frames.end[x.s] = x.frames.max_end[x.s] = frame;
  if (x.receiver.max_win == 0) {
    x.receiver.end = x.receiver.max_end = sack;
    x.frames.end[x.r] = x.frames.max_end[x.r] = frame;
  } else if (sack == x.receiver.end + 1) {
    ++x.receiver.end;  // probably answers a keep-alive
    x.frames.end[x.r] = frame;
  }
}

// Step A. True: the segment is accepted at once (simultaneous open).
bool initialise(Sides& x, Track& track, const TcpSegment& segment, std::uint32_t sack) {
  const auto state = static_cast<TcpState>(track.entry.state);
  if (x.sender.max_win == 0) {
    if (!segment.syn) {
      guess_sender(x, segment, sack, track.frame);
      return false;
    }
    start_sender(x, segment, track.frame);
    return !segment.ack_flag;
  }
  const bool opening = state == TcpState::kSynSent || state == TcpState::kSynRecv;
  if (segment.syn && opening && after(segment.end, x.sender.end)) {
    start_sender(x, segment, track.frame);  // RFC 9293 3.4.3: restarted with higher numbers
    return x.s == 1 && !segment.ack_flag;
  }
  return false;
}

// Step B: numbers that are not there or not meant.
void substitute(const Sides& x, const Track& track, const TcpSegment& segment, Numbers& n) {
  if (!segment.ack_flag || (segment.rst && n.ack == 0)) {
    n.ack = n.sack = x.receiver.end;
  }
  if (segment.rst && n.seq == 0 &&
      static_cast<TcpState>(track.entry.state) == TcpState::kSynSent) {
    n.seq = n.end = x.sender.end;
  }
}

struct Conditions {
  bool seq_allowed;  // I
  bool not_too_old;  // II
  bool ack_seen;     // III
  bool ack_recent;   // IV
};

Conditions judge(const Sides& x, const Numbers& n) {
  const std::uint32_t ack_window = std::max(x.sender.max_win, kMinAckWindow);
  return {
      .seq_allowed = before(n.seq, x.sender.max_end + 1),
      .not_too_old =
          x.receiver.max_win == 0 || after(n.end, x.sender.end - x.receiver.max_win - 1),
      .ack_seen = before(n.sack, x.receiver.end + 1),
      .ack_recent = after(n.sack, x.receiver.end - ack_window - 1),
  };
}

void explain(Track& track,
             InvalidReason reason,
             std::uint32_t value,
             std::uint32_t bound,
             std::uint32_t bound_frame) {
  track.invalid = {reason, value, bound, value - bound, bound_frame};
}

// Step D: condition I is violated.
WindowVerdict beyond_window(
    Sides& x, Track& track, const Numbers& n, const Conditions& c, bool liberal) {
  const std::uint32_t over = n.end - x.sender.max_end + 1;
  if (track.options.kernel.old_segments_pass && x.receiver.max_win != 0 && c.not_too_old &&
      c.ack_recent && c.ack_seen && over <= x.receiver.max_win) {
    x.sender.end = n.end;  // overshot by less than a window
    x.frames.end[x.s] = track.frame;
    x.tcp.flags[x.s] |= tcp_side::kDataUnacknowledged;
    return liberal ? WindowVerdict::kPass : WindowVerdict::kIgnore;
  }
  if (liberal) {
    return WindowVerdict::kPass;
  }
  explain(track, InvalidReason::kSeqAboveWindow, n.seq, x.sender.max_end,
          x.frames.max_end[x.s]);
  return WindowVerdict::kInvalid;
}

// Steps C and D for a segment that violates something.
WindowVerdict violation(Sides& x, Track& track, const Numbers& n, const Conditions& c) {
  const bool liberal =
      (x.tcp.flags[x.s] & tcp_side::kLiberal) != 0 || track.options.tcp_be_liberal != 0;
  if (!c.seq_allowed) {
    return beyond_window(x, track, n, c, liberal);
  }
  if (liberal) {
    return WindowVerdict::kPass;
  }
  if (!c.ack_seen) {
    explain(track, InvalidReason::kAckUnseen, n.sack, x.receiver.end, x.frames.end[x.r]);
    return WindowVerdict::kInvalid;
  }
  if (track.options.kernel.old_segments_pass) {
    return WindowVerdict::kIgnore;
  }
  // Before 6.1 an old duplicate was INVALID.
  if (!c.not_too_old) {
    const std::uint32_t bound = x.sender.end - x.receiver.max_win;
    track.invalid = {InvalidReason::kSegmentTooOld, n.end, bound, bound - n.end,
                     x.frames.end[x.s]};
  } else {
    const std::uint32_t bound = x.receiver.end - std::max(x.sender.max_win, kMinAckWindow);
    track.invalid = {InvalidReason::kAckTooOld, n.sack, bound, bound - n.sack,
                     x.frames.end[x.r]};
  }
  return WindowVerdict::kInvalid;
}

void count_retransmission(TcpTrack& tcp,
                          unsigned direction,
                          const TcpSegment& segment,
                          const Numbers& n) {
  if (tcp.last_direction() == direction && tcp.last_seq == n.seq && tcp.last_ack == n.ack &&
      tcp.last_end == n.end && tcp.last_win == segment.window) {
    ++tcp.retransmissions;
    return;
  }
  tcp.set_last(tcp.last_kind(), direction);
  tcp.last_seq = n.seq;
  tcp.last_ack = n.ack;
  tcp.last_end = n.end;
  tcp.last_win = segment.window;
  tcp.retransmissions = 0;
}

// Step E: all conditions hold.
void update(Sides& x, const Track& track, const TcpSegment& segment, const Numbers& n) {
  std::uint32_t window = segment.window;
  if (!segment.syn) {
    window <<= x.tcp.scale(x.s);
  }
  x.sender.max_win = std::max(x.sender.max_win, window + (n.sack - n.ack));
  if (after(n.end, x.sender.end)) {
    x.sender.end = n.end;
    x.frames.end[x.s] = track.frame;
    x.tcp.flags[x.s] |= tcp_side::kDataUnacknowledged;
  }
  if (segment.ack_flag) {
    const bool known = (x.tcp.flags[x.s] & tcp_side::kMaxAckSet) != 0;
    if (!known || after(n.ack, x.sender.max_ack)) {
      x.sender.max_ack = n.ack;
      x.frames.max_ack[x.s] = track.frame;
      x.tcp.flags[x.s] |= tcp_side::kMaxAckSet;
    }
  }
  if (x.receiver.max_win != 0 && after(n.end, x.sender.max_end)) {
    x.receiver.max_win += n.end - x.sender.max_end;
  }
  if (after(n.sack + window, x.receiver.max_end - 1)) {
    x.receiver.max_end = n.sack + window + (window == 0 ? 1 : 0);
    x.frames.max_end[x.r] = track.frame;
  }
  if (n.ack == x.receiver.end) {
    x.tcp.flags[x.r] &= static_cast<std::uint8_t>(~tcp_side::kDataUnacknowledged);
  }
  if (segment.kind == TcpKind::kAck) {
    count_retransmission(x.tcp, x.s, segment, n);
  }
}

}  // namespace

void take_syn_options(TcpTrack& tcp, unsigned side, ByteView options) {
  if (options.empty()) {
    return;
  }
  const SynOptions parsed = parse_syn_options(options);
  tcp.set_scale(side, parsed.window_scale);
  auto flags = static_cast<std::uint8_t>(tcp.flags[side] & tcp_side::kLiberal);
  if (parsed.has_window_scale) {
    flags |= tcp_side::kWindowScale;
  }
  if (parsed.sack_permitted) {
    flags |= tcp_side::kSackPermitted;
  }
  tcp.flags[side] = flags;
}

WindowVerdict check_window(Track& track, const TcpSegment& segment) {
  TcpTrack& tcp = track.entry.tcp;
  const unsigned s = track.dir();
  Sides x{tcp, track.entry.frames, s, 1 - s, tcp.side[s], tcp.side[1 - s]};
  Numbers n{segment.seq, segment.end, segment.ack, segment.ack};
  if ((tcp.flags[x.r] & tcp_side::kSackPermitted) != 0) {
    n.sack = highest_sack(segment.options, n.ack);
  }
  if (track.ack_offset != nullptr) {
    const std::uint32_t shift =
        track.ack_offset->at(static_cast<Direction>(x.r), segment.ack - 1);
    n.ack -= shift;
    n.sack -= shift;
  }
  if (initialise(x, track, segment, n.sack)) {
    return WindowVerdict::kPass;
  }
  substitute(x, track, segment, n);
  const Conditions c = judge(x, n);
  if (c.seq_allowed && c.not_too_old && c.ack_seen && c.ack_recent) {
    update(x, track, segment, n);
    return WindowVerdict::kPass;
  }
  return violation(x, track, n, c);
}

}  // namespace natlens::conntrack
