#include "natlens/report/live.h"

#include <utility>

#include <fmt/format.h>

#include "natlens/report/text.h"

#include "blocks.h"

namespace natlens::report {
namespace {

constexpr std::string_view kTaps =
    "SELECT name AS tap, frames, connections, dropped,"
    " strftime('%H:%M:%S', last_ns / 1000000000, 'unixepoch') AS \"last packet (UTC)\""
    " FROM tap ORDER BY id LIMIT 8";

constexpr std::string_view kMappings =
    "SELECT kind, protocol, internal_addr AS internal, internal_port AS port,"
    " external_addr AS external, external_port AS \"port \", translations AS connections,"
    " far_endpoints AS \"far ends\""
    " FROM mapping ORDER BY translations DESC, last_ns DESC LIMIT 8";

constexpr std::string_view kFindings =
    "SELECT code || ' ' || subject || ' ' || subject_id AS key, severity, code, text"
    " FROM finding WHERE explained_by IS NULL AND severity <> 'info'"
    " ORDER BY severity = 'error' DESC, last_ns DESC LIMIT 5";

Result<std::string> block(store::Database& database,
                          std::string_view head,
                          std::string_view sql,
                          const TableStyle& style) {
  const auto table = database.query(sql);
  if (!table) return table.error();
  if (table->rows.empty()) return std::string();
  return fmt::format("{}\n{}", head, indented(table_text(*table, TableFormat::kTable, style)));
}

}  // namespace

Result<std::string> LiveView::text(store::Database& database, const TableStyle& style) {
  TableStyle inner = style;
  if (inner.max_width > 2) inner.max_width -= 2;
  auto taps = block(database, "taps", kTaps, inner);
  if (!taps) return taps.error();
  auto mappings = block(database, "mappings", kMappings, inner);
  if (!mappings) return mappings.error();
  auto found = findings(database, style);
  if (!found) return found.error();
  return *taps + *mappings + *found;
}

Result<std::string> LiveView::findings(store::Database& database, const TableStyle& style) {
  const auto table = database.query(kFindings);
  if (!table) return table.error();
  std::string out = table->rows.empty() ? "" : "findings\n";
  std::set<std::string> seen;
  for (std::size_t i = 0; i < table->rows.size(); ++i) {
    const std::string key = table->text(i, "key");
    const bool fresh = !first_ && !known_.contains(key);
    const std::string line =
        fmt::format("  {}{} {}: {}", fresh ? "new " : "", table->text(i, "severity"),
                    table->text(i, "code"), table->text(i, "text"));
    out += (style.max_width == 0 ? printable(line) : clip(line, style.max_width)) + "\n";
    seen.insert(key);
  }
  known_.merge(seen);
  first_ = false;
  return out;
}

}  // namespace natlens::report
