#include "packet_layer.h"

#include <algorithm>

namespace natlens::ruleset {
namespace {

constexpr std::size_t kIpv6Bytes = 40;
constexpr std::uint32_t kDontFragment = 0x4000;

// What the IP header says, and where the transport is.
void read_ip(decode::Layer& layer, ByteView ip, std::size_t transport_at) {
  layer.version = ip[0] >> 4;
  const bool v6 = layer.version == 6;
  layer.ip = ip;
  layer.l4 = ip.subspan(std::min(transport_at, ip.size()));
  const std::uint32_t length = load_be16(ip, v6 ? 4 : 2);
  // 0: larger than the field (offload).
  layer.total_bytes = length == 0 ? static_cast<std::uint32_t>(ip.size())
                                  : length + (v6 ? static_cast<std::uint32_t>(kIpv6Bytes) : 0U);
  layer.l4_wire_bytes =
      layer.total_bytes - std::min(layer.total_bytes, static_cast<std::uint32_t>(transport_at));
  layer.protocol = v6 ? layer.protocol : ip[9];
  layer.ttl = ip[v6 ? 7 : 8];
  layer.ip_checksum = decode::ChecksumState::kGood;
  layer.dont_fragment = !v6 && (load_be16(ip, 6) & kDontFragment) != 0;
  layer.src =
      v6 ? Address::v6(ip.subspan(8).first<16>()) : Address::v4(ip.subspan(12).first<4>());
  layer.dst =
      v6 ? Address::v6(ip.subspan(24).first<16>()) : Address::v4(ip.subspan(16).first<4>());
}

void read_transport(decode::Layer& layer) {
  if (layer.l4.size() < 8) {
    return;
  }
  if (is_icmp(layer.protocol)) {
    const bool v4 = layer.protocol == protocol::kIcmp;
    layer.transport = v4 ? decode::TransportKind::kIcmp : decode::TransportKind::kIcmpv6;
    const std::uint8_t type = layer.l4[0];
    const bool error =
        v4 ? type == 3 || type == 4 || type == 5 || type == 11 || type == 12 : type < 128;
    layer.icmp = {type, layer.l4[1], load_be16(layer.l4, 4), load_be16(layer.l4, 6), error};
  } else {
    layer.src_port = load_be16(layer.l4, 0);
    layer.dst_port = load_be16(layer.l4, 2);
  }
}

}  // namespace

bool is_icmp(std::uint8_t protocol) {
  return protocol == protocol::kIcmp || protocol == protocol::kIcmpv6;
}

Tuple tuple_of(const decode::Layer& layer) {
  Tuple tuple;
  tuple.src = layer.src;
  tuple.dst = layer.dst;
  tuple.protocol = layer.protocol;
  tuple.src_port = layer.src_port;
  tuple.dst_port = layer.dst_port;
  if (is_icmp(layer.protocol)) {
    tuple.src_port = layer.icmp.id;
    tuple.dst_port = static_cast<std::uint16_t>((layer.icmp.type << 8) | layer.icmp.code);
  }
  return tuple;
}

decode::Layer layer_of(ByteView ip) {
  decode::Layer layer;
  const bool v6 = (ip[0] >> 4) == 6;
  layer.protocol = ip[v6 ? 6 : 9];
  read_ip(layer, ip, v6 ? kIpv6Bytes : (ip[0] & 15U) * 4U);
  read_transport(layer);
  return layer;
}

decode::Layer changed_layer(const decode::Layer& from, ByteView ip, std::size_t transport_at) {
  decode::Layer layer = from;
  const bool crossed = from.version != ip[0] >> 4;
  if (crossed && is_icmp(from.protocol)) {
    layer.protocol = from.protocol == protocol::kIcmp ? protocol::kIcmpv6 : protocol::kIcmp;
  }
  read_ip(layer, ip, transport_at);
  if (crossed) {
    layer.ip_id = layer.version == 4 ? load_be16(ip, 4) : 0;
    layer.reassembled = false;
  }
  const std::size_t header = from.l4.size() - std::min(from.l4.size(), from.payload.size());
  layer.payload = layer.l4.subspan(std::min(header, layer.l4.size()));
  if (!from.fragment) {
    read_transport(layer);
  }
  return layer;
}

}  // namespace natlens::ruleset
