// One tracked connection as the table keeps it: three cache lines, the first two of which are
// what a packet reads and writes. What few connections need (a master, a helper, a reply tuple
// changed by NAT, a count of INVALID packets) is in an Extension beside.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "natlens/conntrack/records.h"
#include "natlens/net/address.h"
#include "natlens/net/timestamp.h"

namespace natlens::conntrack {

using RecordNumber = std::uint32_t;
inline constexpr RecordNumber kNoRecord = 0xffffffffU;

// Bits of TcpSide flags: enum IP_CT_TCP_FLAG_* (uapi nf_conntrack_tcp.h).
namespace tcp_side {
inline constexpr std::uint8_t kWindowScale = 1;
inline constexpr std::uint8_t kSackPermitted = 2;
inline constexpr std::uint8_t kCloseInit = 4;
inline constexpr std::uint8_t kLiberal = 8;
inline constexpr std::uint8_t kDataUnacknowledged = 16;
inline constexpr std::uint8_t kMaxAckSet = 32;
inline constexpr std::uint8_t kExpectChallengeAck = 64;  // in last_flags only
inline constexpr std::uint8_t kSimultaneousOpen = 128;   // in last_flags only
}  // namespace tcp_side

// What one side of a TCP connection said and may say (struct ip_ct_tcp_state).
struct TcpSide {
  std::uint32_t end = 0;      // highest sequence number + length sent
  std::uint32_t max_end = 0;  // right edge that the other side granted
  std::uint32_t max_win = 0;  // largest window advertised; 0: nothing known of this side
  std::uint32_t max_ack = 0;  // highest ACK sent, valid with kMaxAckSet
};

// What kind of segment the tables know (enum tcp_bit_set).
enum class TcpKind : std::uint8_t { kSyn, kSynAck, kFin, kAck, kRst, kNone };

struct TcpTrack {
  std::array<TcpSide, 2> side;  // by Direction
  std::uint32_t last_seq;
  std::uint32_t last_ack;
  std::uint32_t last_end;
  std::uint16_t last_win;
  std::array<std::uint8_t, 2> flags;  // tcp_side::
  std::uint8_t scales;                // two nibbles, by Direction
  std::uint8_t last;                  // bits 0-2 TcpKind, 3 Direction, 4-7 window scale
  std::uint8_t last_flags;
  std::uint8_t retransmissions;  // wraps, as the kernel's does

  unsigned scale(unsigned d) const { return (scales >> (4 * d)) & 15U; }
  void set_scale(unsigned d, unsigned value) {
    const unsigned keep = scales & (0xf0U >> (4 * d));
    scales = static_cast<std::uint8_t>(keep | (value << (4 * d)));
  }
  TcpKind last_kind() const { return static_cast<TcpKind>(last & 7U); }
  unsigned last_direction() const { return (last >> 3) & 1U; }
  unsigned last_scale() const { return last >> 4; }
  void set_last(TcpKind kind, unsigned direction) {
    last = static_cast<std::uint8_t>((last & 0xf0U) | static_cast<unsigned>(kind) |
                                     (direction << 3));
  }
  void set_last_scale(unsigned value) {
    last = static_cast<std::uint8_t>((last & 15U) | (value << 4));
  }
};
static_assert(sizeof(TcpTrack) == 52);

struct SctpTrack {
  std::array<std::uint32_t, 2> vtag;
  std::array<std::uint8_t, 2> init_seen;
  std::uint8_t heartbeat_failed;  // a heartbeat with an unknown tag was let through
  std::uint8_t heartbeat_failed_direction;
};

inline std::uint32_t silence_ms(Nanoseconds silence) {
  constexpr std::int64_t kMost = 0xffffffff;
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(silence.count() / 1'000'000, 0, kMost));
}

// UDP, UDP-Lite, ICMP and ICMPv6.
struct UdpTrack {
  std::array<std::uint32_t, 2> stream_words;  // in halves: keeps the union on 4 bytes
  std::array<std::uint32_t, 2> silence_ms;    // as in Closed
  std::array<std::uint32_t, 2> gap_ms;
  std::array<std::uint32_t, 2> apart_ms;
  std::array<std::uint32_t, 2> last_ms;  // of each direction; wraps; 0 = none yet

