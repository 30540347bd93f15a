// The page is its template with two script elements of data in it, neither of which is code:
// the tables that it shows at once, and, packed, those of the diagrams.
#include "natlens/report/page.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "natlens/findings/catalogue.h"
#include "natlens/report/nat_card.h"

#include "page_columns.h"
#include "page_packed.h"
#include "page_tables.h"
#include "page_template.h"

namespace natlens::report {
namespace {

class PageWriter {
 public:
  PageWriter(store::Database& database, const PageLimits& limits)
      : database_(database), limits_(limits) {}

  Result<void> find_origin() {
    const auto row = database_.query("SELECT coalesce(min(first_ns), 0) AS ns FROM tap");
    if (!row) return row.error();
    origin_ = row->integer(0, "ns");
    return {};
  }

  // {"about":{...},"meta":{...},...}
  Result<std::string> tables() {
    std::string out = "{\"about\":{\"database\":";
    append_page_string(out, database_.path());
    out +=
        fmt::format(",\"complete\":{},\"origin_ns\":\"{}\"}}", database_.complete(), origin_);
    for (const PageTable& table : page_tables()) {
      const auto json = columns(table.sql);
      if (!json) return json.error();
      out += fmt::format(",\"{}\":{}", table.name, *json);
    }
    const auto codes = meanings();
    if (!codes) return codes.error();
    out += ",\"codes\":" + *codes;
    const auto answers = nat_answers(database_);
    if (!answers) return answers.error();
    PageColumns columns;
    columns.head(answers->columns);
    for (const auto& row : answers->rows) columns.row(row);
    return out + ",\"answers\":" + columns.json() + "}";
  }

  Result<std::string> ladders() {
    std::string out;
    PagePacked packed;
    std::string_view before = "{";
    for (const PageTable& table : ladder_tables()) {
      const auto json = columns(table.sql);
      if (!json) return json.error();
      packed.add(fmt::format("{}\"{}\":", before, table.name), out);
      packed.add(*json, out);
      before = ",";
    }
    packed.add("}", out);
    packed.finish(out);
    return out;
  }

 private:
  std::optional<std::int64_t> value_of(std::string_view parameter) const {
    if (parameter == "origin") return origin_;
    if (parameter == "mappings") return static_cast<std::int64_t>(limits_.mappings);
    if (parameter == "ladders") return static_cast<std::int64_t>(limits_.ladders);
    return {};
  }

  // What the codes of the findings mean.
  Result<std::string> meanings() {
    const auto rows = database_.query("SELECT DISTINCT code FROM finding ORDER BY code");
    if (!rows) return rows.error();
    PageColumns columns;
    columns.head(std::vector<std::string>{"code", "brief", "advice", "reference"});
    for (std::size_t i = 0; i < rows->rows.size(); ++i) {
      const findings::CodeEntry* entry = findings::find_code(rows->text(i, "code"));
      if (entry == nullptr) continue;
      columns.row(std::vector<store::Value>{std::string(entry->code), std::string(entry->brief),
                                            std::string(entry->advice),
                                            std::string(entry->reference)});
    }
    return columns.json();
  }

  Result<std::string> columns(std::string_view sql) {
    const auto names = database_.parameters(sql);
    if (!names) return names.error();
    std::vector<store::Value> values;
    for (const std::string& name : *names) {
      const auto value = value_of(name);
      store::Value& bound = values.emplace_back();
      if (value) bound = *value;
    }
    PageColumns columns;
    const auto done = database_.each(
        sql, values, [&](std::span<const std::string> head) { columns.head(head); },
        [&](std::span<const store::Value> row) {
          columns.row(row);
          return true;
        });
    if (!done) return done.error();
    return columns.json();
  }

  store::Database& database_;
  const PageLimits& limits_;
  std::int64_t origin_ = 0;
};

constexpr std::string_view kNoPage =
    "this natlens was built without the page: install Node.js 18 or later and npm, run "
    "`scripts/page` in its sources, and build it again";

}  // namespace

Error no_page() {
  return Error{std::string(kNoPage)};
}

bool page_built() {
  return !page_template().empty();
}

Result<void> write_page(store::Database& database,
                        const PageLimits& limits,
                        const Write& write) {
  const std::string_view page = page_template();
  const std::size_t at = page.find(kPageData);
  if (at == std::string_view::npos) return no_page();
  PageWriter writer(database, limits);
  if (auto found = writer.find_origin(); !found) return found.error();
  const auto tables = writer.tables();
  if (!tables) return tables.error();
  const auto ladders = writer.ladders();
  if (!ladders) return ladders.error();
  const bool reading =
      write(page.substr(0, at)) &&
      write("<script type=\"application/json\" id=\"natlens-data\">") && write(*tables) &&
      write("</script>\n<script type=\"text/plain\" id=\"natlens-ladders\">") &&
      write(*ladders) && write("</script>");
  if (reading) write(page.substr(at + kPageData.size()));
  return {};
}

}  // namespace natlens::report
