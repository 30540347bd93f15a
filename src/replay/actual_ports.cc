#include "actual_ports.h"

namespace natlens::replay {
namespace {

constexpr std::size_t kMostPackets = 8U << 20;
// A router takes less to forward; clocks of two captures of one router agree.
constexpr Nanoseconds kEarliest = std::chrono::milliseconds(20);
constexpr Nanoseconds kLatest = std::chrono::seconds(2);

std::uint16_t port_of(const decode::Layer& layer) {
  return layer.protocol == protocol::kIcmp || layer.protocol == protocol::kIcmpv6
             ? layer.icmp.id
             : layer.src_port;
}

}  // namespace

Result<void> ActualPorts::read(const std::string& path, const TapView& tap) {
  std::size_t kept = 0;
  return each_decoded(
      path, [&](const capture::Frame& frame, const decode::DecodedFrame& decoded) {
        if (decoded.layers().empty() || tap.enters(decoded) || kept >= kMostPackets) return;
        const decode::Layer& layer = decoded.layers().front();
        if (layer.fragment) return;
        by_content_[content_key(layer)].push_back({frame.time, port_of(layer)});
        ++kept;
      });
}

std::optional<std::uint16_t> ActualPorts::look(std::uint64_t key, Timestamp time) const {
  const auto found = by_content_.find(key);
  if (found == by_content_.end()) return std::nullopt;
  for (const Seen& seen : found->second) {
    if (seen.time + kEarliest >= time) {
      return seen.time <= time + kLatest ? std::optional(seen.port) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<std::uint16_t> ActualPorts::look(const decode::Layer& layer,
                                               Timestamp time) const {
  return look(content_key(layer), time);
}

std::optional<std::uint16_t> ActualPorts::take(const decode::Layer& layer,
                                               const Endpoint& destination,
                                               Timestamp time) {
  const std::uint64_t key = content_key(layer, destination);
  const auto port = look(key, time);
  if (port) {
    auto& list = by_content_[key];
    while (!list.empty() && list.front().time + kEarliest < time) list.pop_front();
    if (!list.empty()) list.pop_front();
  }
  return port;
}

}  // namespace natlens::replay
