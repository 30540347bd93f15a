// Promises held against other lists: findings, a ruleset, flows that have to exist.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "kinds.h"
#include "rules_suite.h"

namespace natlens::verify {
namespace {

int rank_of(std::string_view severity) {
  return severity == "error" ? 3 : severity == "warning" ? 2 : severity == "info" ? 1 : 0;
}

bool has(const Value* words, std::string_view word) {
  return words != nullptr &&
         std::find(words->words.begin(), words->words.end(), word) != words->words.end();
}

// A finding with the connection that it is about, if there is one.
constexpr std::string_view kFindings =
    "SELECT f.id, f.code, f.severity, f.text, f.variant, f.count, c.src, c.dst,"
    " (SELECT g.frame FROM finding_frame AS g WHERE g.finding_id = f.id ORDER BY number LIMIT "
    "1)"
    " AS frame, (SELECT p.path FROM finding_frame AS g JOIN file AS p ON p.id = g.file_id"
    " WHERE g.finding_id = f.id ORDER BY number LIMIT 1) AS file, c.sport, c.dport"
    " FROM finding AS f LEFT JOIN translation AS t ON f.subject = 'translation'"
    " AND t.id = f.subject_id LEFT JOIN connection AS c ON c.id = CASE f.subject"
    " WHEN 'connection' THEN f.subject_id WHEN 'translation' THEN t.inside_connection_id END"
    " WHERE f.explained_by IS NULL ORDER BY f.id";

bool waived(const Waiver& waiver,
            const store::Table& t,
            std::size_t row,
            const Options& options) {
  if (waiver.code != t.text(row, "code") || options.today > waiver.until) return false;
  for (const auto& [key, set] : waiver.where) {
    const auto src = Address::parse(t.text(row, "src")).value_or(Address());
    const auto dst = Address::parse(t.text(row, "dst")).value_or(Address());
    const bool fits = key == "src"   ? set.contains(src)
                      : key == "dst" ? set.contains(dst)
                                     : set.contains(src) || set.contains(dst);
    if (!fits) return false;
  }
  for (const auto& [key, ports] : waiver.ports) {
    const auto src = static_cast<std::uint16_t>(t.integer(row, "sport"));
    const auto dst = static_cast<std::uint16_t>(t.integer(row, "dport"));
    const bool fits = key == "sport"   ? ports.contains(src)
                      : key == "dport" ? ports.contains(dst)
                                       : ports.contains(src) || ports.contains(dst);
    if (!fits) return false;
  }
  return true;
}

// One line of a golden list: "tcp 10.0.0.2:5000 192.0.2.9:443 198.51.100.1:5000 192.0.2.9:443".
struct Golden {
  std::uint32_t line = 0;
  std::string text;
  std::array<std::string, 5> words;
};

Result<std::vector<Golden>> read_golden(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  std::vector<Golden> all;
  std::uint32_t number = 0;
  for (std::string_view rest = *text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    line = line.substr(0, std::min(line.find('#'), line.size()));
    Golden golden{number, std::string(line), {}};
    std::size_t words = 0;
    while (!line.empty()) {
      const auto space = std::min(line.find_first_of(" \t\r"), line.size());
      if (space > 0 && words < golden.words.size()) golden.words[words] = line.substr(0, space);
      words += space > 0 ? 1 : 0;
      line.remove_prefix(std::min(space + 1, line.size()));
    }
    if (words == 0) continue;
    if (words != golden.words.size()) {
      return at({path, number, 1},
                "expected PROTOCOL SRC DST SRC-AFTER DST-AFTER, with * for any");
    }
    all.push_back(std::move(golden));
  }
  return all;
}

bool matches(const std::string& pattern, const std::string& text) {
  if (pattern == "*" || pattern == text) return true;
  const auto star = pattern.find(":*");  // any port
  return star != std::string::npos && star + 2 == pattern.size() &&
         text.substr(0, text.rfind(':')) == pattern.substr(0, star);
}

}  // namespace

Judged judge_findings(const Context& c, const Assertion& a, Outcome& o) {
  const Value* max = a.find("max-severity");
  const Value* codes = a.find("codes");
  const Value* allow = a.find("allow");
  const Value* budget = a.find("budget");
  const int allowed = rank_of(max == nullptr ? "info" : max->text);
  const auto rows = c.scene.database.query(kFindings);
  if (!rows) return rows.error();
  o.unit = "connections";
  for (const Tap& tap : c.scene.taps) o.subjects += tap.frames > 0 ? 1 : 0;
  o.unit = "taps";
  std::map<std::string, std::int64_t> counts;
  for (std::size_t i = 0; i < rows->rows.size(); ++i) {
    const std::string code = rows->text(i, "code");
    const bool watched =
        codes == nullptr ? rank_of(rows->text(i, "severity")) > allowed : has(codes, code);
    if (!watched || has(allow, code)) continue;
    bool forgiven = false;
    for (const Waiver& waiver : c.policy.waivers) {
      if (!waived(waiver, *rows, i, c.options)) continue;
      forgiven = true;
      ++waiver.used;
    }
    if (forgiven) {
      ++o.waived;
      continue;
    }
    if (budget != nullptr) {
      const auto limit = budget->budget.find(code);
      if (limit != budget->budget.end() && ++counts[code] <= limit->second) continue;
    }
    Counterexample e;
    e.flow = code;
    e.expected = "not found";
    e.got = rows->text(i, "text");
    e.violation = code;
    if (rows->integer(i, "frame") != 0) {
      e.frames.push_back({rows->text(i, "file"), rows->text(i, "file"),
                          static_cast<std::uint32_t>(rows->integer(i, "frame")), 0, ""});
    }
    if (const auto src = Address::parse(rows->text(i, "src"))) e.prefix = prefix_text(*src);
    e.see = fmt::format("natlens explain {}", code);
    if (o.finding.empty()) o.finding = code;
    violate(c, o, std::move(e));
  }
  if (o.violations > 0) o.message = amount(o.violations, "findings");
  if (o.violations == 0 && o.subjects > 0) {
    o.message = o.waived > 0 ? fmt::format("none but {} waived", o.waived) : "none";
  }
  return {};
}

Judged judge_ruleset(const Context& c, const Assertion& a, Outcome& o) {
  const Value& file = *a.find("file");
  const std::string path = beside(a.file, file.text);
  auto judged = judge_file(c.scene, path, c.options, c.report);
  if (!judged) return judged.error();
  Suite suite = suite_of(c.scene, *judged);
  o.subjects = judged->verdict.flows;
  bool inconclusive = false;
  for (Outcome& rule : suite.results) {
    inconclusive = inconclusive || rule.verdict == Verdict::kInconclusive;
    if (rule.verdict != Verdict::kFail) continue;
    o.violations += rule.violations;
    for (Counterexample& e : rule.examples) {
      if (o.examples.size() < c.most_examples) o.examples.push_back(e);
    }
  }
  if (inconclusive && o.violations == 0) {
    o.verdict = Verdict::kInconclusive;
    o.message = "what was seen depends on what captures do not show";
  }
  const bool there = std::any_of(
      c.report.suites.begin(), c.report.suites.end(),
      [&](const Suite& other) { return other.is_rules && other.name == suite.name; });
  if (!there) c.report.suites.push_back(std::move(suite));
  o.needs = "traffic between two taps of that router";
  return {};
}

Judged judge_expect(const Context& c, const Assertion& a, Outcome& o) {
  const std::string path = beside(a.file, a.find("file")->text);
  const auto golden = read_golden(path);
  if (!golden) return golden.error();
  std::set<std::size_t> found;
  for (const Flow& flow : c.scene.flows) {
    if (!in_scope(c, a, flow.entered) || flow.kind == Kind::kTunnel) continue;
    const std::array<std::string, 5> seen{
        protocol_name(flow.entered.tuple.protocol), source_text(flow.entered.tuple),
        destination_text(flow.entered.tuple), source_text(flow.left.tuple),
        destination_text(flow.left.tuple)};
    bool listed = false;
    for (std::size_t i = 0; i < golden->size(); ++i) {
      const auto& words = (*golden)[i].words;
      if (!std::equal(words.begin(), words.end(), seen.begin(), matches)) continue;
      listed = true;
      found.insert(i);
    }
    if (listed || a.flag("extra", true)) continue;
    Counterexample e = example_of(c, flow);
    e.expected = "a flow of the list";
    e.got = fmt::format("left as {} -> {}", seen[3], seen[4]);
    e.violation = "extra";
    violate(c, o, std::move(e));
  }
  o.subjects = c.scene.flows.empty() ? 0 : golden->size();
  for (std::size_t i = 0; i < golden->size() && o.subjects > 0; ++i) {
    if (found.contains(i)) continue;
    Counterexample e;
    e.flow = (*golden)[i].text;
    e.expected = "this flow";
    e.got = "not seen so";
    e.violation = "missing";
    e.place = {path, (*golden)[i].line, 1};
    violate(c, o, std::move(e));
  }
  return {};
}

}  // namespace natlens::verify
