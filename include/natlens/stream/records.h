// What a source hands to the correlator: plain records in frame order, in recycled batches.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/decode/records.h"
#include "natlens/net/address.h"
#include "natlens/net/bytes.h"
#include "natlens/net/timestamp.h"

namespace natlens::stream {

// What a sighting's fingerprint was made of. Stored by number: add at the end, never renumber.
enum class SightingKind : std::uint8_t {
  kTcpHandshake,  // SYN or SYN+ACK, whole: seq, options, window
  kTcpData,       // bytes at a fixed sequence position that the frame covers
  kTcpAck,        // no payload: seq, ack, window, timestamps
  kTcpClose,      // FIN or RST without payload
  kDatagram,      // UDP, UDP-Lite, SCTP, others: length and payload
  kIcmpEcho,      // sequence and data
  kIcmpError,     // quoted packet: counted to the connection it quotes
  kTcpBlock,      // bytes at a fixed offset of the stream: what a proxy leaves alone
  kDnsQuestion,   // name, type and class asked for: what a name server that forwards leaves
                  // alone
  kTcpShape,      // all but the numbers: what a box that shifts them leaves alone
  kRelayStart,    // no packet: from `seq` on the bytes are passed on by a proxy
  kRelayed,       // datagram behind a SOCKS header (RFC 1928), which the proxy takes off
  kCount
};

// One packet of a connection at a tap, reduced to what correlation needs. A frame yields one
// sighting; a large TCP frame (TSO) may yield several kTcpData ones, `continued` but the first.
struct Sighting {
  Timestamp time;  // the tap's clock, not corrected
  std::uint64_t fingerprint =
      0;  // over what a NAT leaves alone, no addresses, no ports; 0 = none
  // Holds against the fingerprint: TCP data: the bytes at that position; handshake, ACK: the
  // options a router leaves alone; others: the payload. 0 = nothing there, or the capture cut
  // it.
  std::uint64_t payload_digest = 0;
  std::uint32_t connection = 0;  // serial at its tap; 0 = untracked or INVALID without entry
  std::uint32_t frame = 0;       // ordinal
  std::uint32_t seq = 0;         // TCP; ICMP: sequence
  // TCP; others: a key of length and first 16 payload bytes, for taps that cut payloads; 0 =
  // none.
  std::uint32_t ack = 0;
  std::uint32_t payload_bytes = 0;  // on the wire
  std::uint32_t ip_id = 0;
  std::uint16_t window = 0;
  std::uint16_t tcp_flags = 0;
  std::uint16_t tap = 0;     // index into the source's taps
  std::uint16_t offset = 0;  // TCP data: of that position in the frame's payload
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  SightingKind kind = SightingKind::kDatagram;
  conntrack::Direction direction = conntrack::Direction::kOriginal;
  conntrack::PacketClass packet_class = conntrack::PacketClass::kNone;
  bool continued : 1 = false;
  bool dont_fragment : 1 = false;
  bool cut : 1 = false;  // the snap length cut the payload: digests cover less
  // IP packet on the wire, if it stands alone in its frame and is whole there: 0 for what is
  // inside another packet, or was put together from fragments (each is a TunnelPacket).
  std::uint16_t ip_bytes = 0;
};
static_assert(sizeof(Sighting) == 64);

// TCP data is known by the bytes at fixed sequence positions: multiples of the stride. A frame
// of one segment has the first one that it covers, or its own start.
inline constexpr std::uint32_t kPositionStride = 2048;
inline constexpr std::uint32_t kPositionBytes = 32;
inline constexpr std::uint32_t kOneSegment = 1460;  // payload of one Ethernet frame, at most
inline std::uint32_t tcp_position(std::uint32_t seq, std::uint32_t bytes) {
  const std::uint32_t first = (kPositionStride - seq % kPositionStride) % kPositionStride;
  return bytes >= kPositionBytes && first <= bytes - kPositionBytes ? first : 0;
}

// The fingerprint of a handshake, data, ACK or closing sighting, also for who knows that a box
// shifted its numbers. Never 0.
inline std::uint64_t tcp_fingerprint(SightingKind kind,
                                     std::uint32_t seq,
                                     std::uint32_t ack,
                                     std::uint16_t window,
                                     std::uint16_t flags) {
  constexpr std::uint16_t kFlags = decode::tcp_flag::kSyn | decode::tcp_flag::kAck |
                                   decode::tcp_flag::kFin | decode::tcp_flag::kRst;
  const auto salt = static_cast<std::uint64_t>(kind) + 1;
  const std::uint32_t rest = kind == SightingKind::kTcpData
                                 ? 0
                                 : static_cast<std::uint32_t>(window) << 16 | (flags & kFlags);
  const std::uint64_t key = mix(static_cast<std::uint64_t>(seq) << 32 | ack, salt << 32 | rest);
  return key != 0 ? key : 1;
}

// Serials of flows that no tracker has an entry for count from here.
inline constexpr std::uint32_t kFirstStray = 0x80000000U;

// A connection that began, with what a rule may match of its first packet.
struct Opened {
  std::uint32_t position = 0;  // in Batch::sightings: applies before that one
  std::uint16_t tap = 0;       // index into the source's taps
  conntrack::Opened entry;
  std::uint8_t depth = 0;  // 0 = outermost IP layer
  capture::FrameDirection frame_direction = capture::FrameDirection::kUnknown;
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  std::uint16_t tcp_flags = 0;
  std::uint32_t ip_bytes = 0;  // length of the first packet
  std::array<std::uint8_t, 6> src_mac{};
  std::array<std::uint8_t, 6> dst_mac{};

