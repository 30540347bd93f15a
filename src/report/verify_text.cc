// verify for people: failures with what shows them, then the rules and how much each was used.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "natlens/report/text.h"
#include "natlens/report/verify_report.h"

namespace natlens::report {
namespace {

using verify::Counterexample;
using verify::Outcome;
using verify::Verdict;

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "ok";
    case Verdict::kFail:
      return "FAIL";
    case Verdict::kWarn:
      return "WARN";
    case Verdict::kError:
      return "ERROR";
    default:
      return "SKIP";
  }
}

// "14:03:22.118204"
std::string clock_of(std::int64_t time_ns) {
  const std::string moment = format_moment(Timestamp::from_ns(time_ns));
  const auto space = moment.find(' ');
  const auto micros = (time_ns / 1000) % 1'000'000;
  return fmt::format("{}.{:06}", moment.substr(space + 1, 8), micros);
}

std::string example_text(const Counterexample& e) {
  std::string out = fmt::format("  {}   {}\n", e.flow, e.got);
  if (!e.expected.empty()) out += fmt::format("      expected  {}\n", e.expected);
  for (const verify::FrameRef& f : e.frames) {
    out += fmt::format("      {}  frame {}", f.tap, f.frame);
    if (f.time_ns != 0) out += "  " + clock_of(f.time_ns);
    out += f.note.empty() ? "\n" : fmt::format("  {}\n", f.note);
  }
  if (!e.why.empty()) out += fmt::format("      why  {}\n", e.why);
  if (!e.rule.empty()) out += fmt::format("      rule  {}\n", e.rule);
  if (!e.see.empty()) out += fmt::format("      see  {}\n", e.see);
  return out;
}

std::string place_of(const ruleset::Place& place) {
  if (place.file.empty()) return "";
  return place.line == 0 ? place.file : fmt::format("{}:{}", place.file, place.line);
}

std::string outcome_text(const Outcome& o, std::string_view database) {
  const std::string place = place_of(o.place);
  std::string out = fmt::format("{:<5} {}{}{}   ", word_of(o.verdict), o.id,
                                place.empty() ? "" : "   ", place);
  if (o.verdict == Verdict::kNotExercised || o.verdict == Verdict::kInconclusive) {
    out += fmt::format("{}: {}\n", verify::to_string(o.verdict), o.message);
    if (!o.needs.empty()) out += fmt::format("      send:  {}\n", o.needs);
    return out;
  }
  out += o.message + "\n";
  if (o.verdict == Verdict::kPass) return out;
  if (!o.reason.empty()) out += fmt::format("      because  {}\n", o.reason);
  if (!o.needs.empty()) out += fmt::format("      needs  {}\n", o.needs);
  for (const Counterexample& e : o.examples) out += example_text(e);
  if (o.violations > o.examples.size() && !o.examples.empty()) {
    out += fmt::format("  ({} more: natlens verify {} ... --only '{}' --all)\n",
                       o.violations - o.examples.size(), database, o.id);
  }
  return out;
}

std::string coverage_text(const verify::Suite& suite) {
  if (suite.coverage.empty()) return "";
  std::uint64_t used = 0;
  std::size_t chain = 0;
  std::size_t name = 0;
  std::size_t text = 0;
  constexpr std::size_t kWidest = 72;
  for (const verify::CoverageRow& row : suite.coverage) {
    used += row.flows > 0 ? 1 : 0;
    chain = std::max(chain, row.chain.size());
    name = std::max(name, row.name.size());
    text = std::max(text, std::min(kWidest, display_width(row.text)));
  }
  std::string out = fmt::format("rule coverage: {} of {} NAT rules exercised   {}\n", used,
                                suite.coverage.size(), suite.name);
  for (const verify::CoverageRow& row : suite.coverage) {
    const std::string state = row.violations > 0 ? "VIOLATED"
                              : row.flows > 0    ? "ok"
                              : row.possibly > 0 ? "POSSIBLY"
                                                 : "NOT EXERCISED";
    const std::uint64_t flows = row.flows > 0 ? row.flows : row.possibly;
    out += fmt::format("  {}  {}  {}  {:>5} {:<5}  {}{}{}\n", pad_right(row.chain, chain),
                       pad_right(row.name, name), pad_right(clip(row.text, text), text), flows,
                       flows == 1 ? "flow" : "flows", state, row.detail.empty() ? "" : "   ",
                       row.detail);
  }
  return out;
}

