#include "what_if.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace natlens::verify {
namespace {

using ruleset::Rule;

std::string rule_name(const RuleNames& names, const ruleset::Judgement& judged) {
  const Rule* rule =
      judged.destination_rule != nullptr ? judged.destination_rule : judged.source_rule;
  return rule == nullptr ? "no rule" : names.of(rule).full();
}

std::string outcome_text(const ruleset::Judgement& judged) {
  std::string out = judged.expected;
  if (judged.source_rule == nullptr && out.find("drop") == std::string::npos) {
    out += ", source untranslated";
  }
  if (judged.random) out += ", a port drawn by chance";
  return out;
}

// The rule `which` of a copy of the rules.
Rule& rule_at(ruleset::Ruleset& rules, std::size_t which, bool remove) {
  static Rule none;
  std::size_t at = 0;
  for (ruleset::Table& table : rules.tables) {
    for (ruleset::Chain& chain : table.chains) {
      for (std::size_t i = 0; i < chain.rules.size(); ++i) {
        const bool counts = table.family != ruleset::TableFamily::kOther &&
                            chain.type == ruleset::ChainType::kNat &&
                            translates(chain.rules[i]);
        if (!counts || at++ != which) continue;
        if (!remove) return chain.rules[i];
        chain.rules.erase(chain.rules.begin() + static_cast<std::ptrdiff_t>(i));
        return none;
      }
    }
  }
  return none;
}

// Half of a pool of addresses or ports. False: there is nothing to shrink.
bool shrink(Rule& rule) {
  for (ruleset::Statement& s : rule.statements) {
    if (s.kind != ruleset::ActionKind::kNat) continue;
    for (ruleset::Source* source : {&s.nat.port, &s.nat.address}) {
      if (!source->present || !source->keys.empty() || s.nat.netmap) continue;
      const std::uint64_t low = ruleset::low_bits(source->constant.low);
      const std::uint64_t high = ruleset::low_bits(source->constant.high);
      if (high <= low) continue;
      const ruleset::Number middle = ruleset::number_of(low + (high - low) / 2);
      std::copy_n(middle.begin() + 8, 8, source->constant.high.begin() + 8);
      return true;
    }
  }
  return false;
}

Mutant judge_mutant(const Scene& scene,
                    const JudgedRules& judged,
                    const ruleset::Ruleset& changed,
                    std::string rule,
                    std::string change) {
  Mutant mutant{std::move(rule), std::move(change), {}};
  const RulesVerdict verdict = judge_rules(scene, changed, judged.box, {1});
  const RuleNames names(changed);
  std::uint64_t before = 0;
  for (const auto& [unused, tally] : judged.verdict.rules) before += tally.violations;
  std::vector<std::string> noticed;
  std::uint64_t after = 0;
  for (const auto& [other, tally] : verdict.rules) {
    after += tally.violations;
    if (tally.violations == 0) continue;
    noticed.push_back(other == nullptr ? "no other translation" : names.of(other).full());
  }
  std::sort(noticed.begin(), noticed.end());
  if (after > before) mutant.noticed_by = std::move(noticed);
  return mutant;
}

}  // namespace

std::vector<ChangedGroup> compare_rules(const Scene& scene,
                                        const JudgedRules& now,
                                        const ruleset::Ruleset& other,
                                        std::size_t most_examples) {
  const ruleset::Judge judge_now(*now.rules, now.box.setup);
  const ruleset::Judge judge_other(other, now.box.setup);
  const RuleNames names_now(*now.rules);
  const RuleNames names_other(other);
  std::map<std::pair<std::string, std::string>, ChangedGroup> groups;
  const auto look = [&](const ruleset::FirstPacket& packet, const Sight& entered) {
    const auto before = judge_other.judge(packet, std::nullopt);
    const auto after = judge_now.judge(packet, std::nullopt);
    const std::string was = outcome_text(before);
    const std::string is = outcome_text(after);
    if (was == is) return;
    const std::string rule_before = rule_name(names_other, before);
    const std::string rule_after = rule_name(names_now, after);
    ChangedGroup& group = groups[{rule_before, rule_after}];
    group.before = rule_before;
    group.after = rule_after;
    ++group.flows;
    if (group.examples.size() >= most_examples) return;
    Counterexample e;
    e.flow = flow_text(entered.tuple);
    e.expected = was;
    e.got = is;
    e.frames.push_back(scene.frame_of(entered));
    e.prefix = prefix_text(entered.tuple.src);
    e.violation = "changed";
    group.examples.push_back(std::move(e));
  };
  for (const Flow& flow : scene.flows) {
    if (now.box.judges(flow) && !is_refused(flow))
      look(first_packet(flow, now.box), flow.entered);
  }
  std::vector<ChangedGroup> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

std::vector<Mutant> mutate(const Scene& scene, const JudgedRules& judged) {
  const RuleNames names(*judged.rules);
  std::vector<Mutant> mutants;
  for (std::size_t i = 0; i < names.translating.size(); ++i) {
    const std::string name = fmt::format("{}: {}", names.of(names.translating[i]).full(),
                                         names.translating[i]->text);
    ruleset::Ruleset without = *judged.rules;
    rule_at(without, i, true);
    mutants.push_back(judge_mutant(scene, judged, without, name, "removed"));
    ruleset::Ruleset smaller = *judged.rules;
    if (shrink(rule_at(smaller, i, false))) {
      mutants.push_back(judge_mutant(scene, judged, smaller, name, "range halved"));
    }
  }
  return mutants;
}

}  // namespace natlens::verify
