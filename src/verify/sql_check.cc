#include "sql_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "natlens/net/nearest.h"
#include "natlens/store/failures.h"

namespace natlens::verify {
namespace {

constexpr auto kKeys = std::to_array<std::string_view>(
    {"id", "title", "severity", "warn-if", "error-if", "min-subjects", "tags", "reason"});

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// A word and a colon: a key, though perhaps a misspelt one.
bool looks_like_key(std::string_view word) {
  const auto key_char = [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; };
  if (word.empty() || !std::all_of(word.begin(), word.end(), key_char)) return false;
  const std::string near = nearest(word, kKeys);
  return !near.empty();
}

Result<void> take(CheckHeader& header,
                  std::string_view key,
                  const std::string& value,
                  const ruleset::Place& place) {
  const auto threshold = [&](std::optional<Threshold>& to) -> Result<void> {
    to = parse_threshold(value);
    if (to) return {};
    return at(place, fmt::format("`{}: {}` is no limit, such as > 3", key, value));
  };
  if (key == "id") header.id = value;
  if (key == "title") header.title = value;
  if (key == "reason") header.reason = value;
  if (key == "min-subjects") header.min_subjects = value;
  if (key == "warn-if") return threshold(header.warn_if);
  if (key == "error-if") return threshold(header.error_if);
  if (key == "tags") {
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      header.tags.emplace_back(trimmed(rest.substr(0, comma)));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  if (key == "severity") {
    if (value != "error" && value != "warning" && value != "warn") {
      return at(place, fmt::format("`severity: {}` is none of error, warning", value));
    }
    header.severity = value == "error" ? Severity::kError : Severity::kWarning;
  }
  return {};
}

// SQLite tells "...: line 2, column 8" of the query.
Error located(const std::string& file, const Error& error) {
  unsigned line = 1;
  unsigned column = 1;
  const auto where = error.message.rfind(": line ");
  std::string what = error.message;
  if (where != std::string::npos &&
      std::sscanf(error.message.c_str() + where, ": line %u, column %u", &line, &column) == 2) {
    what = error.message.substr(0, where);
  }
  return at({file, line, column}, what);
}

// What the reporters understand of a row: frame, tap, connection_id, message.
struct RowReader {
  const Context& c;
  std::vector<std::string> columns;

  std::string cell(std::span<const store::Value> row, std::string_view name) const {
    const auto found = std::find(columns.begin(), columns.end(), name);
    return found == columns.end()
               ? std::string()
               : store::to_text(row[static_cast<std::size_t>(found - columns.begin())]);
  }
  Counterexample example(std::span<const store::Value> row) const {
    Counterexample e;
    std::string rest;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string& name = columns[i];
      if (name == "message" || name == "frame" || name == "file_id") continue;
      const std::string text = store::to_text(row[i]);
      if (text.empty()) continue;
      rest += fmt::format("{}{} {}", rest.empty() ? "" : ", ", name, text);
    }
    const std::string message = cell(row, "message");
    e.flow = message.empty() ? rest : message;
    e.got = message.empty() ? "" : rest;
    e.violation = "row";
    const std::string frame = cell(row, "frame");
    if (!frame.empty()) {
      FrameRef ref;
      ref.tap = cell(row, "tap");
      if (ref.tap.empty()) ref.tap = cell(row, "outside_tap");
      if (ref.tap.empty()) ref.tap = cell(row, "file");
      ref.frame = static_cast<std::uint32_t>(std::strtoul(frame.c_str(), nullptr, 10));
      e.frames.push_back(std::move(ref));
    }
    const auto address = Address::parse(cell(row, "src"));
    if (address) e.prefix = prefix_text(*address);
    return e;
  }
};

}  // namespace

Result<CheckHeader> read_header(std::string_view sql, const std::string& file) {
  CheckHeader header;
  for (std::uint32_t line = 1; !sql.empty(); ++line) {
    const auto end = std::min(sql.find('\n'), sql.size());
    std::string_view text = trimmed(sql.substr(0, end));
    sql.remove_prefix(std::min(end + 1, sql.size()));
    if (text.empty()) continue;
    if (!text.starts_with("--")) break;
    text = trimmed(text.substr(2));
    const auto colon = text.find(": ");
    if (colon == std::string_view::npos || !looks_like_key(text.substr(0, colon))) continue;
    const std::string_view key = text.substr(0, colon);
    const ruleset::Place place{file, line, 4};
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return at(place,
                fmt::format("unknown key `{}`: did you mean `{}`?", key, nearest(key, kKeys)));
    }
    if (auto done = take(header, key, std::string(trimmed(text.substr(colon + 1))), place);
        !done)
      return done.error();
  }
  return header;
}

