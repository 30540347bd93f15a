#include "rules_suite.h"

#include <algorithm>

#include <fmt/format.h>

#include "natlens/ruleset/parse.h"

#include "outcome.h"

namespace natlens::verify {
namespace {

using ruleset::Rule;

constexpr std::size_t kMostGapsTold = 20;

bool is_v6(const Rule& rule) {
  return rule.text.find("ip6") != std::string::npos;
}

std::string coverage_detail(const RuleTally& tally, const Rule& rule) {
  std::string out;
  if (tally.flows + tally.possibly == 0) return out;
  std::uint64_t pool = 0;  // addresses that the rule names
  for (const ruleset::Statement& s : rule.statements) {
    const auto& address = s.nat.address;
    if (s.kind != ruleset::ActionKind::kNat || !address.present || !address.keys.empty())
      continue;
    const std::uint64_t low = ruleset::low_bits(address.constant.low);
    const std::uint64_t high = ruleset::low_bits(address.constant.high);
    if (high > low && high - low < 65'536 && !is_v6(rule)) pool = high - low + 1;
  }
  if (pool > 0) out = fmt::format("addresses {}/{}, ", tally.externals.size(), pool);
  out += amount(tally.sources.size(), "hosts");
  return out;
}

CoverageRow coverage_of(const Rule& rule, const RuleTally& tally, const RuleNames& names) {
  const RuleNames::Name& name = names.of(&rule);
  return {name.chain,  name.name,      rule.place,       rule.text,
          tally.flows, tally.possibly, tally.violations, coverage_detail(tally, rule)};
}

std::string needs_of(const Rule& rule) {
  return fmt::format("traffic that matches: {}", rule.text);
}

// What a rule promises, by what its flows did.
Outcome outcome_of(const Rule& rule, RuleTally& tally, const RuleNames& names) {
  Outcome outcome;
  outcome.id = names.of(&rule).full();
  outcome.kind = "rule";
  outcome.title = rule.text;
  outcome.place = rule.place;
  outcome.subjects = tally.flows + tally.violations;
  outcome.violations = tally.violations;
  outcome.examples = std::move(tally.examples);
  if (tally.violations > 0) {
    outcome.message =
        fmt::format("{} not treated as the rule says", amount(tally.violations, "flows"));
  } else if (tally.warnings > 0) {
    outcome.verdict = Verdict::kWarn;
    outcome.violations = tally.warnings;
    outcome.message = fmt::format("{} got another port, and nothing captured had theirs",
                                  amount(tally.warnings, "flows"));
    outcome.examples = std::move(tally.odd_ports);
  } else if (tally.flows == 0 && tally.possibly > 0) {
    outcome.verdict = Verdict::kInconclusive;
    outcome.message = fmt::format("{} may be this rule's", amount(tally.possibly, "flows"));
  } else if (tally.flows == 0) {
    outcome.message = "no flow met it";
    outcome.needs = needs_of(rule);
  }
  decide(outcome, {});
  return outcome;
}

Outcome rest_of(const JudgedRules& judged, RuleTally& tally) {
  Outcome outcome;
  outcome.id = "no other translation";
  outcome.kind = "ruleset";
  outcome.title = "what no rule translates passes unchanged, and nothing else happens to it";
  outcome.place = {judged.file, 1, 1};
  outcome.subjects = judged.verdict.flows;
  outcome.violations = tally.violations;
  outcome.examples = std::move(tally.examples);
  if (tally.violations > 0) {
    outcome.message =
        fmt::format("{} treated as no rule says", amount(tally.violations, "flows"));
  } else if (judged.verdict.flows == 0) {
    outcome.message = "no flow between two taps of this router";
    outcome.needs = "captures of both sides of the router";
  }
  decide(outcome, {});
  return outcome;
}

// From the text alone: would packets that tracking refuses be forwarded as they are?
Outcome invalid_lint(const JudgedRules& judged, const ruleset::Judge& judge) {
  Outcome outcome;
  outcome.id = "INVALID is dropped";
  outcome.kind = "lint";
  outcome.title = "packets that tracking refuses are dropped, not forwarded untranslated";
  outcome.place = {judged.file, 1, 1};
  outcome.severity = Severity::kWarning;
  outcome.is_static = true;
  outcome.unit = "rulesets";
  outcome.subjects = 1;
  ruleset::FirstPacket packet;
  packet.tuple = {*Address::parse("10.0.0.2"),
                  *Address::parse("192.0.2.9"),
                  protocol::kTcp,
                  0,
                  50'000,
                  443};
  packet.in = judged.box.name(judged.box.inside_tap());
  packet.out = judged.box.name(judged.box.outside_tap());
  packet.tcp_flags = 0x10;
  packet.bytes = 52;
  packet.invalid = true;
  const auto verdict = judge.judge(packet, packet.tuple);
  if (verdict.allowed != ruleset::Truth::kNo) {
    outcome.violations = 1;
    outcome.message =
        "no rule drops INVALID before accept: packets out of window, with bad checksums, stray "
        "RST leave with their private source";
    outcome.needs = "ct state invalid drop, before anything is accepted";
  } else {
    outcome.message = "dropped";
  }
  decide(outcome, {});
  return outcome;
}

std::vector<Unsettled> unsettled_of(const RulesVerdict& verdict) {
  std::vector<Unsettled> out;
  for (const auto& [key, unsettled] : verdict.unsettled) out.push_back(unsettled);
  return out;
}

bool before(const ruleset::Place& a, const ruleset::Place& b) {
  return std::tie(a.line, a.column) < std::tie(b.line, b.column);
}

}  // namespace

Result<std::unique_ptr<ruleset::Ruleset>> load_ruleset(const std::string& file,
                                                       Report& report) {
  auto rules = ruleset::load(file);
  if (!rules) return rules.error();
  std::size_t told = 0;
  for (const ruleset::Gap& gap : rules->gaps) {
    if (++told > kMostGapsTold) {
      report.notes.push_back(
          fmt::format("... and {} more", rules->gaps.size() - kMostGapsTold));
      break;
    }
    report.notes.push_back(fmt::format("{}: {}; what depends on it is inconclusive",
                                       ruleset::to_string(gap.place), gap.what));
  }
  return std::make_unique<ruleset::Ruleset>(std::move(*rules));
}

Result<JudgedRules> judge_file(const Scene& scene,
                               const std::string& file,
                               const Options& options,
                               Report& report) {
  auto rules = load_ruleset(file, report);
  if (!rules) return rules.error();
  JudgedRules judged{file, std::move(*rules), {}, {}};
  auto box = find_box(scene, *judged.rules, {options.interfaces, options.own, options.assumed});
  if (!box) return box.error();
  judged.box = std::move(*box);
  if (!judged.box.told.empty()) {
    report.notes.push_back(judged.box.told + " (--iface TAP=NAME says otherwise)");
  }
  JudgeOptions how;
  how.most_examples = options.all ? kMostExamples : 5;
  judged.verdict = judge_rules(scene, *judged.rules, judged.box, how);
  return judged;
}

Suite suite_of(const Scene&, JudgedRules& judged) {
  Suite suite;
  suite.name = judged.file;
  suite.is_rules = true;
  const RuleNames names(*judged.rules);
  RulesVerdict& verdict = judged.verdict;
  for (const Rule* rule : names.translating) {
    suite.coverage.push_back(coverage_of(*rule, verdict.rules[rule], names));
    suite.results.push_back(outcome_of(*rule, verdict.rules[rule], names));
  }
  std::vector<const Rule*> others;  // that should have dropped
  for (const auto& [rule, tally] : verdict.rules) {
    if (rule != nullptr && !translates(*rule) && tally.violations > 0) others.push_back(rule);
  }
  std::sort(others.begin(), others.end(),
            [](const Rule* a, const Rule* b) { return before(a->place, b->place); });
  for (const Rule* rule : others) {
    suite.results.push_back(outcome_of(*rule, verdict.rules[rule], names));
  }
  suite.results.push_back(rest_of(judged, verdict.rules[nullptr]));
  suite.results.push_back(
      invalid_lint(judged, ruleset::Judge(*judged.rules, judged.box.setup)));
  suite.unsettled = unsettled_of(verdict);
  return suite;
}

}  // namespace natlens::verify
