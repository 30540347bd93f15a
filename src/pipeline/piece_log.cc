#include "piece_log.h"

#include <algorithm>

namespace natlens::pipeline {
namespace {

// RFC 791, RFC 8200: what pieces of a datagram have in common. Never 0.
std::uint64_t datagram_of(const decode::Layer& layer) {
  return mix(mix(content_hash(layer.src.bytes()), content_hash(layer.dst.bytes())),
             std::uint64_t{layer.protocol} << 32 | layer.ip_id) |
         1U;
}

stream::TunnelPacket piece(const conntrack::Verdict& verdict,
                           std::uint32_t frame,
                           std::uint32_t bytes,
                           Timestamp time) {
  stream::TunnelPacket packet;
  packet.role = stream::TunnelRole::kPiece;
  packet.direction = verdict.direction;
  packet.connection = verdict.connection;
  packet.frame = frame;
  packet.bytes = bytes;
  packet.ip_bytes = bytes;
  packet.time = time;
  return packet;
}

}  // namespace

void PieceLog::hold(const decode::Layer& layer, std::uint32_t frame, Timestamp time) {
  held_[next_] = {datagram_of(layer), frame, layer.total_bytes, layer.l4_wire_bytes, time};
  next_ = (next_ + 1) % kHeld;
}

void PieceLog::take(const decode::Layer& whole,
                    const conntrack::Verdict& verdict,
                    std::uint32_t frame,
                    Timestamp time,
                    std::vector<stream::TunnelPacket>& out) {
  const std::uint64_t datagram = datagram_of(whole);
  std::uint32_t header = 0;
  std::uint32_t elsewhere = 0;  // bytes of the datagram in the other pieces
  for (std::size_t i = 0; i < kHeld; ++i) {
    Piece& held = held_[(next_ + i) % kHeld];
    if (held.datagram != datagram) continue;
    out.push_back(piece(verdict, held.frame, held.ip_bytes, held.time));
    header = held.ip_bytes - held.payload_bytes;
    elsewhere += held.payload_bytes;
    held = {};
  }
  // What the last piece adds; not told where another one was forgotten or came twice.
  if (header == 0 || elsewhere >= whole.l4_wire_bytes) return;
  out.push_back(piece(verdict, frame, header + whole.l4_wire_bytes - elsewhere, time));
}

}  // namespace natlens::pipeline
