// Which taps are interfaces of the router that some rules are of, and what it is called there.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/ruleset/judge.h"

#include "scene.h"

namespace natlens::verify {

struct BoxOptions {
  std::vector<std::pair<std::string, std::string>> interfaces;  // tap, name: --iface
  std::vector<Address> own;                                     // --local
  std::vector<std::pair<std::string, bool>> assumed;            // --assume
};

struct Box {
  std::map<std::int64_t, std::string> names;              // of its taps, as rules call them
  std::set<std::pair<std::int64_t, std::int64_t>> pairs;  // inside tap, outside tap
  ruleset::JudgeSetup setup;
  std::string told;  // how it was found, if nobody said: for standard error

  bool has(std::int64_t tap) const { return names.contains(tap); }
  const std::string& name(std::int64_t tap) const;
  bool judges(const Flow& flow) const;
  // Taps on the inner and on the outer side.
  std::int64_t inside_tap() const { return pairs.empty() ? 0 : pairs.begin()->first; }
  std::int64_t outside_tap() const { return pairs.empty() ? 0 : pairs.begin()->second; }
  // An outer tap of this inner one, and the other way round; 0: none.
  std::int64_t across(std::int64_t tap) const;
};

// The pairs of taps whose translations these rules explain best; those that --iface names, if
// any.
Result<Box> find_box(const Scene& scene,
                     const ruleset::Ruleset& rules,
                     const BoxOptions& options);

// A flow's first packet at its router.
ruleset::FirstPacket first_packet(const Flow& flow, const Box& box);
bool is_refused(const Flow& flow);  // left as no entry: what tracking calls INVALID

}  // namespace natlens::verify
