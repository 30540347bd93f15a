// What connection tracking hands on: a verdict per packet, and the life of each connection.
// Words and numbers are the kernel's (include/uapi/linux/netfilter/nf_conntrack_common.h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "natlens/net/address.h"
#include "natlens/net/timestamp.h"

namespace natlens::conntrack {

// What `ct state` matches. kNone: no IP packet, a fragment that waits, dropped before tracking.
enum class PacketClass : std::uint8_t {
  kNone,
  kNew,
  kEstablished,
  kRelated,
  kInvalid,
  kUntracked,
  kCount
};

enum class Direction : std::uint8_t { kOriginal, kReply };

// enum tcp_conntrack. The numbers are stored in the database: add at the end, never renumber.
enum class TcpState : std::uint8_t {
  kNone,
  kSynSent,
  kSynRecv,
  kEstablished,
  kFinWait,
  kCloseWait,
  kLastAck,
  kTimeWait,
  kClose,
  kSynSent2,
  kCount
};
// enum sctp_conntrack.
enum class SctpState : std::uint8_t {
  kNone,
  kClosed,
  kCookieWait,
  kCookieEchoed,
  kEstablished,
  kShutdownSent,
  kShutdownRecd,
  kShutdownAckSent,
  kHeartbeatSent,
  kCount
};

// enum ip_conntrack_status, the bits that a passive tracker knows.
namespace status {
inline constexpr std::uint32_t kExpected = 1;
inline constexpr std::uint32_t kSeenReply = 2;
inline constexpr std::uint32_t kAssured = 4;
inline constexpr std::uint32_t kConfirmed = 8;
inline constexpr std::uint32_t kSrcNat = 16;
inline constexpr std::uint32_t kDstNat = 32;
inline constexpr std::uint32_t kSeqAdjust = 64;
inline constexpr std::uint32_t kSrcNatDone = 128;
inline constexpr std::uint32_t kDstNatDone = 256;
inline constexpr std::uint32_t kDying = 512;
inline constexpr std::uint32_t kFixedTimeout = 1024;
inline constexpr std::uint32_t kHelper = 8192;
}  // namespace status

// Why a packet is INVALID, one per sentence of the rules. Stored by name.
enum class InvalidReason : std::uint8_t {
  kNone,
  kShortHeader,  // transport header not there
  kBadHeader,    // header length or length field contradicts the packet
  kBadChecksum,
  kBadFlags,         // TCP flag combination
  kBadState,         // the protocol's table has no way from this state with this segment
  kNotFirst,         // cannot start a connection (FIN, RST, SYN+ACK; loose=0)
  kSeqAboveWindow,   // TCP condition I: more than the receiver's window allows
  kAckUnseen,        // TCP condition III: acknowledges data that was not seen
  kRstOutOfWindow,   // RST below the last ACK
  kNoInverse,        // an ICMP type without partner and no error
  kErrorUnrelated,   // ICMP error about no known connection, or from the wrong way
  kErrorUnreadable,  // ICMP error whose quote cannot be read
  kFragment,         // a fragment that was not put together
  kBadChunks,        // SCTP chunk order
  kBadTag,           // SCTP verification tag
  kTableFull,
  kOther,
  kSegmentTooOld,  // TCP condition II, kernels before 6.1
  kAckTooOld,      // TCP condition IV, kernels before 6.1
  kCount
};
std::string_view to_string(InvalidReason reason);      // "seq_above_window"...
std::string_view to_string(PacketClass packet_class);  // "NEW"...
// "SYN_SENT"..., "" for protocols without states.
std::string_view state_name(std::uint8_t protocol, std::uint8_t state);

// The arithmetic behind an INVALID verdict by a window condition; else all 0.
struct InvalidDetail {
  InvalidReason reason = InvalidReason::kNone;
  std::uint32_t value = 0;        // what the packet has (seq or ack)
  std::uint32_t bound = 0;        // what it was held against
  std::uint32_t excess = 0;       // by how much it was beyond
  std::uint32_t bound_frame = 0;  // ordinal of the frame that set the bound; 0 = none
};

// What tracking says of one packet.
struct Verdict {
  PacketClass packet_class = PacketClass::kNone;
  Direction direction = Direction::kOriginal;  // if connection != 0
  // Serial of the connection the packet belongs to, or for INVALID the one found under its
  // tuple; 0 = none. Serials count from 1 per tracker, in the order of first appearance.
  std::uint32_t connection = 0;
  bool opened = false;    // this packet started the connection
  bool replaced = false;  // ... and an older one under the same tuple was destroyed for it
  // Packets of this direction before this one, at most 65535.
  std::uint16_t earlier_packets = 0;
  std::uint32_t silence_ms = 0;  // of the connection, either direction, that this packet ended
  // A router's tracker: a rule, a helper or a clash of translations dropped the packet.
  bool dropped = false;
  InvalidDetail invalid;  // meaningful if packet_class == kInvalid
};

// A new entry, with what a rule may match of its first packet.
struct Opened {
  std::uint32_t connection = 0;
  std::uint32_t master = 0;  // of an expected connection; else 0
  std::uint32_t frame = 0;   // ordinal
  std::uint32_t zone = 0;
  Timestamp time;
  Tuple original;
  Tuple reply;
  bool beginning_seen = true;  // false: TCP picked up in the middle
  std::string_view helper;     // attached to it; "" = none
};

// A change that `conntrack -E` would print.
enum class EventKind : std::uint8_t { kNew, kUpdate, kDestroy, kCount };
struct Event {
  Timestamp time;
  std::uint32_t connection = 0;
  std::uint32_t frame = 0;            // ordinal; 0: by a timer
  std::uint32_t timeout_seconds = 0;  // left; just set: as set; kDestroy of an expired entry: 0
  EventKind kind = EventKind::kNew;
  std::uint8_t protocol = 0;
  std::uint8_t state = 0;    // TcpState or SctpState; 0 = not carried
  bool has_state = false;    // the kernel's message would carry the state
  std::uint32_t status = 0;  // status bits after the change
};

// An expectation made or gone, as `conntrack -E expect` prints it.
struct ExpectationEvent {
  Timestamp time;
  std::uint32_t frame = 0;  // ordinal; 0: by a timer
  bool made = true;         // else destroyed
  std::uint8_t protocol = 0;
  std::uint32_t master = 0;  // connection
  std::uint32_t timeout_seconds = 0;
  Tuple tuple;
  Tuple mask;  // all ones where the tuple counts
  std::string_view helper;
};

enum class CloseReason : std::uint8_t {
  kExpired,    // timeout passed in capture time
  kReset,      // RST before any reply removed it
  kReplaced,   // a new SYN took its place
  kEvicted,    // table full
  kEnd,        // still alive when the capture ended
  kUntracked,  // never was an entry: its packets were refused
  kCount
};
std::string_view to_string(CloseReason reason);

struct DirectionCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // IP packet lengths
};

