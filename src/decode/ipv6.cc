// IPv6 (RFC 8200) and its extension headers, in any order, at most kMaxExtensions of them. A
// payload length of 0 is a jumbogram (RFC 2675), or a segment left to the network card to cut:
// the frame's rest counts, unless there is no next header.
#include "encap_ah.h"
#include "ip.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr int kMaxExtensions = 12;
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kNoNext = 59;
constexpr std::uint8_t kDestination = 60;
constexpr std::uint8_t kShim6 = 140;

// The length that a jumbo payload option in a leading hop-by-hop header states; else 0.
std::uint32_t jumbo_length(const Cursor& at) {
  if (at.u8(6) != kHopByHop || at.captured < 48) return 0;
  const std::size_t end = std::min<std::size_t>(40U + (at.u8(41) + 1U) * 8U, at.captured);
  for (std::size_t i = 42; i + 2 <= end;) {
    if (at.u8(i) == 0) {  // Pad1
      ++i;
      continue;
    }
    if (at.u8(i) == 0xc2 && at.u8(i + 1) == 4 && i + 6 <= end) return at.be32(i + 2);
    i += 2U + at.u8(i + 1);
  }
  return 0;
}

void read_header(const Cursor& at, Layer& layer) {
  const std::uint32_t first = at.be32(0);
  layer.version = 6;
  layer.tos = static_cast<std::uint8_t>(first >> 20);
  layer.flow_label = first & 0xfffffU;
  layer.ttl = at.u8(7);
  layer.protocol = at.u8(6);
  set_v6(layer.src, at.bytes().subspan<8, 16>());
  set_v6(layer.dst, at.bytes().subspan<24, 16>());
}

void limit_to_packet(Context& c, Layer& layer) {
  std::size_t payload = c.at.be16(4);
  if (payload == 0) payload = jumbo_length(c.at);
  if (payload == 0 && layer.protocol != kNoNext) {
    layer.total_bytes = c.at.wire;
    return;
  }
  const std::size_t total = 40 + payload;
  layer.total_bytes = static_cast<std::uint32_t>(total);
  if (total > c.at.wire && !c.quoted && !c.partial)
    c.note(DecodeStop::kMalformed, Encapsulation::kIpv6);
  c.at.limit(total);
}

// The fragment header: true if it makes the layer a fragment (an atomic one does not).
bool fragment_header(const Cursor& at, Layer& layer) {
  const std::uint16_t field = at.be16(2);
  layer.fragment_offset = field & 0xfff8U;
  layer.more_fragments = (field & 1U) != 0;
  layer.ip_id = at.be32(4);
  layer.fragment = layer.more_fragments || layer.fragment_offset != 0;
  return layer.fragment;
}

}  // namespace

Step ipv6(Context& c) {
  if (!c.need(40, Encapsulation::kIpv6)) return kFinished;
  if (c.at.u8(0) >> 4 != 6) return c.stop(DecodeStop::kMalformed, Encapsulation::kIpv6);
  Layer* layer = c.add_layer(Encapsulation::kIpv6);
  if (layer == nullptr) return kFinished;
  read_header(c.at, *layer);
  limit_to_packet(c, *layer);
  layer->ip = c.at.bytes();
  c.at.skip(40);
  return ipv6_extensions(c);
}

// Walks the extension headers from the one that layer().protocol names; the cursor ends behind
// the last one. A fragment that can be read goes on here, with what its header names.
Step ipv6_extensions(Context& c) {
  std::uint8_t next = c.layer().protocol;
  for (int i = 0; i < kMaxExtensions; ++i) {
    std::size_t bytes = 8;
    switch (next) {
      case kHopByHop:
      case kRouting:
      case kDestination:
      case kShim6:
        if (!c.need(8, Encapsulation::kIpv6)) return kFinished;
        next = c.at.u8(0);
        bytes = (c.at.u8(1) + 1U) * 8U;
        break;
      case protocol::kAh:
        if (!authentication_header(c, next, bytes)) return kFinished;
        break;
      case kFragment: {
        if (!c.need(8, Encapsulation::kIpv6)) return kFinished;
        next = c.at.u8(0);
        const bool fragment = fragment_header(c.at, c.layer());
        const ByteView packet = c.layer().ip;
        const ByteView before = packet.first(packet.size() - c.at.captured);
        if (!fragment) break;
        c.at.skip(8);
        return ip_fragment(c, before, next);
      }
      case kNoNext:
        c.layer().protocol = next;
        return kFinished;
      default:
        return ip_payload(c, next);
    }
    c.layer().protocol = next;
    if (!c.need(bytes, Encapsulation::kIpv6)) return kFinished;
    c.at.skip(bytes);
  }
  return c.stop(DecodeStop::kMalformed, Encapsulation::kIpv6);
}

}  // namespace natlens::decode
