// What the real router chose, read from a capture of its outer side.
#pragma once

#include <deque>

#include "content.h"
#include "tap_frames.h"

namespace natlens::replay {

class ActualPorts {
 public:
  Result<void> read(const std::string& path, const TapView& outer);

  // The source port (id) with which this packet left at about this time; each is told once.
  std::optional<std::uint16_t> take(const decode::Layer& layer, Timestamp time);
  // The same, without taking it.
  std::optional<std::uint16_t> look(const decode::Layer& layer, Timestamp time) const;

 private:
  struct Seen {
    Timestamp time;
    std::uint16_t port = 0;
  };
  absl::flat_hash_map<std::uint64_t, std::deque<Seen>> by_content_;
};

}  // namespace natlens::replay
