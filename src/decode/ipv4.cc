// IPv4 (RFC 791). The total length bounds the packet; what follows in the frame is padding. A
// total length of 0 is a segment that the sender left to its network card to cut (TSO): the
// frame's rest counts. A total length beyond the frame is told as malformed and decoded with
// what is there.
#include "ip.h"

namespace natlens::decode {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1fff;

// RFC 1071 over the header, in 32-bit words of the machine's order: 0xffff if the sum is right.
std::uint16_t header_sum(ByteView header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 4 <= header.size(); i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, header.data() + i, 4);
    sum += word;
  }
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>((sum & 0xffffU) + (sum >> 16));
}

void read_header(const Cursor& at, std::size_t header_bytes, Layer& layer) {
  layer.version = 4;
  layer.tos = at.u8(1);
  layer.ip_id = at.be16(4);
  const std::uint16_t fragment = at.be16(6);
  layer.dont_fragment = (fragment & kDontFragment) != 0;
  layer.more_fragments = (fragment & kMoreFragments) != 0;
  layer.fragment_offset = static_cast<std::uint16_t>((fragment & kOffsetMask) * 8U);
  layer.fragment = layer.more_fragments || layer.fragment_offset != 0;
  layer.ttl = at.u8(8);
  layer.protocol = at.u8(9);
  set_v4(layer.src, at.bytes().subspan<12, 4>());
  set_v4(layer.dst, at.bytes().subspan<16, 4>());
  if (header_bytes <= at.captured) {
    const std::uint16_t sum = header_sum(at.bytes().first(header_bytes));
    layer.ip_checksum = sum == 0xffff      ? ChecksumState::kGood
                        : at.be16(10) == 0 ? ChecksumState::kAbsent  // left to the network card
                                           : ChecksumState::kBad;
  }
}

// Bounds the cursor to the packet by its total length, and tells what contradicts it.
bool limit_to_packet(Context& c, std::size_t header_bytes, Layer& layer) {
  const std::size_t total = c.at.be16(2);
  layer.total_bytes = static_cast<std::uint32_t>(total);
  if (total == 0) {
    layer.total_bytes = c.at.wire;
    return true;
  }
  if (total < header_bytes) {
    if (c.quoted) return true;  // some systems quote a changed length
    c.stop(DecodeStop::kMalformed, Encapsulation::kIpv4);
    return false;
  }
  if (total > c.at.wire && !c.quoted && !c.partial)
    c.note(DecodeStop::kMalformed, Encapsulation::kIpv4);
  c.at.limit(total);
  return true;
}

}  // namespace

Step ipv4(Context& c) {
  if (!c.need(20, Encapsulation::kIpv4)) return kFinished;
  const std::size_t header_bytes = (c.at.u8(0) & 0xfU) * 4U;
  if (c.at.u8(0) >> 4 != 4 || header_bytes < 20 || (header_bytes > c.at.wire && !c.quoted)) {
    return c.stop(DecodeStop::kMalformed, Encapsulation::kIpv4);
  }
  Layer* layer = c.add_layer(Encapsulation::kIpv4);
  if (layer == nullptr) return kFinished;
  read_header(c.at, header_bytes, *layer);
  const bool bounded = limit_to_packet(c, header_bytes, *layer);
  layer->ip = c.at.bytes();
  if (!bounded || !c.need(header_bytes, Encapsulation::kIpv4)) return kFinished;
  const ByteView header = c.at.bytes().first(header_bytes);
  c.at.skip(header_bytes);
  if (layer->fragment) [[unlikely]]
    return ip_fragment(c, header, layer->protocol);
  return ip_payload(c, layer->protocol);
}

}  // namespace natlens::decode