  bool is_stray() const { return entry.connection >= kFirstStray; }
};

// Options of a SYN or SYN+ACK that routers change or take away.
namespace syn_option {
inline constexpr std::uint16_t kWindowScaleMask = 15;  // the scale, if kWindowScale
inline constexpr std::uint16_t kWindowScale = 1U << 4;
inline constexpr std::uint16_t kSackPermitted = 1U << 5;
inline constexpr std::uint16_t kTimestamps = 1U << 6;
inline constexpr std::uint16_t kMd5 = 1U << 7;        // RFC 2385
inline constexpr std::uint16_t kAo = 1U << 8;         // RFC 5925
inline constexpr std::uint16_t kMultipath = 1U << 9;  // RFC 8684
inline constexpr std::uint16_t kFastOpen = 1U << 10;  // RFC 7413
inline constexpr std::uint16_t kOther = 1U << 11;
inline constexpr std::uint16_t kSeen = 1U << 15;  // there was a SYN, and its options were read
}  // namespace syn_option

struct SynOptions {
  std::uint16_t mss = 0;    // 0 = without
  std::uint16_t flags = 0;  // syn_option
};

// The first SYN of a direction of a connection.
struct HandshakeRecord {
  std::uint32_t position = 0;
  std::uint16_t tap = 0;
  std::uint32_t connection = 0;
  conntrack::Direction direction = conntrack::Direction::kOriginal;
  SynOptions options;
};

struct EventRecord {
  std::uint32_t position = 0;
  std::uint16_t tap = 0;
  conntrack::Event event;
};

// Lengths of packets in a carrier, and of those that they were in.
struct CarriedSizes {
  std::uint32_t largest_outer = 0;  // IP packet that came in one piece; 0: none, or not told
  std::uint32_t largest_inner = 0;  // IP packet
  std::uint32_t overhead = 0;       // of the largest packet: what it had around it
  std::uint32_t fragmented = 0;     // packets, inside outer ones that came in fragments
  bool back = false;                // they went in the carrier's reply direction

