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

// What is open, and what may be forgotten by when it ended. Only a capture that goes on asks.
constexpr const char* kLiveIndexesSql =
    "CREATE INDEX connection_open ON connection (id) WHERE close_reason = 'end';"
    "CREATE INDEX connection_end ON connection (end_ns) WHERE close_reason <> 'end';";

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

void FileWriter::take_back(std::uint64_t translation) {
  if (!begin()) return;
  const auto id = static_cast<std::int64_t>(translation);
  insert(inserts_.take_back.integer(id));
  insert(inserts_.take_back_accounts.integer(id));
}

}  // namespace natlens::store
