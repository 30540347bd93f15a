#include "content.h"

#include <algorithm>

namespace natlens::replay {
namespace {

// Bytes of the transport header that NAT may change: ports or id, and the checksum.
struct Skipped {
  std::size_t from;
  std::size_t bytes;
};

std::uint64_t transport_hash(const decode::Layer& layer) {
  Skipped first{0, 0};
  Skipped second{0, 0};
  switch (layer.protocol) {
    case protocol::kTcp:
      first = {0, 4};
      second = {16, 2};
      break;
    case protocol::kUdp:
    case protocol::kUdpLite:
      first = {0, 4};
      second = {6, 2};
      break;
    case protocol::kSctp:
      first = {0, 4};
      second = {8, 4};
      break;
    case protocol::kIcmp:
    case protocol::kIcmpv6:
      // An error's quote is changed throughout: only its type counts.
      if (layer.icmp.error) {
        return (std::uint64_t{layer.icmp.type} << 8) | layer.icmp.code;
      }
      first = {2, 4};
      break;
    default:
      break;
  }
  std::uint64_t hash = layer.protocol;
  std::size_t at = 0;
  for (const Skipped& skip : {first, second}) {
    if (skip.bytes == 0 || layer.l4.size() < skip.from) continue;
    hash = mix(hash, content_hash(layer.l4.subspan(at, skip.from - at)));
    at = std::min(skip.from + skip.bytes, layer.l4.size());
  }
  return mix(hash, content_hash(layer.l4.subspan(at)));
}

}  // namespace

std::uint64_t loose_key(const decode::Layer& layer) {
  return mix(transport_hash(layer), layer.ip_id);
}

std::uint64_t content_key(const decode::Layer& layer) {
  return content_key(layer, {layer.dst, layer.dst_port});
}

std::uint64_t content_key(const decode::Layer& layer, const Endpoint& destination) {
  return mix(loose_key(layer),
             mix(content_hash(destination.address.bytes()), destination.port));
}

}  // namespace natlens::replay
