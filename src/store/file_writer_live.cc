// A capture that goes on while others read: rows that are written again, and what is derived
// from them again and again.
#include <algorithm>

#include <fmt/format.h>

#include "binding.h"
#include "file_writer.h"
#include "schema.h"

namespace natlens::store {
namespace {

constexpr const char* kForgetDerivedSql =
    "DELETE FROM mapping; DELETE FROM nat; DELETE FROM nat_behaviour; DELETE FROM path_step;"
    "DELETE FROM finding; DELETE FROM finding_frame;";

// What is open, what may be forgotten by when it ended, and how what is said of a connection is
// found. Only a capture that goes on asks.
constexpr const char* kLiveIndexesSql = R"(
CREATE INDEX connection_open ON connection (id) WHERE close_reason = 'end';
CREATE INDEX connection_end ON connection (end_ns) WHERE close_reason <> 'end';
CREATE INDEX candidate_other ON candidate (other_connection_id);
CREATE INDEX sequence_change_translation ON sequence_change (translation_id);
CREATE INDEX tunnelled_connection ON tunnelled (connection_id);
CREATE INDEX statement_connection ON statement (connection_id);
CREATE INDEX packet_note_connection ON packet_note (connection_id, time_ns);
CREATE TEMP TABLE going (id INTEGER PRIMARY KEY);
CREATE TEMP TABLE going_translation (id INTEGER PRIMARY KEY);)";

// {0}: ended before; {1}: at most. A partner that is kept keeps a connection.
constexpr const char* kForgetSql = R"(
DELETE FROM temp.going;
DELETE FROM temp.going_translation;
INSERT INTO temp.going
SELECT c.id FROM connection AS c
 WHERE c.close_reason <> 'end' AND c.end_ns < {0}
   AND NOT EXISTS (SELECT 1 FROM translation AS t
                     JOIN connection AS o ON o.id = t.outside_connection_id
                    WHERE t.inside_connection_id = c.id
                      AND (o.close_reason = 'end' OR o.end_ns >= {0}))
   AND NOT EXISTS (SELECT 1 FROM translation AS t
                     JOIN connection AS o ON o.id = t.inside_connection_id
                    WHERE t.outside_connection_id = c.id
                      AND (o.close_reason = 'end' OR o.end_ns >= {0}))
 ORDER BY c.end_ns LIMIT {1};
INSERT OR IGNORE INTO temp.going_translation
SELECT id FROM translation WHERE inside_connection_id IN (SELECT id FROM temp.going);
INSERT OR IGNORE INTO temp.going_translation
SELECT id FROM translation WHERE outside_connection_id IN (SELECT id FROM temp.going);
DELETE FROM packet_account WHERE translation_id IN (SELECT id FROM temp.going_translation);
DELETE FROM packet_fate WHERE translation_id IN (SELECT id FROM temp.going_translation);
DELETE FROM sequence_change WHERE translation_id IN (SELECT id FROM temp.going_translation);
DELETE FROM translation WHERE id IN (SELECT id FROM temp.going_translation);
DELETE FROM candidate WHERE connection_id IN (SELECT id FROM temp.going);
DELETE FROM candidate WHERE other_connection_id IN (SELECT id FROM temp.going);
DELETE FROM unpaired WHERE connection_id IN (SELECT id FROM temp.going);
DELETE FROM invalid WHERE connection_id IN (SELECT id FROM temp.going);
DELETE FROM invalid WHERE connection_id IS NULL AND time_ns < {0};
DELETE FROM encapsulation WHERE connection_id IN (SELECT id FROM temp.going);
DELETE FROM tunnelled WHERE connection_id IN (SELECT id FROM temp.going);
DELETE FROM statement WHERE connection_id IN (SELECT id FROM temp.going);
DELETE FROM packet_note WHERE connection_id IN (SELECT id FROM temp.going);
DELETE FROM packet_note WHERE connection_id IS NULL AND time_ns < {0};
DELETE FROM icmp_error WHERE connection_id IN (SELECT id FROM temp.going);
DELETE FROM connection WHERE id IN (SELECT id FROM temp.going);)";

}  // namespace

Result<void> FileWriter::go_live() {
  inserts_.connection = insert_into("connection", kConnectionColumns, true);
  inserts_.translation = insert_into("translation", kTranslationColumns, true);
  inserts_.account = insert_into("packet_account", kAccountColumns, true);
  inserts_.take_back = Statement(db_.get(), "DELETE FROM translation WHERE id = ?");
  inserts_.take_back_accounts =
      Statement(db_.get(), "DELETE FROM packet_account WHERE translation_id = ?");
  for (const Statement* statement :
       {&inserts_.connection, &inserts_.translation, &inserts_.account, &inserts_.take_back,
        &inserts_.take_back_accounts}) {
    if (!statement->prepared()) fail();
  }
  if (begin() && run(kIndexesSql)) run(kLiveIndexesSql);
  meta("live", "1");
  return flush();
}

Result<void> FileWriter::derive_anew(std::size_t most) {
  if (auto flushed = flush(); !flushed) return flushed;
  newest_from_ = newest_since_ = 0;
  if (most != 0) find_newest(most);
  if (begin()) run(kForgetDerivedSql);
  deriving_ = true;
  return outcome();
}

void FileWriter::find_newest(std::size_t most) {
  const Statement last(db_.get(), "SELECT max(id) FROM translation");
  if (!last.prepared() || sqlite3_step(last.get()) != SQLITE_ROW) return;
  newest_from_ =
      std::max<std::int64_t>(sqlite3_column_int64(last.get(), 0) - as_integer(most), 0);
  if (newest_from_ == 0) return;
  const Statement first(db_.get(),
                        fmt::format("SELECT min(start_ns) FROM translation WHERE id > {}",
                                    newest_from_));
  if (!first.prepared() || sqlite3_step(first.get()) != SQLITE_ROW) return;
  newest_since_ = sqlite3_column_int64(first.get(), 0);
}

Result<void> FileWriter::derived() {
  deriving_ = false;
  newest_from_ = newest_since_ = 0;
  return flush();
}

void FileWriter::forget(Timestamp ended_before, std::size_t most) {
  if (!begin()) return;
  run(fmt::format(fmt::runtime(kForgetSql), ended_before.ns(), most).c_str());
}

void FileWriter::take_back(std::uint64_t translation) {
  if (!begin()) return;
  const auto id = static_cast<std::int64_t>(translation);
  insert(inserts_.take_back.integer(id));
  insert(inserts_.take_back_accounts.integer(id));
}

}  // namespace natlens::store
