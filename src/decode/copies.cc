#include "natlens/decode/copies.h"

#include <algorithm>

#include "natlens/net/bytes.h"

namespace natlens::decode {
namespace {

constexpr std::int64_t kWithin = 20'000'000;    // ns
constexpr std::size_t kComparedBytes = 64;      // of transport header and payload
constexpr std::size_t kWholeTransport = 65536;  // a place for the checksum behind all bytes

std::size_t checksum_place(const Layer& layer) {
  switch (layer.transport) {
    case TransportKind::kTcp:
      return 16;
    case TransportKind::kUdp:
      return 6;
    case TransportKind::kIcmp:
    case TransportKind::kIcmpv6:
      return 2;
    default:
      return kWholeTransport;
  }
}

std::uint64_t ends_key(const Layer& layer) {
  const ByteView src = layer.src.bytes();
  const ByteView dst = layer.dst.bytes();
  if (!layer.src.is_v4() || !layer.dst.is_v4()) {
    return content_hash(dst, content_hash(src, layer.ip_id));
  }
  const std::uint64_t both = static_cast<std::uint64_t>(load_be32(src, 0)) << 32;
  return mix(both | load_be32(dst, 0), layer.ip_id);
}

std::uint64_t key_of(const Layer& layer) {
  const std::uint64_t lengths = static_cast<std::uint64_t>(layer.total_bytes) << 32 |
                                static_cast<std::uint64_t>(layer.protocol) << 24 |
                                static_cast<std::uint64_t>(layer.tos) << 16 |
                                layer.fragment_offset;
  const std::uint64_t key = mix(ends_key(layer), lengths);
  const ByteView bytes = layer.l4.first(std::min(layer.l4.size(), kComparedBytes));
  const std::size_t sum = checksum_place(layer);
  if (bytes.size() <= sum + 2)
    return content_hash(bytes.first(std::min(bytes.size(), sum)), key);
  return content_hash(bytes.subspan(sum + 2), content_hash(bytes.first(sum), key));
}

std::uint32_t tail_of(const std::array<std::uint8_t, 6>& mac) {
  return load_be32(ByteView(mac), 2);
}

}  // namespace

void CopyFinder::learn(bool alike) {
  ++packets_;
  alike_ += alike ? 1 : 0;
  habit_ = alike_ >= kFewest && alike_ > packets_ / 10;
  if (packets_ < kFirstPackets || alike_ != 0) return;
  watching_ = false;
  seen_ = {};
}

bool CopyFinder::is_copy(const DecodedFrame& decoded,
                         const capture::Frame& frame,
                         Timestamp time) {
  if (!watching_ || decoded.layer_count == 0) return false;
  if (seen_.empty()) seen_.resize(kSeen);
  const Layer& layer = decoded.layer_storage[0];
  const std::uint64_t key = key_of(layer);
  Seen& seen = seen_[key % kSeen];
  const std::int64_t since = time.ns() - seen.time;
  const bool alike = seen.key == key && since >= 0 && since <= kWithin &&
                     (layer.ttl == seen.ttl || layer.ttl + 1 == seen.ttl);
  if (packets_ < kFirstPackets) learn(alike);
  if (alike) {
    using capture::FrameDirection;
    const bool turned = frame.direction != FrameDirection::kUnknown &&
                        seen.direction != FrameDirection::kUnknown &&
                        frame.direction != seen.direction;
    const bool sent_back = seen.dst_mac != 0 && seen.dst_mac == tail_of(decoded.src_mac);
    if (habit_ || turned || sent_back) {
      ++copies_;
      return true;
    }
  }
  if (watching_) seen = {key, time.ns(), tail_of(decoded.dst_mac), layer.ttl, frame.direction};
  return false;
}

}  // namespace natlens::decode
