#include "natlens/verify/verify.h"

#include <algorithm>

#include <fmt/format.h>

#include "baseline.h"
#include "init.h"
#include "policy_suite.h"
#include "profile.h"
#include "rules_suite.h"
#include "what_if.h"

namespace natlens::verify {
namespace {

Result<std::vector<Policy>> load_policies(const Options& options) {
  std::vector<Policy> policies;
  for (const std::string& file : options.policies) {
    auto policy = load_policy(file);
    if (!policy) return policy.error();
    if (policy->assertions.empty()) {
      return Error{
          fmt::format("{}: no assertion in it; write one as [[assert]], or see "
                      "natlens verify DB --init",
                      file)};
    }
    policies.push_back(std::move(*policy));
  }
  return policies;
}

// What --only does not choose goes.
void keep_chosen(const Options& options, Suite& suite) {
  std::erase_if(suite.results, [&](const Outcome& o) { return !chosen(options, o); });
}

Result<void> run_rules(const Scene& scene, const Options& options, Report& report) {
  for (const std::string& file : options.rules) {
    const bool done = std::any_of(report.suites.begin(), report.suites.end(),
                                  [&](const Suite& s) { return s.is_rules && s.name == file; });
    auto judged = judge_file(scene, file, options, report);
    if (!judged) return judged.error();
    if (options.mutate) {
      report.mutated = true;
      for (Mutant& mutant : mutate(scene, *judged)) report.mutants.push_back(std::move(mutant));
    }
    if (!options.against.empty()) {
      auto other = load_ruleset(options.against, report);
      if (!other) return other.error();
      report.compared = true;
      report.changes = compare_rules(scene, *judged, **other, options.all ? kMostExamples : 5);
    }
    Suite suite = suite_of(scene, *judged);
    keep_chosen(options, suite);
    if (!done) report.suites.push_back(std::move(suite));
  }
  return {};
}

}  // namespace

Result<Report> verify(store::Database& database, const Options& options) {
  Report report;
  report.database = options.database_name;
  report.rules = options.rules;
  auto policies = load_policies(options);
  if (!policies) return policies.error();
  Policy comments;
  comments.file = options.rules.empty() ? "" : options.rules.front();
  if (!policies->empty()) {
    comments.names = policies->front().names;
    comments.taps = policies->front().taps;
  }
  if (auto done = add_comments(options.rules, comments); !done) return done.error();
  if (!comments.assertions.empty()) policies->push_back(std::move(comments));
  auto scene = Scene::load(database, options.database_name);
  if (!scene) return scene.error();
  for (const Policy& policy : *policies) {
    auto suite = suite_of_policy(*scene, policy, options, report);
    if (!suite) return suite.error();
    report.suites.insert(std::find_if(report.suites.begin(), report.suites.end(),
                                      [](const Suite& other) { return other.is_rules; }),
                         std::move(*suite));
  }
  if (!options.profile.empty()) {
    auto suite = suite_of_profile(*scene, options.profile, options, report);
    if (!suite) return suite.error();
    keep_chosen(options, *suite);
    report.suites.push_back(std::move(*suite));
  }
  if (!options.baseline.empty()) {
    auto suite = suite_of_baseline(*scene, options, report);
    if (!suite) return suite.error();
    keep_chosen(options, *suite);
    report.suites.push_back(std::move(*suite));
  }
  if (auto done = run_rules(*scene, options, report); !done) return done.error();
  if (!options.checks.empty()) {
    auto suite = suite_of_checks(*scene, options, report);
    if (!suite) return suite.error();
    report.suites.push_back(std::move(*suite));
  }
  const bool any = std::any_of(report.suites.begin(), report.suites.end(),
                               [](const Suite& suite) { return !suite.results.empty(); });
  if (!any) {
    return Error{options.only.empty()
                     ? std::string("no assertion at all: give --rules, --policy, --profile or "
                                   "--check")
                     : fmt::format("--only {}: no assertion has this id or tag",
                                   fmt::join(options.only, ", "))};
  }
  return report;
}

Result<std::string> init_policy(store::Database& database, const Options& options) {
  auto scene = Scene::load(database, options.database_name);
  if (!scene) return scene.error();
  return write_policy(*scene);
}

Result<std::string> explain_policy(const Options& options) {
  auto policies = load_policies(options);
  if (!policies) return policies.error();
  std::string out;
  for (const Policy& policy : *policies) out += policy_text(policy);
  return out;
}

}  // namespace natlens::verify
