// What decode hands on: the IP layers of a frame, outermost first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "natlens/capture/records.h"
#include "natlens/net/address.h"
#include "natlens/net/bytes.h"

namespace natlens::decode {

// Why decoding of a frame ended before its payload.
enum class DecodeStop : std::uint8_t {
  kNone,         // read down to the payload
  kSnap,         // the capture cut it (caplen < len); the sender may be fine
  kMalformed,    // the bytes contradict themselves, e.g. IPv4 IHL < 5
  kUnsupported,  // well formed, not a protocol we read
  kDepth,        // nested deeper than we follow
  kEncrypted,    // opaque without a key
  kFragment,     // the rest came, or never came, in other frames
  kUnauthentic,  // keys were given for it, and do not open it
  kCount
};

// What a checksum field says. kPartial equals the pseudo-header sum: transmit offload.
enum class ChecksumState : std::uint8_t { kUnknown, kGood, kBad, kPartial, kAbsent };

// What led from one layer (or the link) to the next, in order. `key` and `aux` by kind; names
// are those of docs/decode.md. Stored as a number: add at the end, never renumber.
enum class Encapsulation : std::uint8_t {
  kNone,
  kEthernet,
  kSll,
  kNull,
  kVlan,
  kQinq,
  kPbb,
  kMpls,
  kPppoe,
  kPpp,
  kMacsec,
  kLlc,
  kIeee80211,
  kNflog,
  kPktap,
  kRaw,
  kIpip,
  kGre,
  kErspan,
  kEtherip,
  kL2tp,
  kVxlan,
  kGeneve,
  kGtpu,
  kTeredo,
  kGue,
  kFou,
  kLisp,
  kAyiya,
  kNsh,
  kAh,
  kEsp,
  kUdpEncap,
  kWireguard,
  kOpenvpn,
  kIcmp,
  kIcmpv6,
  kSflow,
  kIke,
  kArp,
  kStt,
  // Only as `stop_in`: headers that are layers of their own.
  kIpv4,
  kIpv6,
  kTcp,
  kUdp,
  kUdpLite,
  kSctp,
  kDccp,
  kCount
};

// One header between layers, or after the last one (DecodedFrame::tail). What key, aux, extra,
// next and flags hold is said per kind in docs/decode.md.
struct Via {
  Encapsulation kind = Encapsulation::kNone;
  std::uint8_t flags = 0;  // PPPoE code, GTP-U flags, WireGuard type...
  std::uint16_t next = 0;  // ethertype, PPP or GRE protocol... that the header names
  // Bytes from the start of the frame (or reassembled datagram, or decrypted packet).
  std::uint32_t offset = 0;
  std::uint64_t key = 0;    // VLAN id, VNI, GRE key, TEID, MPLS label, PPPoE session...
  std::uint64_t aux = 0;    // second key: sequence, L2TP tunnel, WireGuard counter...
  std::uint64_t extra = 0;  // third one: GRE header flags << 32 | acknowledgement...
};

enum class TransportKind : std::uint8_t {
  kNone,  // fragment, unknown protocol, or header not there
  kTcp,
  kUdp,
  kUdpLite,
  kIcmp,
  kIcmpv6,
  kSctp,
  kDccp
};

// TCP flag bits as on the wire (RFC 9293).
namespace tcp_flag {
inline constexpr std::uint16_t kFin = 0x01;
inline constexpr std::uint16_t kSyn = 0x02;
inline constexpr std::uint16_t kRst = 0x04;
inline constexpr std::uint16_t kPsh = 0x08;
inline constexpr std::uint16_t kAck = 0x10;
inline constexpr std::uint16_t kUrg = 0x20;
inline constexpr std::uint16_t kEce = 0x40;
inline constexpr std::uint16_t kCwr = 0x80;
}  // namespace tcp_flag

struct TcpFields {
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint16_t flags = 0;
  std::uint16_t window = 0;  // as on the wire, unscaled
  std::uint8_t header_bytes = 0;
  bool has_timestamps = false;
  bool sack_permitted = false;
  std::int8_t window_scale = -1;  // -1: option absent
  std::uint16_t mss = 0;          // 0: option absent
  std::uint32_t ts_value = 0;
  std::uint32_t ts_echo = 0;
};

struct IcmpFields {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t id = 0;        // bytes 4-5, whatever the type
  std::uint16_t sequence = 0;  // bytes 6-7, whatever the type
  bool error = false;  // quotes a packet: the next layer, if it could be read, is `quoted`
};

// One IP header with its transport. Views point into the frame, or into the decoder's own
// buffers (see Decoder::decode).
struct Layer {
  Address src;
  Address dst;               // as in the header (a source route's next hop)
  std::uint8_t version = 0;  // 4 or 6
  // After IPv6 extension headers; an IPv4 AH stays 51 (as conntrack has it), whatever
  // `transport`.
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 0;  // hop limit
  std::uint8_t tos = 0;  // DSCP and ECN; traffic class
  bool quoted = false;   // inside an ICMP error: evidence about a packet, not a packet
  bool dont_fragment = false;
  bool fragment = false;  // offset != 0 or more fragments; after reassembly false
  bool more_fragments = false;
  bool reassembled = false;  // this layer is a whole datagram put together from fragments
  bool decrypted = false;    // the outermost one inside an encrypted tunnel that was opened
  TransportKind transport = TransportKind::kNone;
  ChecksumState ip_checksum = ChecksumState::kUnknown;
  std::uint16_t fragment_offset =
      0;                    // bytes; of a reassembled layer: the completing fragment's
  std::uint32_t ip_id = 0;  // IPv4 identification; IPv6 fragment header's; else 0
  std::uint32_t flow_label = 0;
  std::uint32_t total_bytes =
      0;  // the IP packet on the wire, from its length field (0 = TSO: what is there)
  // Of the IP header, from the start of the frame (of the plain text if decrypted).
  std::uint32_t offset = 0;
  std::uint32_t payload_wire_bytes = 0;  // after the transport header, on the wire
  // TCP, UDP, UDP-Lite, SCTP, DCCP; also where the rest of the header is cut (transport kNone).
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  std::uint32_t sctp_vtag = 0;
  TcpFields tcp;                    // meaningful if transport == kTcp
  IcmpFields icmp;                  // meaningful if transport == kIcmp or kIcmpv6
  std::uint32_t l4_wire_bytes = 0;  // IP payload after extension headers, on the wire
  ByteView ip;                 // from the IP header to the end of the packet, captured bytes
  ByteView l4;                 // from the transport header to the end of the packet, captured
  ByteView payload;            // after the transport header, captured bytes
  std::uint8_t via_begin = 0;  // into DecodedFrame::via
  std::uint8_t via_end = 0;
  // What both directions of the encapsulation share (design, Conntrack), as a stable hash: VLAN
  // ids, VNI, VSID, GRE key... or the unordered pair of outer addresses. 0: plain, or nothing
  // is shared (MPLS directly on a link).
  std::uint32_t zone = 0;
  std::uint32_t l4_offset =
      0;  // of the transport header; from the datagram's start if reassembled
};

inline constexpr std::size_t kMaxLayers = 8;
inline constexpr std::size_t kMaxVia = 32;

// Result of decoding one frame. Belongs to the caller, who reuses it.
struct DecodedFrame {
  std::array<Layer, kMaxLayers> layer_storage;
  std::array<Via, kMaxVia> via_storage;
  std::uint8_t layer_count = 0;
  std::uint8_t via_count = 0;
  DecodeStop stop = DecodeStop::kNone;
  std::uint32_t stop_offset = 0;  // bytes from the start of the frame
  Encapsulation stop_in = Encapsulation::kNone;
  std::uint16_t ethertype = 0;            // of a frame without an IP layer (ARP 0x0806...)
  std::array<std::uint8_t, 6> src_mac{};  // zero if the link has none
  std::array<std::uint8_t, 6> dst_mac{};
  bool waits_for_fragments = false;  // this frame's datagram is not complete yet
  bool own_bytes = false;  // some views are of the decoder's buffers: see Decoder::decode

  std::span<const Layer> layers() const { return {layer_storage.data(), layer_count}; }
  std::span<const Via> via(const Layer& layer) const {
    return {via_storage.data() + layer.via_begin,
            static_cast<std::size_t>(layer.via_end - layer.via_begin)};
  }
  // What followed the last layer (or the link, if there is none): an opaque tunnel (ESP, IKE,
  // WireGuard, OpenVPN) or headers that led to no IP packet.
  std::span<const Via> tail() const {
    const std::size_t begin = layer_count == 0 ? 0U : layer_storage[layer_count - 1U].via_end;
    return {via_storage.data() + begin, via_count - begin};
  }
};

}  // namespace natlens::decode
