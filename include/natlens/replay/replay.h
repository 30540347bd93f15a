// Captures through a router made of rules, offline: what entered it at either side goes through
// prerouting, routing and postrouting in capture time, and what leaves is handed on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "natlens/capture/source.h"
#include "natlens/conntrack/tracker.h"
#include "natlens/net/result.h"
#include "natlens/ruleset/router.h"

namespace natlens::replay {

// Interfaces of the router: 0 the inner one, 1 the outer one.
struct ReplayOptions {
  std::string inside;          // capture at the inner interface
  std::string outside;         // at the outer one; "" = only the inner one is replayed
  std::string actual;          // outer capture whose choices of ports are taken; "" = none
  std::string compare;         // outer capture that is to equal what left; "" = none
  ruleset::RouterSetup setup;  // prefixes and addresses: where empty, inferred
  bool infer = true;           // prefixes of the inner side were not given
  conntrack::Options tracking;
};

// What a replay takes the router for, where nobody said.
struct Topology {
  std::vector<Address> own;  // the router's addresses, inner ones first
  std::size_t inside_hosts = 0;
};

struct Left {
  Timestamp time;
  std::uint32_t cause = 0;  // frame number of what entered
  unsigned entered = 0;     // interface
  const ruleset::Passed* passed = nullptr;
  const ruleset::Emitted* emitted = nullptr;  // nullptr: nothing left
};

struct Difference {
  std::string capture;      // as given
  std::uint32_t frame = 0;  // of the capture compared with, or of what entered
  bool missing = true;      // it left the real router; else it left this one only
  Tuple left;
  Tuple entered;  // if it is not missing
};

struct ReplayResult {
  std::uint64_t entered = 0;
  std::uint64_t left = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(ruleset::Fate::kCount)> fates{};
  std::uint64_t inconclusive = 0;
  // With `compare`: packets of the real router.
  std::uint64_t equal = 0;         // towards the outer side
  std::uint64_t equal_inside = 0;  // towards the inner one
  std::uint64_t not_ours = 0;      // left the real router, but nothing like it entered here
  std::vector<Difference> differences;  // at most 100,000 of each kind and side
  std::uint64_t difference_count = 0;
  Topology topology;
};

// `on_left` is called for each packet that entered, once per packet that left for it (or once
// with nothing), in order of time.
Result<ReplayResult> replay(const ruleset::Ruleset& rules,
                            const ReplayOptions& options,
                            const std::function<Result<void>(const Left&)>& on_left);

// What becomes of a packet.
struct FlowOutcome {
  ruleset::Fate fate = ruleset::Fate::kUnreadable;
  Tuple after;
  std::string rule;        // "nat.nft:12:3"; "" = none
  bool by_chance = false;  // its port was drawn: another draw is no difference
};
struct FlowChange {
  Timestamp first;  // packet that is treated otherwise
  std::uint32_t frame = 0;
  Tuple flow;          // its connection, as it was opened
  FlowOutcome before;  // with the first rules
  FlowOutcome after;   // with the others
};

// One of two routers: its rules and how it tracks. The captures are those of the first.
struct WhatIf {
  const ruleset::Ruleset& rules;
  const ReplayOptions& options;
};

// The connections that the other one would treat otherwise, by the rules concerned, then by
// time. Memory: one record per connection that changes, besides both tables.
Result<std::vector<FlowChange>> what_if(const WhatIf& one, const WhatIf& other);

}  // namespace natlens::replay
