// JUnit XML: a suite for each policy and ruleset, a case for each promise and each rule.
#include <fmt/format.h>

#include "natlens/report/text.h"
#include "natlens/report/verify_report.h"

#include "verify_words.h"

namespace natlens::report {
namespace {

using verify::Outcome;
using verify::Suite;
using verify::Verdict;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

struct Counts {
  std::size_t tests = 0;
  std::size_t failures = 0;
  std::size_t skipped = 0;
  std::size_t errors = 0;
  void add(const Outcome& o) {
    ++tests;
    failures += o.verdict == Verdict::kFail ? 1 : 0;
    errors += o.verdict == Verdict::kError ? 1 : 0;
    skipped += report::skipped(o) ? 1 : 0;
  }
  std::string text() const {
    return fmt::format("tests=\"{}\" failures=\"{}\" skipped=\"{}\" errors=\"{}\"", tests,
                       failures, skipped, errors);
  }
};

std::string examples(const Outcome& o) {
  std::string out;
  std::size_t shown = 0;
  for (const verify::Counterexample& e : o.examples) {
    if (shown++ == kMostShown) break;
    out += escaped(e.flow) + "\n";
    out += fmt::format("expected {}, got {}\n", escaped(e.expected), escaped(e.got));
    const std::string frames = frames_line(e);
    if (!frames.empty()) out += escaped(frames) + "\n";
    if (!e.rule.empty()) out += escaped(e.rule) + "\n";
  }
  if (o.violations > shown) out += fmt::format("and {} more\n", o.violations - shown);
  if (!out.empty()) out.pop_back();
  return out;
}

std::string body(const Outcome& o) {
  const std::string message = escaped(skipped(o) ? headline(o) : o.message);
  switch (o.verdict) {
    case Verdict::kFail:
      return fmt::format("<failure type=\"{}\" message=\"{}\">{}</failure>", escaped(o.kind),
                         message, examples(o));
    case Verdict::kError:
      return fmt::format("<error type=\"{}\" message=\"{}\"/>", escaped(o.kind), message);
    case Verdict::kWarn:
      return fmt::format("<system-out>warning: {}\n{}</system-out>", message, examples(o));
    case Verdict::kPass:
      return "";
    default:
      return fmt::format("<skipped message=\"{}\"/>", message);
  }
}

std::string test_case(const Outcome& o) {
  std::string out =
      fmt::format("    <testcase classname=\"{}\" name=\"{}\"", escaped(o.kind), escaped(o.id));
  if (!o.place.file.empty()) {
    out += fmt::format(" file=\"{}\" line=\"{}\"", escaped(o.place.file),
                       o.place.line == 0 ? 1 : o.place.line);
  }
  const std::string inner = body(o);
  return out + (inner.empty() ? "/>\n" : ">" + inner + "</testcase>\n");
}

}  // namespace

std::string verify_junit(const verify::Report& report) {
  Counts all;
  std::string suites;
  for (const Suite& suite : report.suites) {
    Counts counts;
    std::string cases;
    for (const Outcome& o : suite.results) {
      counts.add(o);
      all.add(o);
      cases += test_case(o);
    }
    suites += fmt::format("  <testsuite name=\"{}\" {}>\n", escaped(suite.name), counts.text());
    suites += fmt::format("    <properties><property name=\"database\" value=\"{}\"/>",
                          escaped(report.database));
    for (const std::string& rules : report.rules) {
      suites += fmt::format("<property name=\"rules\" value=\"{}\"/>", escaped(rules));
    }
    suites += "</properties>\n" + cases + "  </testsuite>\n";
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"natlens verify\" "
      "{}>\n{}</testsuites>\n",
      all.text(), suites);
}

}  // namespace natlens::report
