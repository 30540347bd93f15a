// The plain packets of a tap, those that a tunnel may have carried: kept for some seconds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "natlens/conntrack/records.h"

namespace natlens::correlate {

struct InnerPacket {
  std::int64_t time = 0;  // reference clock, never stepping back
  std::uint32_t connection = 0;
  std::uint32_t frame = 0;
  std::uint32_t bytes = 0;
  conntrack::Direction direction = conntrack::Direction::kOriginal;
  bool taken = false;  // an outer packet is known that carries it
};

// Packets have numbers that stay, from 0.
class InnerRing {
 public:
  // Without a tunnel in sight, only what may turn out to be a tunnel's beginning is kept: few
  // enough to stay in the nearest cache.
  static constexpr std::size_t kMostInWait = 512;
  static constexpr std::size_t kMost = 1U << 16;

  void add(InnerPacket packet, std::int64_t forget_before, std::size_t most) {
    if (!packets_.empty()) packet.time = std::max(packet.time, packets_.back().time);
    packets_.push_back(packet);
    // The newest stays, however far time stepped back before it.
    while (packets_.size() > 1 &&
           (packets_.front().time < forget_before || packets_.size() > most)) {
      packets_.pop_front();
      ++base_;
    }
  }
  std::uint64_t begin() const { return base_; }
  std::uint64_t end() const { return base_ + packets_.size(); }
  InnerPacket& operator[](std::uint64_t number) {
    return packets_[static_cast<std::size_t>(number - base_)];
  }
  // The number of the first packet at or after `time`.
  std::uint64_t at(std::int64_t time) const {
    const auto found = std::lower_bound(packets_.begin(), packets_.end(), time,
                                        [](const auto& p, auto t) { return p.time < t; });
    return base_ + static_cast<std::uint64_t>(found - packets_.begin());
  }

 private:
  std::deque<InnerPacket> packets_;
  std::uint64_t base_ = 0;
};

}  // namespace natlens::correlate
