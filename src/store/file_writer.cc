#include "file_writer.h"

#include <cstring>

#include <fmt/format.h>

#include "schema.h"

namespace natlens::store {
namespace {

// What an encrypted tunnel carried is at the other taps, in there, though nothing of it was
// seen; what it may have carried has candidates there.
constexpr const char* kCarriedSql =
    "DELETE FROM unpaired WHERE connection_id IN"
    " (SELECT connection_id FROM encapsulation WHERE basis = 'aligned');"
    "UPDATE unpaired SET reason = 'too_little' WHERE reason = 'nothing_in_common'"
    " AND connection_id IN (SELECT connection_id FROM candidate)";

constexpr const char* kBeforeSchema =
    "PRAGMA page_size = 16384;"  // measured: 4096 costs 8 % more CPU per row
    "PRAGMA synchronous = OFF;"
    "PRAGMA cache_size = -4096;";  // KiB; indexes sort in it: 16 MiB are no faster

// What the system said of the last failure: SQLite keeps it per connection and per file, and
// not always in the same place.
int system_error(sqlite3* db) {
  int error = sqlite3_system_errno(db);
  if (error == 0) sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
  if (error != 0) return error;
  sqlite3_file* log = nullptr;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (log != nullptr && log->pMethods != nullptr) {
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
  }
  return error;
}

}  // namespace

// "INSERT INTO t VALUES(?,?...)": the rows bind every column in the order of tables.sql.
Statement FileWriter::insert_into(std::string_view table, int columns, bool replace) {
  std::string sql =
      fmt::format("INSERT {}INTO {} VALUES(?", replace ? "OR REPLACE " : "", table);
  for (int i = 1; i < columns; ++i) sql += ",?";
  sql += ')';
  return {db_.get(), sql};
}

FileWriter::~FileWriter() {
  inserts_ = Inserts();
  if (db_ && in_transaction_) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> FileWriter::open() {
  sqlite3* db = nullptr;
  const int result =
      sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(db);
  if (result != SQLITE_OK) {
    fail();
    return outcome();
  }
  const std::string head = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};",
                                       kApplicationId, kSchemaVersion);
  // The schema goes into the file itself, before the log is used: whenever the run is killed,
  // the file alone tells what it is.
  const std::string first_rows = fmt::format(
      "INSERT INTO meta VALUES "
      "('complete','0'),('natlens_version','{}'),('schema_version','{}');",
      NATLENS_VERSION, kSchemaVersion);
  if (!run(kBeforeSchema) || !run("BEGIN") || !run(head.c_str()) || !run(kTablesSql) ||
      !run(kTranslationsSql) || !run(kRouterSql) || !run(kViewsSql) || !run(kTunnelsSql) ||
      !run(kPacketsSql) || !run(first_rows.c_str()) || !run("COMMIT") ||
      !run("PRAGMA journal_mode = WAL") || !prepare()) {
    inserts_ = Inserts();
    db_.reset();
  }
  return outcome();
}

bool FileWriter::prepare() {
  inserts_.tap = insert_into("tap", 30, true);
  inserts_.clock_step = insert_into("clock_step", 6, true);
  inserts_.file = insert_into("file", 13, true);
  inserts_.connection = insert_into("connection", kConnectionColumns);
  inserts_.invalid = insert_into("invalid", 18);
  inserts_.statement = insert_into("statement", 17);
  inserts_.encapsulation = insert_into("encapsulation", 18);
  inserts_.tunnelled = insert_into("tunnelled", 12);
  inserts_.translation = insert_into("translation", kTranslationColumns);
  inserts_.candidate = insert_into("candidate", 5);
  inserts_.unpaired = insert_into("unpaired", 2, true);
  inserts_.mapping = insert_into("mapping", 12);
  inserts_.nat = insert_into("nat", 17);
  inserts_.behaviour = insert_into("nat_behaviour", 12);
  inserts_.path_step = insert_into("path_step", 4);
  inserts_.meta = insert_into("meta", 2, true);
  inserts_.account = insert_into("packet_account", kAccountColumns);
  inserts_.fate = insert_into("packet_fate", 12);
  inserts_.sequence_change = insert_into("sequence_change", 4);
  inserts_.icmp_error = insert_into("icmp_error", 6, true);
  inserts_.link = insert_into("packet_link", 7);
  inserts_.note = insert_into("packet_note", 40);
  inserts_.finding = insert_into("finding", 14);
  inserts_.finding_frame = insert_into("finding_frame", 8);
  for (const Statement* statement :
       {&inserts_.tap,           &inserts_.clock_step,      &inserts_.file,
        &inserts_.connection,    &inserts_.invalid,         &inserts_.statement,
        &inserts_.encapsulation, &inserts_.tunnelled,       &inserts_.translation,
        &inserts_.candidate,     &inserts_.unpaired,        &inserts_.mapping,
        &inserts_.nat,           &inserts_.behaviour,       &inserts_.path_step,
        &inserts_.meta,          &inserts_.account,         &inserts_.fate,
        &inserts_.link,          &inserts_.sequence_change, &inserts_.icmp_error,
        &inserts_.note,          &inserts_.finding,         &inserts_.finding_frame}) {
    if (!statement->prepared()) {
      fail();
      return false;
    }
  }
  return true;
}

bool FileWriter::run(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return true;
  fail();
  return false;
}

void FileWriter::fail() {
  if (!error_.empty()) return;
  sqlite3* db = db_.get();
  error_ =
      fmt::format("{}: cannot write: {}", path_, db ? sqlite3_errmsg(db) : "out of memory");
  if (const int error = db ? system_error(db) : 0; error != 0) {
    error_ += fmt::format(" ({})", std::strerror(error));
  }
  error_ += "; rows committed before are kept and marked incomplete";
  if (db && !sqlite3_get_autocommit(db))
    sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
  in_transaction_ = false;
}

Result<void> FileWriter::outcome() const {
  if (error_.empty()) return {};
  return Error{error_};
}

bool FileWriter::begin() {
  if (!error_.empty()) return false;
  if (!in_transaction_) in_transaction_ = run("BEGIN");
  return in_transaction_;
}

void FileWriter::insert(Statement& statement) {
  if (statement.insert() != SQLITE_DONE) fail();
}

Result<void> FileWriter::flush() {
  if (in_transaction_ && !deriving_) {
    in_transaction_ = false;
    run("COMMIT");
  }
  return outcome();
}

Result<void> FileWriter::finish() {
  meta("complete", "1");
  if (error_.empty() && run(kIndexesSql) && run(kCarriedSql)) run(kSuspectSql);
  if (auto flushed = flush(); !flushed) {
    inserts_ = Inserts();
    db_.reset();
    return flushed;
  }
  inserts_ = Inserts();
  // Folds the log into the file and removes it. While somebody reads the file that has to wait
  // for them: whoever closes it last does it, and nothing is missing.
  const int folded =
      sqlite3_exec(db_.get(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
  if (folded != SQLITE_OK && folded != SQLITE_BUSY && folded != SQLITE_LOCKED) fail();
  db_.reset();
  return outcome();
}

}  // namespace natlens::store
