// A job summary: the whole table, failures with what shows them.
#include <fmt/format.h>

#include "natlens/report/text.h"
#include "natlens/report/verify_report.h"

#include "verify_words.h"

namespace natlens::report {
namespace {

using verify::Outcome;
using verify::Verdict;

// In a cell of a table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '|' || c == '<' || c == '`' || c == '*' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string_view mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "ok";
    case Verdict::kFail:
      return "**FAIL**";
    case Verdict::kWarn:
      return "warning";
    case Verdict::kError:
      return "**ERROR**";
    default:
      return verify::to_string(verdict);
  }
}

}  // namespace

std::string verify_markdown(const verify::Report& report) {
  std::string out = "## natlens verify\n";
  for (const verify::Suite& suite : report.suites) {
    out += fmt::format(
        "\n### {}\n\n| verdict | promise | kind | what was seen |\n|---|---|---|---|\n",
        cell(suite.name));
    for (const Outcome& o : suite.results) {
      out += fmt::format("| {} | {} | {} | {} |\n", mark(o.verdict), cell(o.id), cell(o.kind),
                         cell(headline(o)));
    }
    if (suite.coverage.empty()) continue;
    out += "\n| rule | text | flows |\n|---|---|---|\n";
    for (const verify::CoverageRow& row : suite.coverage) {
      out += fmt::format(
          "| {} {} | {} | {} |\n", cell(row.chain), cell(row.name), cell(row.text),
          row.flows == 0 && row.possibly > 0 ? fmt::format("{} possibly", row.possibly)
          : row.flows == 0                   ? "not exercised"
                                             : std::to_string(row.flows));
    }
  }
  return out;
}

}  // namespace natlens::report
