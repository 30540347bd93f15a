// Packets of encrypted tunnels, reduced to what alignment needs. One row per protocol says what
// of its header is which: decode has left the numbers in the frame's tail.
#include "natlens/stream/tunnel_packets.h"

#include <algorithm>
#include <array>

namespace natlens::stream {
namespace {

using decode::Encapsulation;

// WireGuard's message types, and what is left of a data message without an inner packet.
constexpr std::uint8_t kInitiation = 1;
constexpr std::uint8_t kResponse = 2;
constexpr std::uint8_t kCookie = 3;
constexpr std::uint32_t kEmptyData = 32;
// OpenVPN: behind the header come packet id and tag, or an HMAC and IV.
constexpr std::size_t kDigestBytes = 40;

void wireguard(const decode::Via& via, const decode::Layer& layer, TunnelPacket& packet) {
  packet.bytes = layer.payload_wire_bytes;
  packet.key = via.key;
  packet.counter = via.aux;
  packet.other_key = via.extra;
  packet.numbered = true;
  if (via.flags == kInitiation) {
    packet.role = TunnelRole::kAnnounce;
  } else if (via.flags == kResponse) {
    packet.role = TunnelRole::kAnswer;
  } else if (via.flags == kCookie) {
    packet.role = TunnelRole::kOther;
  } else if (packet.bytes <= kEmptyData) {
    packet.role = TunnelRole::kKeepalive;
  }
}

// Packet ids are in clear with some ciphers only, and peer ids are small numbers: packets are
// told apart by their bytes, sessions by their carrier. Of a record in a stream any part of its
// bytes may be in the next segment: where it begins and how long it is tells it apart.
void openvpn(const decode::Via& via, const decode::Layer& layer, TunnelPacket& packet) {
  constexpr unsigned kDataV1 = 6;
  constexpr unsigned kDataV2 = 9;
  const unsigned opcode = via.flags >> 3U;
  const bool in_tcp = layer.transport == decode::TransportKind::kTcp;
  packet.key = via.flags & 7U;  // key id
  if (opcode != kDataV1 && opcode != kDataV2) packet.role = TunnelRole::kOther;
  if (in_tcp) {
    const std::uint32_t start = via.offset - (layer.l4_offset + layer.tcp.header_bytes);
    packet.bytes = static_cast<std::uint32_t>(via.extra);
    packet.in_stream = true;
    packet.sequence = layer.tcp.seq + start;
    packet.counter = mix(packet.sequence, packet.bytes);
    return;
  }
  packet.bytes = layer.payload_wire_bytes;
  const std::size_t wanted = std::min<std::size_t>(kDigestBytes, packet.bytes);
  if (wanted > layer.payload.size()) {
    packet.role = TunnelRole::kOther;
    return;
  }
  packet.counter = content_hash(layer.payload.first(wanted), packet.bytes);
}

void esp(const decode::Via& via, const decode::Layer& layer, TunnelPacket& packet) {
  packet.bytes = layer.transport == decode::TransportKind::kUdp ? layer.payload_wire_bytes
                                                                : layer.l4_wire_bytes;
  packet.key = via.key;
  packet.counter = via.aux;
  packet.numbered = true;
}

struct Row {
  Encapsulation kind;
  void (*read)(const decode::Via&, const decode::Layer&, TunnelPacket&);
};
constexpr auto kRows = std::to_array<Row>({
    {Encapsulation::kWireguard, wireguard},
    {Encapsulation::kOpenvpn, openvpn},
    {Encapsulation::kEsp, esp},
});

}  // namespace

void append_tunnel_packets(const decode::DecodedFrame& decoded,
                           const conntrack::Verdict& verdict,
                           Timestamp time,
                           std::uint32_t frame,
                           std::vector<TunnelPacket>& out) {
  if (decoded.layer_count == 0) return;
  const decode::Layer& layer = decoded.layers().back();
  for (const decode::Via& via : decoded.tail()) {
    for (const Row& row : kRows) {
      if (row.kind != via.kind) continue;
      TunnelPacket packet;
      packet.kind = via.kind;
      packet.direction = verdict.direction;
      packet.connection = verdict.connection;
      packet.frame = frame;
      packet.ip_bytes = layer.total_bytes;
      packet.in_fragments = layer.reassembled;
      packet.src = content_hash(layer.src.bytes());
      packet.dst = content_hash(layer.dst.bytes());
      packet.time = time;
      row.read(via, layer, packet);
      out.push_back(packet);
    }
  }
}

}  // namespace natlens::stream
