#include "policy_suite.h"

#include <algorithm>

#include <fmt/format.h>

#include "rules_suite.h"
#include "sql_check.h"

namespace natlens::verify {
namespace {

Outcome outcome_of(const Assertion& a) {
  Outcome o;
  o.id = a.id;
  o.kind = a.kind;
  o.place = a.place;
  if (const KindRow* row = find_kind(a.kind)) o.title = row->promise;
  if (const Value* tags = a.find("tags")) o.tags = tags->words;
  if (const Value* reason = a.find("reason")) o.reason = reason->text;
  if (const Value* severity = a.find("severity")) {
    o.severity = severity->text == "error" ? Severity::kError : Severity::kWarning;
  }
  return o;
}

// A waiver of a whole assertion: what it forgives is told, not hidden.
void waive(const Policy& policy, const Options& options, Outcome& o) {
  for (const Waiver& waiver : policy.waivers) {
    if (waiver.assertion != o.id || options.today > waiver.until) continue;
    if (o.verdict != Verdict::kFail) continue;
    o.verdict = Verdict::kWarn;
    o.waived = o.violations;
    o.message += fmt::format("; waived until {}: {}", waiver.until, waiver.reason);
    ++waiver.used;
  }
}

Outcome outcome_of(const Waiver& waiver, const Options& options) {
  Outcome o;
  const std::string what = waiver.code.empty() ? waiver.assertion : waiver.code;
  o.id = "waiver of " + what;
  o.kind = "waiver";
  o.place = waiver.place;
  o.is_static = true;
  o.unit = "waivers";
  o.subjects = 1;
  if (options.today > waiver.until) {
    o.violations = 1;
    o.message = fmt::format("expired on {}: {}", waiver.until, waiver.reason);
  } else if (waiver.used == 0) {
    o.severity = Severity::kWarning;
    o.violations = 1;
    o.message = fmt::format("unused: nothing of {} was found", what);
  } else {
    o.message =
        fmt::format("used {} times, until {}: {}", waiver.used, waiver.until, waiver.reason);
  }
  decide(o, {});
  return o;
}

}  // namespace

bool chosen(const Options& options, const Outcome& o) {
  if (options.only.empty()) return true;
  return std::any_of(options.only.begin(), options.only.end(), [&](const std::string& wanted) {
    return wanted == o.id || std::find(o.tags.begin(), o.tags.end(), wanted) != o.tags.end();
  });
}

Result<Suite> suite_of_policy(const Scene& scene,
                              const Policy& policy,
                              const Options& options,
                              Report& report) {
  Suite suite;
  suite.name = policy.file;
  const Context context{scene, policy, options, report, options.all ? kMostExamples : 5};
  for (const Assertion& a : policy.assertions) {
    Outcome o = outcome_of(a);
    if (!chosen(options, o)) continue;
    if (auto done = find_kind(a.kind)->judge(context, a, o); !done) return done.error();
    Limits limits = a.limits();
    if (a.kind == "survives") limits.error_if.reset();  // speaks of seconds there
    if (a.kind == "loss") limits.min = std::max<std::uint64_t>(limits.min, 1);
    decide(o, limits);
    if (o.verdict == Verdict::kPass) o.needs.clear();
    if (o.verdict == Verdict::kFail || o.verdict == Verdict::kWarn) o.needs.clear();
    waive(policy, options, o);
    suite.results.push_back(std::move(o));
  }
  for (const Waiver& waiver : policy.waivers) {
    if (options.only.empty()) suite.results.push_back(outcome_of(waiver, options));
  }
  return suite;
}

Result<Suite> suite_of_checks(const Scene& scene, const Options& options, Report& report) {
  Suite suite;
  suite.name = "checks";
  const Policy none;
  const Context context{scene, none, options, report, options.all ? kMostExamples : 5};
  for (const std::string& name : options.checks) {
    auto check = load_check(name);
    if (!check) return check.error();
    check->limit_ms = options.time_limit_ms;
    Outcome o;
    o.id = check->header.id.empty() ? check->file : check->header.id;
    o.kind = "sql";
    o.place = {check->file, 1, 1};
    o.tags = {};
    if (!chosen(options, o)) continue;
    Limits limits;
    if (auto done = run_check(context, *check, o, limits); !done) return done.error();
    decide(o, limits);
    suite.results.push_back(std::move(o));
  }
  return suite;
}

Result<void> add_comments(const std::vector<std::string>& files, Policy& policy) {
  Report unused;
  for (const std::string& file : files) {
    auto rules = load_ruleset(file, unused);
    if (!rules) return rules.error();
    for (const ruleset::Table& table : (*rules)->tables) {
      for (const ruleset::Chain& chain : table.chains) {
        for (const ruleset::Rule& rule : chain.rules) {
          constexpr std::string_view kMark = "verify:";
          if (!rule.comment.starts_with(kMark)) continue;
          auto read = parse_comment(std::string_view(rule.comment).substr(kMark.size()),
                                    rule.place, policy);
          if (!read) return read.error();
          policy.assertions.push_back(std::move(*read));
        }
      }
    }
  }
  return {};
}

}  // namespace natlens::verify
