// What the real router chose, read from captures of what it sent out.
#pragma once

#include <deque>

#include "content.h"
#include "tap_frames.h"

namespace natlens::replay {

class ActualPorts {
 public:
  // Adds a capture at one of its interfaces.
  Result<void> read(const std::string& path, const TapView& tap);

  // The source port (id) with which this packet left at about this time; each is told once.
  std::optional<std::uint16_t> take(const decode::Layer& layer,
                                    const Endpoint& destination,
                                    Timestamp time);
  // The same of a packet whose destination stays, without taking it.
  std::optional<std::uint16_t> look(const decode::Layer& layer, Timestamp time) const;

 private:
  struct Seen {
    Timestamp time;
    std::uint16_t port = 0;
  };
  std::optional<std::uint16_t> look(std::uint64_t key, Timestamp time) const;

  absl::flat_hash_map<std::uint64_t, std::deque<Seen>> by_content_;
};

}  // namespace natlens::replay