  // A packet came; the last one of either direction was at `before`.
  void seen(unsigned direction, Timestamp now, Timestamp before) {
    silence_ms[direction] =
        std::max(silence_ms[direction], conntrack::silence_ms(now - before));
    const auto moment = static_cast<std::uint32_t>(now.ns() / 1'000'000) | 1U;
    const auto since = [moment](std::uint32_t last) { return last == 0 ? 0 : moment - last; };
    gap_ms[direction] = std::max(gap_ms[direction], since(last_ms[direction]));
    apart_ms[direction] = std::max(apart_ms[direction], since(last_ms[1 - direction]));
    last_ms[direction] = moment;
  }

  // After this moment a replied flow is a stream.
  Timestamp stream_after() const {
    return Timestamp::from_ns(
        static_cast<std::int64_t>((std::uint64_t{stream_words[1]} << 32) | stream_words[0]));
  }
  void set_stream_after(Timestamp time) {
    const auto ns = static_cast<std::uint64_t>(time.ns());
    stream_words = {static_cast<std::uint32_t>(ns), static_cast<std::uint32_t>(ns >> 32)};
  }
};

// Ordinals of the frames that set a TCP bound, to explain an INVALID.
struct TcpBoundFrames {
  std::array<std::uint32_t, 2> end;
  std::array<std::uint32_t, 2> max_end;
  std::array<std::uint32_t, 2> max_ack;
};

// Bits of Entry::bits.
namespace entry_bit {
inline constexpr std::uint8_t kUpdatePending = 1;     // an event waits for the next packet
inline constexpr std::uint8_t kProtoInfoPending = 2;  // ... that carries the state
inline constexpr std::uint8_t kZoneOriginal = 4;  // the zone is part of this direction's key
inline constexpr std::uint8_t kZoneReply = 8;
inline constexpr std::uint8_t kTranslated = 16;  // reply is not the plain inverse: Extension
inline constexpr std::uint8_t kBeginningUnseen = 32;
}  // namespace entry_bit

struct alignas(64) Entry {
  Tuple original;
  std::uint32_t zone;
  std::uint32_t serial;  // 0: free
  Timestamp expiry;
  std::uint32_t timeout_seconds;  // as last set
  std::uint16_t status;           // status::
  std::uint8_t state;             // TcpState or SctpState
  std::uint8_t bits;
  // second line
  union {
    TcpTrack tcp;
    SctpTrack sctp;
    UdpTrack udp;
  };
  std::uint32_t last_frame;
  Timestamp last_packet;
  // third line
  TcpBoundFrames frames;
  std::array<std::uint32_t, 2> packets;
  std::array<std::uint32_t, 2> bytes_low;
  std::array<std::uint16_t, 2> bytes_high;
  std::uint32_t first_frame;
  std::uint32_t extension;  // 0: none
  // Timer (timer_wheel.cc): neighbours in the slot's list, and the tick it is filed under.
  RecordNumber timer_next;
  RecordNumber timer_prev;
  std::uint32_t timer_tick;

  Entry() { clear(); }
  void clear() {
    std::memset(static_cast<void*>(this), 0, sizeof *this);
    tcp.set_last(TcpKind::kNone, 0);
    timer_next = timer_prev = kNoRecord;
  }
  bool has(std::uint32_t bit) const { return (status & bit) != 0; }
  void set(std::uint32_t bit) { status = static_cast<std::uint16_t>(status | bit); }
  void count(unsigned direction, std::uint32_t bytes) {
    ++packets[direction];
    const std::uint64_t sum = std::uint64_t{bytes_low[direction]} + bytes;
    bytes_low[direction] = static_cast<std::uint32_t>(sum);
    bytes_high[direction] = static_cast<std::uint16_t>(bytes_high[direction] + (sum >> 32));
  }
  std::uint64_t bytes(unsigned direction) const {
    return (std::uint64_t{bytes_high[direction]} << 32) | bytes_low[direction];
  }
  // The zone as it counts in the key of `direction` (nf_ct_zone_id).
  std::uint32_t zone_of(unsigned direction) const {
    return (bits & (entry_bit::kZoneOriginal << direction)) != 0 ? zone : 0;
  }
};
static_assert(sizeof(Entry) == 192);

inline bool has_states(std::uint8_t protocol) {
  return protocol == protocol::kTcp || protocol == protocol::kSctp;
}

// Those whose entries a NAT forgets within minutes, and that leave room to keep it.
inline bool tells_silences(const Entry& entry) {
  switch (entry.original.protocol) {
    case protocol::kUdp:
    case protocol::kUdpLite:
    case protocol::kIcmp:
    case protocol::kIcmpv6:
      return true;
    default:
      return false;
  }
}

}  // namespace natlens::conntrack