// The end of an entry, with all that the kernel would know of it then.
struct Closed {
  std::uint32_t connection = 0;
  std::uint32_t status = 0;
  Tuple original;
  Timestamp time;  // when it ended in capture time; kEnd: the last frame of the tap
  Timestamp last_packet;
  std::uint32_t timeout_seconds =
      0;                          // remaining when the capture ended (kEnd), else as last set
  std::uint32_t first_frame = 0;  // ordinals
  std::uint32_t last_frame = 0;
  CloseReason reason = CloseReason::kExpired;
  std::uint8_t state = 0;
  std::uint32_t invalid_packets = 0;
  std::array<DirectionCounters, 2>
      counters;  // by Direction; every packet seen, INVALID included
  std::array<std::int8_t, 2> window_scale{-1, -1};
  // UDP, UDP-Lite, ICMP, and TCP while established: the longest silence of both directions that
  // a packet of this one ended; of TCP over 20 seconds.
  std::array<std::uint32_t, 2> silence_ms{};
  // UDP, UDP-Lite and ICMP: the longest time from one packet of this direction to the next, and
  // from the last one of the other direction to one of this.
  std::array<std::uint32_t, 2> gap_ms{};
  std::array<std::uint32_t, 2> apart_ms{};
  // With nf_conntrack_acct: as the kernel counts, where a packet refreshes the timeout.
  std::array<DirectionCounters, 2> accounted;
};

}  // namespace natlens::conntrack
