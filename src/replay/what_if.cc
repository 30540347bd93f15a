// Two replays of the same captures, and where they part.
#include <algorithm>
#include <map>
#include <tuple>

#include "natlens/replay/replay.h"

namespace natlens::replay {
namespace {

struct First {
  Timestamp time;
  std::uint32_t frame = 0;
  FlowOutcome outcome;
};
// By flow and its number: the same tuple may be used again.
using Flows = std::map<std::pair<Tuple, std::uint32_t>, First>;

// What became of each packet that could begin a connection.
Result<Flows> outcomes(const ruleset::Ruleset& rules, const ReplayOptions& options) {
  Flows flows;
  const auto done = replay(rules, options, [&](const Left& left) -> Result<void> {
    const ruleset::Passed& passed = *left.passed;
    if (passed.verdict.packet_class != conntrack::PacketClass::kNew) return {};
    First first{left.time, left.cause, {passed.fate, passed.after, "", passed.by_chance}};
    if (passed.rule != nullptr) first.outcome.rule = ruleset::to_string(passed.rule->place);
    flows.try_emplace({passed.before, left.cause}, std::move(first));
    return {};
  });
  if (!done) return done.error();
  return flows;
}

bool same(const FlowOutcome& a, const FlowOutcome& b) {
  if (a.fate != b.fate) return false;
  if (a.fate != ruleset::Fate::kForwarded || a.after == b.after) return true;
  return a.by_chance && b.by_chance && a.after.src == b.after.src && a.after.dst == b.after.dst;
}

}  // namespace

Result<std::vector<FlowChange>> what_if(const ruleset::Ruleset& rules,
                                        const ruleset::Ruleset& others,
                                        const ReplayOptions& options) {
  const auto before = outcomes(rules, options);
  if (!before) return before.error();
  const auto after = outcomes(others, options);
  if (!after) return after.error();
  std::vector<FlowChange> changes;
  std::map<Tuple, bool> told;  // a connection once, however often its first packet came
  for (const auto& [key, first] : *before) {
    const auto other = after->find(key);
    if (other == after->end() || same(first.outcome, other->second.outcome)) continue;
    if (!told.try_emplace(key.first, true).second) continue;
    changes.push_back(
        {first.time, first.frame, key.first, first.outcome, other->second.outcome});
  }
  std::sort(changes.begin(), changes.end(), [](const FlowChange& a, const FlowChange& b) {
    return std::tie(a.before.rule, a.after.rule, a.first, a.frame) <
           std::tie(b.before.rule, b.after.rule, b.first, b.frame);
  });
  return changes;
}

}  // namespace natlens::replay
