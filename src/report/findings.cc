#include "natlens/report/findings.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "natlens/findings/catalogue.h"
#include "natlens/findings/parameters.h"
#include "natlens/net/nearest.h"
#include "natlens/report/text.h"

#include "loader.h"

namespace natlens::report {
namespace {

constexpr std::size_t kWidth = 96;

// Lines of at most kWidth letters, each behind `margin`.
std::string folded(std::string_view text, std::size_t margin) {
  std::string out;
  std::string line;
  const auto end_line = [&] {
    out += std::string(margin, ' ') + line + '\n';
    line.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (!line.empty() && margin + line.size() + 1 + word.size() > kWidth) end_line();
    if (!line.empty()) line += ' ';
    line += word;
    at = end + 1;
  }
  if (!line.empty()) end_line();
  return out;
}

std::string title(const store::Table& rows, std::size_t i) {
  const std::string variant = rows.text(i, "variant");
  const std::int64_t count = rows.integer(i, "count");
  return fmt::format("{} {}{} ({}{})", rows.text(i, "severity"), rows.text(i, "code"),
                     variant.empty() ? "" : "/" + variant, rows.text(i, "confidence"),
                     count > 1 ? fmt::format(", {} times", count) : "");
}

// The command that shows the connection of the first frame, or what the code means.
std::string next_command(Loader& loader, const std::string& path, std::int64_t finding) {
  const store::Table rows = loader.query(
      "SELECT connection_id FROM finding_frame WHERE finding_id = ?1 AND connection_id IN"
      " (SELECT id FROM connection) ORDER BY role <> 'cause', number LIMIT 1",
      {finding});
  if (rows.rows.empty()) return "";
  return fmt::format("natlens trace {} {}", path, rows.integer(0, "connection_id"));
}

}  // namespace

Result<FindingsPage> findings_page(store::Database& database, bool all, std::uint64_t limit) {
  Loader loader(database);
  FindingsPage page;
  const store::Table rows = loader.query(fmt::format(
      "SELECT * FROM findings {} ORDER BY id LIMIT {}", all ? "" : "WHERE explained_by IS NULL",
      limit == 0 ? std::string("-1") : std::to_string(limit)));
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    if (i != 0) page.text += '\n';
    page.text += fmt::format("{}. {}\n", rows.integer(i, "id"), printable(title(rows, i)));
    page.text += folded(printable(rows.text(i, "text")), 4);
    page.text += folded("frames: " + printable(rows.text(i, "frames")), 4);
    const std::int64_t cause = rows.integer(i, "explained_by");
    if (cause != 0) page.text += fmt::format("    explained by {}\n", cause);
    if (const std::string explained = rows.text(i, "explains"); explained != "[]") {
      page.text += fmt::format("    explains {}\n", explained.substr(1, explained.size() - 2));
    }
    const std::string command = next_command(loader, database.path(), rows.integer(i, "id"));
    if (!command.empty()) page.text += fmt::format("    next: {}\n", command);
    page.text += fmt::format("          natlens explain {}\n", rows.text(i, "code"));
    if (command.empty()) {
      // Without a connection the meaning is the next step.
      page.text.replace(page.text.rfind("          natlens"), 10, "    next: ");
    }
  }
  page.findings = rows.rows.size();
  if (loader.failed()) return loader.error();
  return page;
}

Result<std::vector<std::string>> findings_about(store::Database& database,
                                                std::span<const std::int64_t> connections) {
  Loader loader(database);
  std::string list;
  for (const std::int64_t id : connections) {
    list += fmt::format("{}{}", list.empty() ? "" : ",", id);
  }
  const store::Table rows = loader.query(fmt::format(
      "SELECT * FROM findings WHERE id IN (SELECT finding_id FROM finding_frame WHERE role <> "
      "'control' AND connection_id IN ({})) ORDER BY explained_by IS NOT NULL, id LIMIT 20",
      list));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    out.push_back(printable(fmt::format("{}: {} [{}]", title(rows, i), rows.text(i, "text"),
                                        rows.text(i, "frames"))));
  }
  if (loader.failed()) return loader.error();
  return out;
}

std::string code_page(std::string_view code) {
  const findings::CodeEntry* entry = findings::find_code(code);
  if (entry == nullptr) return "";
  std::string out = fmt::format("{}: {}\n", entry->code, entry->brief);
  out += fmt::format("  severity {}, {}{}\n", entry->severity,
                     entry->taps == "1"    ? "one tap is enough"
                     : entry->taps == "1+" ? "certain with taps on both sides"
                                           : "needs taps on both sides",
                     findings::detected(code) ? "" : "; not yet detected");
  const auto part = [&](std::string_view head, std::string_view text) {
    if (!text.empty()) out += fmt::format("\n{}\n", head) + folded(text, 2);
  };
  part("what is noticed", entry->seen);
  part("how it is told (A is the inside, B the outside)", entry->rule);
  part("what it is not", entry->traps);
  part("what to do", entry->advice);
  part("reference", entry->reference);
  return out;
}

std::string thresholds_page() {
  std::string out;
  for (const findings::Parameter& one : findings::Parameters::all()) {
    out += fmt::format("{:<18} {:>8g}  {}\n", one.name, one.standard, one.meaning);
  }
  return out;
}

bool looks_like_code(std::string_view text) {
  return text.find(':') == std::string_view::npos && text.find('.') == std::string_view::npos &&
         text.find('-') != std::string_view::npos;
}

std::string nearest_code(std::string_view text) {
  std::vector<std::string_view> codes;
  for (const findings::CodeEntry& entry : findings::catalogue()) codes.push_back(entry.code);
  return nearest(text, codes);
}

}  // namespace natlens::report
