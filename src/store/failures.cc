#include "natlens/store/failures.h"

#include <cctype>

#include <fmt/format.h>
#include <sqlite3.h>

#include "schema.h"
#include "statement.h"

namespace natlens::store {
namespace {

std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

bool run(sqlite3* db, const std::string& sql) {
  return sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool insert_rows(sqlite3* db, const std::string& table, const Table& rows) {
  std::string marks;
  for (std::size_t i = 0; i < rows.columns.size(); ++i) marks += i == 0 ? "?" : ", ?";
  Statement to(db, fmt::format("INSERT INTO {} VALUES ({})", table, marks));
  if (!to.prepared()) return false;
  for (const auto& row : rows.rows) {
    for (const Value& value : row) {
      if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        to.integer(*integer);
      } else if (const auto* real = std::get_if<double>(&value)) {
        to.real(*real);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        to.text(*text);
      } else {
        to.null();
      }
    }
    if (to.insert() != SQLITE_DONE) return false;
  }
  return true;
}

bool is_analysed(sqlite3* db) {
  const Statement statement(db, "PRAGMA application_id");
  return statement.prepared() && sqlite3_step(statement.get()) == SQLITE_ROW &&
         sqlite3_column_int64(statement.get(), 0) == kApplicationId;
}

}  // namespace

Result<void> keep_failures(const std::string& path, std::string_view id, const Table& rows) {
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  const DatabaseHandle db(raw);
  if (opened == SQLITE_OK && is_analysed(db.get())) {
    return Error{
        fmt::format("{}: is an analysed database; failures go into a file of their own", path)};
  }
  std::string name = "check_";
  for (const char c : id) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  std::string columns;
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    // A query may give two columns one name.
    std::string column = rows.columns[i];
    for (std::size_t k = 0; k < i; ++k) {
      if (rows.columns[k] == rows.columns[i])
        column = fmt::format("{}_{}", rows.columns[i], i + 1);
    }
    columns += (i == 0 ? "" : ", ") + quoted(column);
  }
  const std::string table = quoted(name);
  const bool done = opened == SQLITE_OK && run(db.get(), "BEGIN IMMEDIATE") &&
                    run(db.get(), "DROP TABLE IF EXISTS " + table) &&
                    run(db.get(), fmt::format("CREATE TABLE {} ({})", table, columns)) &&
                    insert_rows(db.get(), table, rows) && run(db.get(), "COMMIT");
  if (done) return {};
  return Error{fmt::format("{}: the rows of {} cannot be kept: {}", path, id,
                           db ? sqlite3_errmsg(db.get()) : "out of memory")};
}

}  // namespace natlens::store
