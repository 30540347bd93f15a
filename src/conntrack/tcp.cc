// TCP: the checks before everything, the special cases before the window check, and what state
// and timeout follow (nf_conntrack_tcp_packet of nf_conntrack_proto_tcp.c).
//
// Life of an entry: SYN_SENT by the first SYN, SYN_RECV by the SYN+ACK, ESTABLISHED by the next
// ACK; or ESTABLISHED at once when the capture begins in the middle ("loose", and such an entry
// is liberal about windows for ever). FIN of either side leads through FIN_WAIT, CLOSE_WAIT and
// LAST_ACK to TIME_WAIT, RST to CLOSE. A segment that the table ignores is let through and
// remembered (`last`): its answer may show that the endpoints know better than we do.
#include "protocols.h"
#include "tcp_options.h"
#include "tcp_rst.h"
#include "tcp_segment.h"
#include "tcp_state.h"
#include "tcp_window.h"

namespace natlens::conntrack {
namespace {

constexpr std::size_t kHeaderBytes = 20;

namespace bit {
constexpr unsigned kFin = 1;
constexpr unsigned kSyn = 2;
constexpr unsigned kRst = 4;
constexpr unsigned kAck = 16;
constexpr unsigned kUrg = 32;
}  // namespace bit

// PSH, ECE, CWR and AE are disregarded.
bool flags_allowed(unsigned flags) {
  using namespace bit;
  switch (flags & (kFin | kSyn | kRst | kAck | kUrg)) {
    case kSyn:
    case kSyn | kUrg:
    case kSyn | kAck:
    case kRst:
    case kRst | kAck:
    case kFin | kAck:
    case kFin | kAck | kUrg:
    case kAck:
    case kAck | kUrg:
      return true;
    default:
      return false;
  }
}

// tcp_error: what is wrong with the header; kNone if nothing is.
InvalidReason header_error(Track& track) {
  const Transport& transport = track.packet.transport;
  if (transport.wire_bytes < kHeaderBytes) {
    return InvalidReason::kShortHeader;
  }
  const ByteView bytes = transport.captured;
  const std::size_t header = (bytes[12] >> 4) * 4U;
  if (header < kHeaderBytes || header > transport.wire_bytes) {
    return InvalidReason::kBadHeader;
  }
  if (track.checksums.enabled() &&
      !track.checksums.acceptable(track.packet, protocol::kTcp, load_be16(bytes, 16),
                                  transport.wire_bytes)) {
    return InvalidReason::kBadChecksum;
  }
  return flags_allowed(bytes[13]) ? InvalidReason::kNone : InvalidReason::kBadFlags;
}

// First packet of an entry (tcp_new). False: it cannot start one.
bool start(Track& track, const TcpSegment& segment, TcpStep step) {
  TcpTrack& tcp = track.entry.tcp;
  TcpSide& sender = tcp.side[0];
  if (step == TcpStep::kSynSent) {
    sender.end = sender.max_end = segment.end;
    sender.max_win = segment.window == 0 ? 1 : segment.window;
    take_syn_options(tcp, 0, segment.options);
  } else if (step == TcpStep::kEstablished && track.options.tcp_loose != 0) {
    sender.end = segment.end;
    sender.max_win = segment.window == 0 ? 1 : segment.window;
    sender.max_end = sender.end + sender.max_win;
    tcp.flags.fill(tcp_side::kSackPermitted | tcp_side::kLiberal);
    track.entry.bits |= entry_bit::kBeginningUnseen;
  } else {
    return false;
  }
  track.entry.frames.end[0] = track.entry.frames.max_end[0] = track.frame;
  return true;
}

// The SYN+ACK answers a SYN that we let through: our picture was wrong, take over theirs.
void resynchronise(Track& track) {
  TcpTrack& tcp = track.entry.tcp;
  const unsigned syn_side = tcp.last_direction();
  tcp.last_flags &= static_cast<std::uint8_t>(~tcp_side::kExpectChallengeAck);
  TcpSide& side = tcp.side[syn_side];
  side.end = side.max_end = tcp.last_end;
  side.max_win = tcp.last_win == 0 ? 1 : tcp.last_win;
  tcp.set_scale(syn_side, tcp.last_scale());
  tcp.flags[syn_side] = tcp.last_flags;
  track.entry.frames.end[syn_side] = track.entry.frames.max_end[syn_side] =
      track.entry.last_frame;
  const unsigned d = track.dir();
  tcp.side[d] = {};
  tcp.set_scale(d, 0);
  tcp.flags[d] &= tcp_side::kLiberal;
}

// Accepted without being believed, but remembered.
Outcome ignore(Track& track, const TcpSegment& segment, TcpState old_state) {
  TcpTrack& tcp = track.entry.tcp;
  const unsigned d = track.dir();
  tcp.set_last(segment.kind, d);
  tcp.last_seq = segment.seq;
  tcp.last_end = segment.end;
  tcp.last_win = segment.window;
  if (segment.kind == TcpKind::kSyn && d == 0) {
    const SynOptions options = parse_syn_options(segment.options);
    tcp.last_flags = 0;
    tcp.set_last_scale(options.window_scale);
    if (options.has_window_scale) {
      tcp.last_flags |= tcp_side::kWindowScale;
    }
    if (options.sack_permitted) {
      tcp.last_flags |= tcp_side::kSackPermitted;
    }
    if (old_state == TcpState::kLastAck) {
      tcp.last_flags |= tcp_side::kExpectChallengeAck;  // RFC 5961 4.2
    }
  }
  if (old_state == TcpState::kSynSent && segment.kind == TcpKind::kAck && d == 1) {
    tcp.last_ack = segment.ack;
  }
  return Outcome::kAccept;
}

// INVALID by window: two such FIN or RST from opposite sides shorten a dead connection's life
// (nf_tcp_handle_invalid).
void lower_timeout(Track& track, const TcpSegment& segment) {
  Entry& entry = track.entry;
  TcpTrack& tcp = entry.tcp;
  const bool ends = segment.kind == TcpKind::kFin || segment.kind == TcpKind::kRst;
  if (!track.options.kernel.invalid_lowers_timeout || !entry.has(status::kAssured) ||
      entry.has(status::kFixedTimeout) || !ends) {
    return;
  }
  const bool other_side_ended =
      tcp.last_direction() != track.dir() &&
      (tcp.last_kind() == TcpKind::kFin || tcp.last_kind() == TcpKind::kRst);
  if (!other_side_ended) {
    tcp.set_last(segment.kind, track.dir());
    return;
  }
  constexpr auto kLeast = std::chrono::seconds(120);
  const std::uint32_t limit = track.options.tcp_timeout_unacknowledged;
  const Nanoseconds left = entry.expiry - track.now;
  if (left >= kLeast && left > std::chrono::seconds(limit)) {
    track.set_timeout(limit);
  }
}

std::uint32_t choose_timeout(const Track& track, const TcpSegment& segment, TcpState state) {
  const TcpTrack& tcp = track.entry.tcp;
  const Options::Values& o = track.options;
  const std::uint32_t usual = o.tcp_timeout[static_cast<std::size_t>(state)];
  if (tcp.retransmissions >= o.tcp_max_retrans && usual > o.tcp_timeout_max_retrans) {
    return o.tcp_timeout_max_retrans;
  }
  if (segment.kind == TcpKind::kRst) {
    return o.tcp_timeout[static_cast<std::size_t>(TcpState::kClose)];
  }
  const bool unacknowledged =
      ((tcp.flags[0] | tcp.flags[1]) & tcp_side::kDataUnacknowledged) != 0;
  if (unacknowledged && usual > o.tcp_timeout_unacknowledged) {
    return o.tcp_timeout_unacknowledged;
  }
  if (tcp.last_win == 0 && usual > o.tcp_timeout_max_retrans) {
    return o.tcp_timeout_max_retrans;
  }
  return usual;
}

// The segment is believed: state, timeout, ASSURED (5.8).
Outcome settle(Track& track,
               const TcpSegment& segment,
               TcpState old_state,
               TcpState new_state) {
  Entry& entry = track.entry;
  TcpTrack& tcp = entry.tcp;
  tcp.set_last(segment.kind, track.dir());
  entry.state = static_cast<std::uint8_t>(new_state);
  if (new_state != old_state) {
    track.changes.proto_info = true;
    if (new_state == TcpState::kFinWait) {
      tcp.flags[track.dir()] |= tcp_side::kCloseInit;
    }
  }
  std::uint32_t timeout = choose_timeout(track, segment, new_state);
  if (!entry.has(status::kSeenReply)) {
    if (segment.rst) {
      track.destroy = true;
      return Outcome::kAccept;
    }
    if (segment.kind == TcpKind::kSyn && old_state == TcpState::kSynSent &&
        track.options.kernel.syn_retransmit_no_refresh) {
      return Outcome::kAccept;
    }
    if (new_state == TcpState::kEstablished) {
      timeout = std::min(timeout, track.options.tcp_timeout_unacknowledged);
    }
  } else if (new_state == TcpState::kEstablished &&
             (old_state == TcpState::kSynRecv || old_state == TcpState::kEstablished)) {
    track.assure();
  }
  track.refresh(timeout);
  return Outcome::kAccept;
}

bool may_reopen(const Track& track) {
  const TcpTrack& tcp = track.entry.tcp;
  return ((tcp.flags[0] | tcp.flags[1]) & tcp_side::kCloseInit) != 0 ||
         (tcp.last_direction() == track.dir() && tcp.last_kind() == TcpKind::kRst);
}

// What the special cases before the window check make of a segment.
enum class Before : std::uint8_t { kCheckWindow, kSkipWindow, kAccept, kInvalid, kRepeat };

Before ignore_or_resynchronise(Track& track,
                               const TcpSegment& segment,
                               TcpState& old_state,
                               TcpStep& step) {
  const TcpTrack& tcp = track.entry.tcp;
  if (segment.kind == TcpKind::kSynAck && tcp.last_kind() == TcpKind::kSyn &&
      tcp.last_direction() != track.dir() && segment.ack == tcp.last_end) {
    resynchronise(track);
    old_state = TcpState::kSynSent;
    step = TcpStep::kSynRecv;
    return Before::kCheckWindow;
  }
  ignore(track, segment, old_state);
  return Before::kAccept;
}

Before before_window(Track& track,
                     const TcpSegment& segment,
                     TcpState& old_state,
                     TcpStep& step) {
  TcpTrack& tcp = track.entry.tcp;
  const unsigned d = track.dir();
  switch (step) {
    case TcpStep::kSynSent:
      if (old_state != TcpState::kTimeWait && old_state != TcpState::kClose) {
        return Before::kCheckWindow;
      }
      return may_reopen(track) ? Before::kRepeat
                               : ignore_or_resynchronise(track, segment, old_state, step);
    case TcpStep::kIgnore:
      return ignore_or_resynchronise(track, segment, old_state, step);
    case TcpStep::kInvalid:
      track.refuse(InvalidReason::kBadState);
      return Before::kInvalid;
    case TcpStep::kTimeWait:
      if (old_state == TcpState::kLastAck && segment.kind == TcpKind::kAck &&
          tcp.last_direction() != d && tcp.last_kind() == TcpKind::kSyn &&
          (tcp.last_flags & tcp_side::kExpectChallengeAck) != 0) {
        tcp.last_flags &= static_cast<std::uint8_t>(~tcp_side::kExpectChallengeAck);
        return Before::kAccept;
      }
      return Before::kCheckWindow;
    case TcpStep::kSynSent2:
      tcp.last_flags |= tcp_side::kSimultaneousOpen;
      return Before::kCheckWindow;
    case TcpStep::kSynRecv:
      if (d == 1 && segment.kind == TcpKind::kAck &&
          (tcp.last_flags & tcp_side::kSimultaneousOpen) != 0) {
        step = TcpStep::kEstablished;
      }
      return Before::kCheckWindow;
    case TcpStep::kClose:
      if (segment.kind == TcpKind::kRst) {
        const RstVerdict verdict = judge_rst(track, segment, old_state, step);
        return verdict == RstVerdict::kInvalid      ? Before::kInvalid
               : verdict == RstVerdict::kSkipWindow ? Before::kSkipWindow
                                                    : Before::kCheckWindow;
      }
      return Before::kCheckWindow;
    default:
      return Before::kCheckWindow;
  }
}

}  // namespace

TcpSegment TcpSegment::read(ByteView bytes, std::uint32_t wire_bytes) {
  TcpSegment s;
  const unsigned flags = bytes[13];
  const std::size_t header = (bytes[12] >> 4) * 4U;
  s.seq = load_be32(bytes, 4);
  s.ack = load_be32(bytes, 8);
  s.window = load_be16(bytes, 14);
  s.syn = (flags & bit::kSyn) != 0;
  s.ack_flag = (flags & bit::kAck) != 0;
  s.rst = (flags & bit::kRst) != 0;
  s.fin = (flags & bit::kFin) != 0;
  s.end = s.seq + (wire_bytes - static_cast<std::uint32_t>(header)) + (s.syn ? 1 : 0) +
          (s.fin ? 1 : 0);
  s.options = bytes.subspan(kHeaderBytes, std::min(header, bytes.size()) - kHeaderBytes);
  s.kind = s.rst        ? TcpKind::kRst
           : s.syn      ? (s.ack_flag ? TcpKind::kSynAck : TcpKind::kSyn)
           : s.fin      ? TcpKind::kFin
           : s.ack_flag ? TcpKind::kAck
                        : TcpKind::kNone;
  return s;
}

Outcome track_tcp(Track& track) {
  if (const InvalidReason error = header_error(track); error != InvalidReason::kNone) {
    return track.refuse(error);
  }
  const TcpSegment segment = TcpSegment::read(track.bytes(), track.packet.transport.wire_bytes);
  auto old_state = static_cast<TcpState>(track.entry.state);
  TcpStep step = tcp_step(track.dir(), segment.kind, old_state);
  if (track.is_first() && !start(track, segment, step)) {
    return track.refuse(InvalidReason::kNotFirst);
  }
  switch (before_window(track, segment, old_state, step)) {
    case Before::kAccept:
      return Outcome::kAccept;
    case Before::kInvalid:
      return Outcome::kInvalid;
    case Before::kRepeat:
      return Outcome::kRepeat;
    case Before::kSkipWindow:
      break;
    case Before::kCheckWindow:
      switch (check_window(track, segment)) {
        case WindowVerdict::kIgnore:
          return Outcome::kAccept;
        case WindowVerdict::kInvalid:
          lower_timeout(track, segment);
          return Outcome::kInvalid;
        case WindowVerdict::kPass:
          break;
      }
  }
  return settle(track, segment, old_state, static_cast<TcpState>(step));
}

}  // namespace natlens::conntrack
