// What the in-line NAT does, for the database: connections as it set them up, and their
// packets.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/pipeline/router_log.h"
#include "natlens/replay/inline.h"

namespace natlens::replay {

class InlineLog final : public Watcher {
 public:
  // Without a log it only counts connections. `log` is not owned and outlives this.
  explicit InlineLog(pipeline::RouterLog* log) : log_(log) {}

  void opened(const conntrack::Opened& opened) override;
  void event(const conntrack::Event& event) override;
  void closed(const conntrack::Closed& closed) override;
  void passed(const ruleset::Passed& passed, unsigned entered) override;
  // To be called ten times a second or so.
  void tick(Timestamp now);

  std::uint64_t connections() const { return connections_; }

 private:
  void tell_opened(const ruleset::Passed& passed, unsigned entered);

  pipeline::RouterLog* log_;
  std::uint64_t connections_ = 0;
  std::vector<conntrack::Opened> fresh_;  // by the packet at hand
  std::vector<conntrack::Event> events_;  // of the packet at hand: behind what opened
  absl::flat_hash_map<std::uint32_t, pipeline::RouterPackets>
      packets_;  // since the last second
  std::array<pipeline::SideCounters, 2> sides_;
  Timestamp next_second_ = Timestamp::none();
};

}  // namespace natlens::replay
