// Two replays of the same captures side by side, and where they part.
#include <algorithm>
#include <set>
#include <tuple>

#include "merged.h"
#include "run.h"

namespace natlens::replay {
namespace {

FlowOutcome outcome_of(const ruleset::Passed& passed) {
  FlowOutcome outcome{passed.fate, passed.after, "", passed.by_chance};
  const ruleset::Rule* rule = passed.rule != nullptr ? passed.rule : passed.set_up_by;
  if (rule != nullptr) outcome.rule = ruleset::to_string(rule->place);
  return outcome;
}

bool same(const FlowOutcome& a, const FlowOutcome& b) {
  if (a.fate != b.fate) return false;
  if (a.fate != ruleset::Fate::kForwarded || a.after == b.after) return true;
  return a.by_chance && b.by_chance && a.after.src == b.after.src && a.after.dst == b.after.dst;
}

class Comparing {
 public:
  Comparing(const WhatIf& one, const WhatIf& other)
      : one_(one.rules, one.options), other_(other.rules, other.options) {}

  Result<void> prepare() {
    if (auto done = one_.prepare(); !done) return done;
    return other_.prepare();
  }

  Result<void> frame(const capture::Frame& frame,
                     const decode::DecodedFrame& decoded,
                     unsigned side) {
    bool entered_one = false;
    bool entered_other = false;
    auto done = one_.frame(frame, decoded, side, [&](const Left& left) -> Result<void> {
      entered_one = true;
      flow_ = left.passed->before;
      before_ = outcome_of(*left.passed);
      return {};
    });
    if (!done) return done;
    done = other_.frame(frame, decoded, side, [&](const Left& left) -> Result<void> {
      entered_other = true;
      after_ = outcome_of(*left.passed);
      return {};
    });
    // Rules with translators of their own may take other frames for what enters.
    const bool both = entered_one && entered_other;
    if (!done || !both || same(before_, after_)) return done;
    // A connection once, by its first packet; what the other direction suffers follows from it.
    const Tuple flow = connection();
    if (told_.insert(flow).second) {
      changes_.push_back({frame.time, frame.number, flow, before_, after_});
    }
    return {};
  }

  std::vector<FlowChange> changes() && {
    std::sort(changes_.begin(), changes_.end(), [](const FlowChange& a, const FlowChange& b) {
      return std::tie(a.before.rule, a.after.rule, a.first, a.frame) <
             std::tie(b.before.rule, b.after.rule, b.first, b.frame);
    });
    return std::move(changes_);
  }

 private:
  Tuple connection() const {
    for (const Run* run : {&one_, &other_}) {
      const conntrack::EntryView entry = run->entry();
      if (entry.connection != 0) return entry.original;
    }
    return flow_;
  }

  Run one_;
  Run other_;
  Tuple flow_;
  FlowOutcome before_;
  FlowOutcome after_;
  std::set<Tuple> told_;
  std::vector<FlowChange> changes_;
};

}  // namespace

Result<std::vector<FlowChange>> what_if(const WhatIf& one, const WhatIf& other) {
  Comparing comparing(one, other);
  if (auto done = comparing.prepare(); !done) return done.error();
  const auto done = each_merged(
      one.options, [&](const capture::Frame& frame, const decode::DecodedFrame& decoded,
                       unsigned side) { return comparing.frame(frame, decoded, side); });
  if (!done) return done.error();
  return std::move(comparing).changes();
}

}  // namespace natlens::replay
