#include "verify_words.h"

#include <fmt/format.h>

namespace natlens::report {

using verify::Outcome;
using verify::Verdict;

std::string headline(const Outcome& outcome) {
  std::string out = outcome.message;
  if (skipped(outcome)) {
    out = fmt::format("{}: {}", verify::to_string(outcome.verdict), outcome.message);
    if (!outcome.needs.empty()) out += "; send: " + outcome.needs;
  } else if (!outcome.examples.empty()) {
    const verify::Counterexample& e = outcome.examples.front();
    out += fmt::format(": {}{}{}", e.flow, e.got.empty() ? "" : " ", e.got);
  }
  return out;
}

std::string frames_line(const verify::Counterexample& example) {
  std::string out;
  for (const verify::FrameRef& f : example.frames) {
    out += fmt::format("{}{} frame {}", out.empty() ? "" : ", ", f.tap, f.frame);
  }
  return out;
}

ruleset::Place place_of(const Outcome& outcome) {
  if (!outcome.examples.empty() && outcome.examples.front().place.line != 0) {
    return outcome.examples.front().place;
  }
  ruleset::Place place = outcome.place;
  if (place.line == 0) place.line = 1;
  return place;
}

std::string rule_id(const Outcome& outcome) {
  return outcome.finding.empty() ? outcome.kind : outcome.finding;
}

std::string fingerprint(const Outcome& outcome) {
  if (outcome.examples.empty()) return outcome.id;
  const verify::Counterexample& e = outcome.examples.front();
  return fmt::format("{}:{}:{}", outcome.id, e.violation, e.prefix);
}

bool failed(const Outcome& outcome) {
  return outcome.verdict == Verdict::kFail || outcome.verdict == Verdict::kError;
}

bool skipped(const Outcome& outcome) {
  return outcome.verdict == Verdict::kNotExercised || outcome.verdict == Verdict::kInconclusive;
}

}  // namespace natlens::report
