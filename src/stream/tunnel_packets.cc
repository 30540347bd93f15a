// Packets of encrypted tunnels, reduced to what alignment needs. One row per protocol says what
// of its header is which: decode has left the numbers in the frame's tail.
#include "natlens/stream/tunnel_packets.h"

#include <array>

namespace natlens::stream {
namespace {

using decode::Encapsulation;

// WireGuard's message types, and what is left of a data message without an inner packet.
constexpr std::uint8_t kInitiation = 1;
constexpr std::uint8_t kResponse = 2;
constexpr std::uint8_t kCookie = 3;
constexpr std::uint32_t kEmptyData = 32;

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

struct Row {
  Encapsulation kind;
  void (*read)(const decode::Via&, const decode::Layer&, TunnelPacket&);
};
constexpr auto kRows = std::to_array<Row>({
    {Encapsulation::kWireguard, wireguard},
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
      packet.src = content_hash(layer.src.bytes());
      packet.dst = content_hash(layer.dst.bytes());
      packet.time = time;
      row.read(via, layer, packet);
      out.push_back(packet);
    }
  }
}

}  // namespace natlens::stream
