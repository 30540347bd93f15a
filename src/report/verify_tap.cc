// TAP 14: a line an outcome, what shows a failure as a YAML block.
#include <fmt/format.h>

#include "natlens/report/text.h"
#include "natlens/report/verify_report.h"

#include "verify_words.h"

namespace natlens::report {
namespace {

using verify::Outcome;
using verify::Verdict;

// A description ends at "#"; escapes are TAP 14's.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '#' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string block(const Outcome& o) {
  std::string out = "  ---\n";
  out += fmt::format("  message: {}\n  severity: {}\n", quoted(o.message),
                     o.verdict == Verdict::kWarn ? "warn" : "fail");
  if (!o.place.file.empty()) {
    out += fmt::format("  at: {{ file: {}, line: {} }}\n", quoted(o.place.file), o.place.line);
  }
  if (!o.examples.empty()) {
    const verify::Counterexample& e = o.examples.front();
    out += fmt::format("  counterexample:\n    flow: {}\n    expected: {}\n    got: {}\n",
                       quoted(e.flow), quoted(e.expected), quoted(e.got));
    std::string frames;
    for (const verify::FrameRef& f : e.frames) {
      frames += (frames.empty() ? "" : ", ") + quoted(fmt::format("{}:{}", f.tap, f.frame));
    }
    out += fmt::format("    frames: [{}]\n", frames);
    if (!e.rule.empty()) out += fmt::format("    rule: {}\n", quoted(e.rule));
  }
  return out + "  ...\n";
}

std::string line(const Outcome& o, std::size_t number) {
  const std::string name = escaped(o.id);
  switch (o.verdict) {
    case Verdict::kPass:
      return fmt::format("ok {} - {}\n  # {}\n", number, name, escaped(o.message));
    case Verdict::kWarn:
      return fmt::format("ok {} - {} # TODO {}\n", number, name, escaped(o.message)) + block(o);
    case Verdict::kFail:
      return fmt::format("not ok {} - {}\n", number, name) + block(o);
    case Verdict::kError:
      return fmt::format("Bail out! {}: {}\n", name, escaped(o.message));
    default:
      return fmt::format("ok {} - {} # SKIP {}: {}\n", number, name,
                         verify::to_string(o.verdict), escaped(o.message));
  }
}

}  // namespace

std::string verify_tap(const verify::Report& report) {
  std::size_t count = 0;
  for (const verify::Suite& suite : report.suites) count += suite.results.size();
  std::string out = fmt::format("TAP version 14\n1..{}\n", count);
  std::size_t number = 0;
  for (const verify::Suite& suite : report.suites) {
    for (const Outcome& o : suite.results) out += line(o, ++number);
  }
  return out;
}

}  // namespace natlens::report