  void add(std::uint32_t outer, std::uint32_t inner, bool in_fragments) {
    fragmented += in_fragments ? 1 : 0;
    if (!in_fragments && outer > largest_outer) largest_outer = outer;
    if (inner < largest_inner) return;
    largest_inner = inner;
    overhead = outer > inner ? outer - inner : 0;
  }
  void add(const CarriedSizes& more) {
    fragmented += more.fragmented;
    largest_outer = std::max(largest_outer, more.largest_outer);
    if (more.largest_inner < largest_inner) return;
    largest_inner = more.largest_inner;
    overhead = more.overhead;
  }
};

// What one direction of a connection was carried in, from its first packet there to its last.
struct CarrierRecord {
  std::uint16_t tap = 0;         // index into the source's taps
  std::uint32_t connection = 0;  // serial of the inner connection
  std::uint32_t carrier = 0;     // serial of the outer one; 0 = only headers (VLAN...)
  conntrack::Direction direction = conntrack::Direction::kOriginal;  // of the inner connection
  decode::Encapsulation encapsulation = decode::Encapsulation::kNone;  // innermost one
  std::uint8_t depth = 0;  // of the inner connection
  std::uint64_t key = 0;
  std::uint64_t packets = 0;  // 0 = not counted: all of the connection
  Timestamp first;
  Timestamp last;
  CarriedSizes sizes;
};

struct ClosedRecord {
  std::uint32_t position = 0;
  std::uint16_t tap = 0;
  conntrack::Closed entry;
};

// A packet that tracking refused. At most 100 per connection and reason; the rest is counted in
// Closed::invalid_packets.
struct InvalidRecord {
  std::uint32_t position = 0;
  std::uint16_t tap = 0;
  std::uint32_t connection = 0;  // 0 = none
  std::uint32_t frame = 0;       // ordinal
  Timestamp time;
  Tuple tuple;
  conntrack::InvalidDetail detail;
};

// What a packet is to an encrypted tunnel.
enum class TunnelRole : std::uint8_t {
  kPiece,      // an IP fragment in clear, which a tunnel carries like any packet
  kData,       // an encrypted packet, with an inner one
  kKeepalive,  // encrypted, with nothing inside
  kAnnounce,   // handshake: opens a session in the direction towards its sender
  kAnswer,     // handshake: answers the one of session `key`, announces session `other_key`
  kOther,      // the tunnel's own talk: cookie replies, control, keepalives in clear
};

// One packet of an encrypted tunnel, by what it shows in clear; or a piece of a datagram.
struct TunnelPacket {
  std::uint32_t position = 0;  // in Batch::sightings: stands before that one
  std::uint16_t tap = 0;       // index into the source's taps
  TunnelRole role = TunnelRole::kData;
  decode::Encapsulation kind = decode::Encapsulation::kNone;
  conntrack::Direction direction = conntrack::Direction::kOriginal;  // of `connection`
  bool numbered = false;         // `counter` tells packets of a session apart, and counts by 1
  bool in_stream = false;        // a record of a TCP stream, which may hold it back
  bool in_fragments = false;     // the carrier's packet came in several
  std::uint32_t connection = 0;  // the carrier; the inner connection of a piece
  std::uint32_t frame = 0;       // ordinal
  std::uint32_t bytes = 0;       // behind the carrier's headers; of a piece: the IP packet
  std::uint32_t ip_bytes = 0;    // of the carrier's packet
  Timestamp time;
  std::uint64_t key = 0;        // session: WireGuard's receiver index, SPI, peer id...
  std::uint64_t other_key = 0;  // handshakes: the session that the sender announces
  std::uint64_t src = 0;        // hashes of the carrier's addresses
  std::uint64_t dst = 0;
  std::uint64_t counter = 0;   // not numbered: a digest of the packet
  std::uint32_t sequence = 0;  // in a stream: of the record's first byte
};

// Protocols that speak of addresses in clear. Stored by name.
enum class StatementProtocol : std::uint8_t {
  kStun,
  kPcp,
  kNatPmp,
  kProxy,
  kSocks,
  kHttpConnect,
  kFtp,
  kSip,
  kDns,
  kQuic,
  kCount
};
inline constexpr std::array<std::string_view,
                            static_cast<std::size_t>(StatementProtocol::kCount)>
    kStatementProtocolNames = {"stun",         "pcp", "nat-pmp", "proxy", "socks",
                               "http-connect", "ftp", "sip",     "dns",   "quic"};

// What is said of `named` and `whose` (Statement), by the end that sent the packet.
enum class StatementKind : std::uint8_t {
  kMapped,     // STUN, ICE: packets of `whose` arrive as coming from `named`
  kRelayed,    // TURN: `named` was reserved at the relay for `whose`
  kPeer,       // TURN: the far end that the client wants to reach through the relay
  kExternal,   // PCP, NAT-PMP: the router's external address
  kWanted,     // PCP, NAT-PMP: a mapping of `whose` is asked for
  kGranted,    // ... and was made: `named` stands for `whose` until the lifetime ends
  kDeleted,    // ... and is gone (lifetime 0)
  kRefused,    // PCP, NAT-PMP, SOCKS, CONNECT: refused, `number` says why
  kClient,     // PROXY: `named` opened this connection, to `whose`
  kConnect,    // SOCKS, CONNECT: open a connection to `named` (or the name in `text`)
  kBind,       // SOCKS: wait for one from there
  kAssociate,  // SOCKS: relay datagrams, sent from `named`
  kBound,      // SOCKS: granted, and `named` is the proxy's own end outside
  kConnected,  // CONNECT: granted
  kListens,    // FTP: a data connection is awaited at `named`; `whose` is the speaker as seen
  kVia,        // SIP: an end through which the request went, as it names itself
  kReceived,   // SIP: requests of `whose` (its Via) arrive as coming from `named`
  kContact,    // SIP: calls are awaited at `named`
  kMedia,      // SDP: media are awaited at `named`
  kQuery,      // DNS: `number` is the id, `text` the name asked for
  kIds,        // QUIC: `number` is the version, `text` the connection ids
  kResolved,   // DNS: `named` is an address of the name `text` that was asked for
  kCount
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(StatementKind::kCount)>
    kStatementKindNames = {"mapped",  "relayed",   "peer",    "external",  "wanted",
                           "granted", "deleted",   "refused", "client",    "connect",
                           "bind",    "associate", "bound",   "connected", "listens",
                           "via",     "received",  "contact", "media",     "query",
                           "ids",     "resolved"};

// What a protocol itself said of addresses, once per connection however often it was said.
struct Statement {
  std::uint32_t position = 0;
  std::uint16_t tap = 0;
  std::uint32_t connection = 0;
  std::uint32_t frame = 0;  // ordinal
  Timestamp time;
  conntrack::Direction speaker = conntrack::Direction::kOriginal;  // direction of the packet
  StatementProtocol protocol = StatementProtocol::kStun;
  StatementKind kind = StatementKind::kMapped;
  std::uint8_t transport = 0;  // IP protocol that the statement is about; 0 = it does not say
  bool has_lifetime = false;
  bool has_number = false;
  std::uint32_t lifetime_seconds = 0;
  std::uint32_t number = 0;  // result or status code, DNS id, QUIC version
  Endpoint named;            // family kNone: no address, then port 0: no port
  Endpoint whose;
  std::uint8_t text_bytes = 0;
  std::array<char, 96> text;