std::string unsettled_text(const verify::Suite& suite) {
  std::string out;
  for (const verify::Unsettled& u : suite.unsettled) {
    out += fmt::format("  {} {} on {}{}{}: {} settles it\n", u.flows,
                       u.flows == 1 ? "flow depends" : "flows depend", u.what,
                       u.rule.empty() ? "" : ", asked by ", u.rule, u.hint);
  }
  return out.empty() ? "" : "captures do not show\n" + out;
}

// A requirement of an RFC: yes, no, or what would tell.
std::string requirement_text(const Outcome& o) {
  const std::string_view answer = o.verdict == Verdict::kPass   ? "yes"
                                  : o.verdict == Verdict::kFail ? "NO"
                                  : o.verdict == Verdict::kWarn ? "no"
                                                                : "undetermined";
  std::string out = fmt::format("{:<13} {:<24} {}: {}\n", answer, o.id, o.title, o.message);
  if (!o.needs.empty()) out += fmt::format("{:>38} send:  {}\n", "", o.needs);
  for (const Counterexample& e : o.examples) out += example_text(e);
  return out;
}

std::string mutants_text(const verify::Report& report) {
  if (!report.mutated) return "";
  std::uint64_t unprotected = 0;
  std::string out;
  for (const verify::Mutant& m : report.mutants) {
    unprotected += m.noticed_by.empty() ? 1 : 0;
    out += fmt::format("  {}  {}   {}\n", m.noticed_by.empty() ? "NOT NOTICED" : "noticed",
                       m.change, m.rule);
  }
  return fmt::format(
             "mutation: {} of {} changes of rules would not be noticed in this capture\n",
             unprotected, report.mutants.size()) +
         out;
}

std::string changes_text(const verify::Report& report) {
  if (!report.compared) return "";
  std::uint64_t flows = 0;
  std::string out;
  for (const verify::ChangedGroup& group : report.changes) {
    flows += group.flows;
    out += fmt::format("  {} {}: {} instead of {}\n", group.flows,
                       group.flows == 1 ? "flow" : "flows", group.after, group.before);
    for (const Counterexample& e : group.examples) {
      out += fmt::format("    {}\n      would leave {}\n      instead of {}\n", e.flow, e.got,
                         e.expected);
    }
  }
  return fmt::format("what if: {} {} would be treated otherwise\n", flows,
                     flows == 1 ? "flow" : "flows") +
         out;
}

// Names come from captures and policies: each line is made printable.
std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out += printable(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string totals(const verify::Report& report) {
  std::array<std::uint64_t, static_cast<std::size_t>(Verdict::kCount)> counts{};
  std::uint64_t all = 0;
  for (const verify::Suite& suite : report.suites) {
    for (const Outcome& o : suite.results) {
      ++counts[static_cast<std::size_t>(o.verdict)];
      ++all;
    }
  }
  const auto of = [&](Verdict v) { return counts[static_cast<std::size_t>(v)]; };
  std::string out = fmt::format("{} of {} failed", of(Verdict::kFail), all);
  for (const auto& [verdict, word] :
       {std::pair{Verdict::kError, "in error"}, std::pair{Verdict::kWarn, "with a warning"},
        std::pair{Verdict::kNotExercised, "not exercised"},
        std::pair{Verdict::kInconclusive, "inconclusive"}}) {
    if (of(verdict) > 0) out += fmt::format(", {} {}", of(verdict), word);
  }
  return out + fmt::format(", {} passed", of(Verdict::kPass));
}

}  // namespace

std::string verify_text(const verify::Report& report, int exit_code) {
  std::string out;
  for (const verify::Suite& suite : report.suites) {
    for (const Outcome& o : suite.results) {
      out += suite.is_profile ? requirement_text(o) : outcome_text(o, report.database);
    }
    out += coverage_text(suite);
    out += unsettled_text(suite);
  }
  out += mutants_text(report) + changes_text(report);
  return harmless(out) + fmt::format("{}   exit {}\n", totals(report), exit_code);
}

}  // namespace natlens::report
