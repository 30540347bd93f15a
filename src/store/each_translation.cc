// Translations handed back in order: derived rows (mappings, relations, paths) are made from
// what is in the file, and SQLite sorts in files of its own, so memory does not grow with their
// number.
#include <array>

#include <fmt/format.h>

#include "columns.h"
#include "file_writer.h"
#include "schema.h"

namespace natlens::store {
namespace {

// The columns that read_row() takes, in its order.
constexpr std::string_view kSelect =
    "SELECT translation_id, inside_connection_id, outside_connection_id, inside_tap_id,"
    " outside_tap_id, kind, confidence, opened_from, start_ns, end_ns, bits,"
    " max(inside_last_ns, outside_last_ns),"
    " inside_protocol, inside_src, inside_sport, inside_dst, inside_dport,"
    " outside_protocol, outside_src, outside_sport, outside_dst, outside_dport,"
    " inside_state, inside_replied, inside_answered_after_ms, outside_answered_after_ms,"
    " inside_resumed_after_ms, inside_answer_gap_ms, inside_answer_apart_ms,"
    " outside_answer_apart_ms"
    " FROM translation_tuples AS s ";

// nat::mapping_ends in SQL.
constexpr std::string_view kByMapping =
    "ORDER BY inside_tap_id, outside_tap_id, inside_protocol,"
    " CASE kind WHEN 'dnat' THEN inside_dst WHEN 'hairpin' THEN outside_dst ELSE inside_src "
    "END,"
    " CASE kind WHEN 'dnat' THEN inside_dport WHEN 'hairpin' THEN outside_dport"
    " ELSE inside_sport END,"
    " CASE kind WHEN 'dnat' THEN outside_dst WHEN 'hairpin' THEN inside_dst ELSE outside_src "
    "END,"
    " CASE kind WHEN 'dnat' THEN outside_dport WHEN 'hairpin' THEN inside_dport"
    " ELSE outside_sport END,"
    " start_ns, translation_id";

// The newest ones, and those of connections that are open.
constexpr std::string_view kNewest =
    "translation_id IN (SELECT id FROM translation WHERE id > {} UNION"
    " SELECT id FROM translation WHERE inside_connection_id IN"
    " (SELECT id FROM connection WHERE close_reason = 'end')) ";

constexpr std::string_view kChained =
    "(EXISTS (SELECT 1 FROM translation AS t"
    " WHERE t.inside_connection_id = s.outside_connection_id)"
    " OR EXISTS (SELECT 1 FROM translation AS t"
    " WHERE t.outside_connection_id = s.inside_connection_id)"
    " OR EXISTS (SELECT 1 FROM translation AS t"
    " WHERE t.inside_connection_id = s.inside_connection_id AND t.id <> s.translation_id)"
    " OR EXISTS (SELECT 1 FROM translation AS t"
    " WHERE t.outside_connection_id = s.outside_connection_id AND t.id <> s.translation_id)) ";

std::string_view order_text(TranslationOrder order) {
  switch (order) {
    case TranslationOrder::kById:
      return "ORDER BY translation_id";
    case TranslationOrder::kByMapping:
      return kByMapping;
    case TranslationOrder::kByConnection:
      return "ORDER BY inside_connection_id, start_ns, translation_id";
    case TranslationOrder::kChained:
      return "ORDER BY start_ns, translation_id";
  }
  return {};
}

nat::TranslationRow read_row(sqlite3_stmt* statement, bool lives) {
  using correlate::FirstSeen;
  Columns column(statement);
  nat::TranslationRow row;
  row.id = column.integer();
  row.inside_connection = column.integer();
  row.outside_connection = column.integer();
  row.inside_tap = column.port();
  row.outside_tap = column.port();
  row.kind = named<correlate::TranslationKind>(correlate::kTranslationKindNames, column.text());
  row.confidence = column.text() == "certain" ? correlate::Confidence::kCertain
                                              : correlate::Confidence::kLikely;
  row.opened_from = column.text() == "outside" ? FirstSeen::kOutside : FirstSeen::kInside;
  row.start = column.time();
  row.end = column.time();
  row.bits = column.real();
  const Timestamp last = column.time();
  if (lives) row.alive_until = last;
  row.inside = column.tuple();
  row.outside = column.tuple();
  const std::string_view state = column.text();
  row.closed = state == "LAST_ACK" || state == "TIME_WAIT" || state == "CLOSE";
  row.answered = column.integer() != 0;
  row.answered_after_ms = static_cast<std::uint32_t>(column.integer());
  row.came_after_ms = static_cast<std::uint32_t>(column.integer());
  row.resumed_after_ms = static_cast<std::uint32_t>(column.integer());
  row.answer_gap_ms = static_cast<std::uint32_t>(column.integer());
  row.answer_apart_ms = static_cast<std::uint32_t>(column.integer());
  row.came_apart_ms = static_cast<std::uint32_t>(column.integer());
  return row;
}

}  // namespace

Result<void> FileWriter::each_translation(
    TranslationOrder order, const std::function<void(const nat::TranslationRow&)>& use) {
  if (auto flushed = flush(); !flushed) return flushed;
  const bool chained = order == TranslationOrder::kChained;
  // What looks for neighbours needs the indexes that finish() would build anyway.
  if (chained && (!begin() || !run(kIndexesSql))) return outcome();
  std::string where = chained ? fmt::format("WHERE {}", kChained) : "";
  if (newest_from_ != 0) {
    where += fmt::format(fmt::runtime(chained ? "AND {}" : "WHERE {}"),
                         fmt::format(fmt::runtime(kNewest), newest_from_));
  }
  const Statement select(db_.get(), fmt::format("{}{}{}", kSelect, where, order_text(order)));
  if (!select.prepared()) {
    fail();
    return outcome();
  }
  int result = sqlite3_step(select.get());
  for (; result == SQLITE_ROW && error_.empty(); result = sqlite3_step(select.get())) {
    use(read_row(select.get(), chained));
  }
  if (result != SQLITE_DONE) fail();
  return outcome();
}

Result<void> FileWriter::each_unpaired(
    const std::function<void(const nat::UnpairedRow&)>& use) {
  if (auto flushed = flush(); !flushed) return flushed;
  // By the index over ends, where it is there.
  const std::string_view newest =
      newest_since_ != 0 ? " AND c.close_reason <> 'end' ORDER BY +c.id" : " ORDER BY c.id";
  const Statement select(
      db_.get(),
      fmt::format(
          "SELECT c.id, c.tap_id, c.start_ns, c.protocol, c.src, c.sport, c.dst, c.dport"
          " FROM unpaired AS u JOIN connection AS c ON c.id = u.connection_id"
          " WHERE u.reason = 'nothing_in_common' AND c.end_ns >= {}{}",
          newest_since_, newest));
  if (!select.prepared()) {
    fail();
    return outcome();
  }
  int result = sqlite3_step(select.get());
  for (; result == SQLITE_ROW; result = sqlite3_step(select.get())) {
    Columns column(select.get());
    nat::UnpairedRow row;
    row.connection = column.integer();
    row.tap = column.port();
    row.start = column.time();
    row.original = column.tuple();
    use(row);
  }
  if (result != SQLITE_DONE) fail();
  return outcome();
}

}  // namespace natlens::store