  std::string_view text_view() const { return {text.data(), text_bytes}; }
};

// Why a packet is worth a note of its own. Stored by name.
enum class NoteKind : std::uint8_t {
  kReset,      // TCP RST
  kSynAgain,   // SYN or SYN+ACK behind other packets of its direction
  kRepeat,     // the same packet again, at least 200 ms after the copy before
  kLoop,       // the same packet again with a lower TTL
  kResume,     // ends a silence of the connection of at least 10 s (ICMP: 2 s)
  kIcmpError,  // quotes a packet
  kFragments,  // completes a datagram that came in fragments
  kFragment,   // a fragment whose datagram is not complete yet (without connection)
  kHandshake,  // of an encrypted tunnel: `number` is its message type
  kCount
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(NoteKind::kCount)>
    kNoteKindNames = {"reset",      "syn_again", "repeat",   "loop",     "resume",
                      "icmp_error", "fragments", "fragment", "handshake"};

inline constexpr std::uint32_t kNotesKept = 24;

// What a packet says that diagnosis may ask for later. At most kNotesKept of a connection and
// kind, of 10,000 and kind without connection.
struct PacketNote {
  std::uint32_t position = 0;
  std::uint16_t tap = 0;
  NoteKind kind = NoteKind::kReset;
  conntrack::Direction direction = conntrack::Direction::kOriginal;  // if connection != 0
  std::uint32_t connection = 0;   // serial at its tap; 0 = without entry
  std::uint32_t frame = 0;        // ordinal
  std::uint32_t other_frame = 0;  // kRepeat, kLoop: of the copy before
  Timestamp time;
  std::uint32_t silence_ms = 0;  // before it; kRepeat, kLoop: since the copy before
  Tuple tuple;                   // of the packet itself
  Tuple quoted;                  // kIcmpError: of the quoted packet; protocol 0: unreadable
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint32_t ip_id = 0;
  std::uint32_t ip_bytes = 0;
  std::uint32_t payload_bytes = 0;
  std::uint16_t window = 0;
  std::uint16_t tcp_flags = 0;
  std::uint16_t mtu = 0;  // of a fragmentation needed or packet too big
  // kLoop: turns so far; kHandshake: decode::Via::flags, of IKE behind
  // the exchange type << 8; kFragment(s): offset in bytes.
  std::uint16_t number = 0;
  decode::Encapsulation encapsulation = decode::Encapsulation::kNone;  // kHandshake
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  bool dont_fragment : 1 = false;
  bool timestamps : 1 = false;
  bool quote_checksum_bad : 1 = false;  // of the quoted IPv4 header
  bool refused : 1 = false;             // INVALID for tracking
  std::array<std::uint8_t, 6> src_mac{};
  std::array<std::uint8_t, 6> dst_mac{};
};

// What one source saw, in frame order. Belongs to a pool and is reused: clear() keeps capacity.
struct Batch {
  std::uint16_t source = 0;
  std::vector<Sighting> sightings;
  std::vector<Opened> opened;
  std::vector<HandshakeRecord> handshakes;
  std::vector<EventRecord> events;
  std::vector<CarrierRecord> carriers;  // of connections that ended
  std::vector<ClosedRecord> closed;
  std::vector<ClosedRecord> alive;  // live: entries that go on, as they are at the batch's end
  std::vector<InvalidRecord> invalid;
  std::vector<Statement> statements;
  std::vector<TunnelPacket> tunnel_packets;
  std::vector<PacketNote> notes;
  Timestamp watermark = Timestamp::none();  // nothing earlier than this (tap clock) will follow
  bool last = false;                        // the source ended

  void clear() {
    sightings.clear();
    opened.clear();
    handshakes.clear();
    events.clear();
    carriers.clear();
    closed.clear();
    alive.clear();
    invalid.clear();
    statements.clear();
    tunnel_packets.clear();
    notes.clear();
    watermark = Timestamp::none();
    last = false;
  }
};

}  // namespace natlens::stream
