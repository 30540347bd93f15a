// The conntrack tuple of a layer, as the kernel's pkt_to_tuple functions build it.
#include "natlens/decode/decoder.h"
#include "natlens/net/bytes.h"

namespace natlens::decode {
namespace {

// RFC 2637: version 1, call id in the low half of the key. Other GRE has no key in the kernel's
// tuple (nf_conntrack_proto_gre.c).
std::uint16_t pptp_call_id(ByteView gre) {
  if (gre.size() < 8 || (gre[1] & 7) != 1) return 0;
  return load_be16(gre, 6);
}

std::uint8_t protocol_of(TransportKind kind) {
  switch (kind) {
    case TransportKind::kTcp:
      return protocol::kTcp;
    case TransportKind::kUdp:
      return protocol::kUdp;
    case TransportKind::kUdpLite:
      return protocol::kUdpLite;
    case TransportKind::kIcmp:
      return protocol::kIcmp;
    case TransportKind::kIcmpv6:
      return protocol::kIcmpv6;
    case TransportKind::kSctp:
      return protocol::kSctp;
    case TransportKind::kDccp:
      return protocol::kDccp;
    case TransportKind::kNone:
      break;
  }
  return 0;
}

}  // namespace

Tuple tuple_of(const Layer& layer) {
  Tuple tuple{.src = layer.src, .dst = layer.dst, .protocol = layer.protocol};
  if (layer.protocol == protocol::kGre && !(layer.fragment && layer.fragment_offset != 0)) {
    tuple.dst_port = pptp_call_id(layer.l4);
  }
  // An IPv4 packet behind AH is AH to the kernel, though its transport could be read.
  if (layer.transport == TransportKind::kNone || protocol_of(layer.transport) != layer.protocol)
    return tuple;
  if (layer.transport == TransportKind::kIcmp || layer.transport == TransportKind::kIcmpv6) {
    tuple.src_port = layer.icmp.id;
    tuple.dst_port = static_cast<std::uint16_t>(layer.icmp.type << 8 | layer.icmp.code);
  } else {
    tuple.src_port = layer.src_port;
    tuple.dst_port = layer.dst_port;
  }
  return tuple;
}

}  // namespace natlens::decode
