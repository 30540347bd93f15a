#include "outcome.h"

#include <array>

#include <fmt/format.h>

#include "natlens/verify/verify.h"

namespace natlens::verify {

std::string_view to_string(Verdict verdict) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(Verdict::kCount)>
      kNames{"pass", "fail", "warn", "not exercised", "inconclusive", "error"};
  return kNames[static_cast<std::size_t>(verdict)];
}

bool Threshold::holds(double x) const {
  if (equal && x == value) return true;
  return op == '<' ? x < value : x > value;
}

std::string amount(std::uint64_t count, std::string_view unit) {
  if (count == 1 && unit.ends_with("ies")) {
    return fmt::format("1 {}y", unit.substr(0, unit.size() - 3));
  }
  if (count == 1 && unit.ends_with("sses")) {
    return fmt::format("1 {}", unit.substr(0, unit.size() - 2));
  }
  const bool one = count == 1 && unit.size() > 1 && unit.back() == 's';
  return fmt::format("{} {}", count, one ? unit.substr(0, unit.size() - 1) : unit);
}

void decide(Outcome& outcome, const Limits& limits) {
  if (outcome.verdict != Verdict::kNotExercised) return;
  const auto violations = static_cast<double>(outcome.violations);
  const double forgiven =
      static_cast<double>(limits.tolerance) +
      limits.tolerance_percent * static_cast<double>(outcome.subjects) / 100;
  const bool violated =
      limits.warn_if ? limits.warn_if->holds(violations) : violations > forgiven;
  if (violated && outcome.violations > 0) {
    const bool error = outcome.severity == Severity::kError &&
                       (!limits.error_if || limits.error_if->holds(violations));
    outcome.verdict = error ? Verdict::kFail : Verdict::kWarn;
    if (outcome.message.empty()) {
      outcome.message =
          fmt::format("{} of {}", outcome.violations, amount(outcome.subjects, outcome.unit));
    }
    return;
  }
  if (outcome.subjects < limits.min) {
    if (outcome.message.empty()) {
      outcome.message = outcome.subjects == 0
                            ? fmt::format("no {} seen", outcome.unit)
                            : fmt::format("{} of the {} that are needed",
                                          amount(outcome.subjects, outcome.unit), limits.min);
    }
    return;
  }
  outcome.verdict = Verdict::kPass;
  if (outcome.message.empty()) outcome.message = amount(outcome.subjects, outcome.unit);
}

std::uint64_t count_of(const Report& report, Verdict verdict) {
  std::uint64_t count = 0;
  for (const Suite& suite : report.suites) {
    for (const Outcome& outcome : suite.results) count += outcome.verdict == verdict ? 1 : 0;
  }
  return count;
}

int exit_code(const Report& report, const Strictness& strictness) {
  if (count_of(report, Verdict::kError) > 0) return 2;
  bool judged = report.compared || report.mutated;
  for (const Suite& suite : report.suites) {
    for (const Outcome& o : suite.results) {
      judged = judged ||
               (!o.is_static && (o.verdict == Verdict::kPass || o.verdict == Verdict::kFail ||
                                 o.verdict == Verdict::kWarn));
    }
  }
  if (!judged) return 3;
  const bool no =
      count_of(report, Verdict::kFail) > 0 ||
      (strictness.fail_on_warn && count_of(report, Verdict::kWarn) > 0) ||
      (strictness.require_exercised && count_of(report, Verdict::kNotExercised) > 0) ||
      (strictness.strict && count_of(report, Verdict::kInconclusive) > 0) ||
      !report.changes.empty();
  return no ? 1 : 0;
}

}  // namespace natlens::verify