Result<Check> load_check(const std::string& name) {
  for (const store::NamedQuery& query : store::catalogue()) {
    if (query.name != name && query.name != "checks/" + name) continue;
    Check check{std::string(query.name), std::string(query.sql), {}};
    auto header = read_header(check.sql, check.file);
    if (!header) return header.error();
    check.header = std::move(*header);
    return check;
  }
  auto text = read_file(name);
  if (!text) {
    std::vector<std::string_view> known;
    for (const store::NamedQuery& query : store::catalogue()) {
      if (query.name.starts_with("checks/")) known.push_back(query.name.substr(7));
    }
    const std::string near = nearest(name, known);
    return Error{fmt::format("{}: no such check and no such file{}", name,
                             near.empty()
                                 ? fmt::format("; there are {}", fmt::join(known, ", "))
                                 : fmt::format("; did you mean {}?", near))};
  }
  Check check{name, std::move(*text), {}};
  auto header = read_header(check.sql, check.file);
  if (!header) return header.error();
  check.header = std::move(*header);
  return check;
}

Result<void> run_check(const Context& c, const Check& check, Outcome& o, Limits& limits) {
  store::Database& database = c.scene.database;
  database.guard(check.limit_ms);
  o.unit = "rows";
  if (check.header.severity) o.severity = *check.header.severity;
  if (!limits.warn_if) limits.warn_if = check.header.warn_if;
  if (!limits.error_if) limits.error_if = check.header.error_if;
  if (o.title.empty()) o.title = check.header.title;
  if (o.reason.empty()) o.reason = check.header.reason;
  o.tags.insert(o.tags.end(), check.header.tags.begin(), check.header.tags.end());
  if (check.header.min_subjects.empty()) {
    o.subjects = 1;  // the query itself
  } else {
    const auto subjects = database.query(check.header.min_subjects);
    if (!subjects) return located(check.file, subjects.error());
    if (!subjects->rows.empty() && !subjects->rows[0].empty()) {
      o.subjects = static_cast<std::uint64_t>(
          std::strtoull(store::to_text(subjects->rows[0][0]).c_str(), nullptr, 10));
    }
    o.unit = "subjects";
  }
  RowReader reader{c, {}};
  store::Table failures;
  auto done = database.each(
      check.sql, {},
      [&](std::span<const std::string> columns) {
        reader.columns.assign(columns.begin(), columns.end());
        failures.columns = reader.columns;
      },
      [&](std::span<const store::Value> row) {
        violate(c, o, reader.example(row));
        if (!c.options.store_failures.empty() && failures.rows.size() < kMostExamplesStored) {
          failures.rows.emplace_back(row.begin(), row.end());
        }
        return true;
      });
  if (!done) return located(check.file, done.error());
  if (o.violations > 0) o.message = amount(o.violations, "rows");
  if (check.header.min_subjects.empty() && o.violations == 0) o.message = "no rows";
  if (o.subjects < o.violations) o.subjects = o.violations;
  if (c.options.store_failures.empty()) return {};
  return store::keep_failures(c.options.store_failures, o.id, failures);
}

Judged judge_sql(const Context& c, const Assertion& a, Outcome& o) {
  const Value* file = a.find("file");
  const Value* query = a.find("query");
  Check check;
  if (file != nullptr) {
    const std::string path = beside(a.file, file->text);
    const auto text = read_file(path);
    if (!text) return at(file->place, text.error().message);
    check.file = path;
    check.sql = *text;
    auto header = read_header(check.sql, path);
    if (!header) return header.error();
    check.header = std::move(*header);
  } else if (query != nullptr) {
    check.file = fmt::format("{}:{}: query", a.file, query->place.line);
    check.sql = query->text;
  } else {
    return at(a.place, fmt::format("\"{}\" (sql) needs `file` or `query`", a.id));
  }
  check.limit_ms = c.options.time_limit_ms;
  if (const Value* limit = a.find("time-limit")) check.limit_ms = limit->number / 1'000'000;
  Limits limits = a.limits();
  if (auto done = run_check(c, check, o, limits); !done) return done;
  if (a.has("severity")) {
    o.severity = a.find("severity")->text == "error" ? Severity::kError : Severity::kWarning;
  }
  decide(o, limits);
  return {};
}

}  // namespace natlens::verify
