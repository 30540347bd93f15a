#include "natlens/store/database.h"

#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "schema.h"
#include "statement.h"

namespace natlens::store {
namespace {

Value column_value(sqlite3_stmt* row, int column) {
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
      return std::monostate{};
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(row, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(row, column);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(row, column)));
    }
    default:
      break;
  }
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(row, column));
  std::string hex;
  for (int i = 0; i < sqlite3_column_bytes(row, column); ++i)
    hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

void bind(sqlite3_stmt* statement, int index, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    sqlite3_bind_int64(statement, index, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sqlite3_bind_double(statement, index, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text(statement, index, text->data(), static_cast<int>(text->size()),
                      SQLITE_STATIC);
  } else {
    sqlite3_bind_null(statement, index);
  }
}

std::vector<std::string> column_names(sqlite3_stmt* statement) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(sqlite3_column_count(statement)));
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    names.emplace_back(sqlite3_column_name(statement, i));
  }
  return names;
}

class FileDatabase final : public Database {
 public:
  FileDatabase(std::string path, DatabaseHandle db)
      : path_(std::move(path)), db_(std::move(db)) {}

  Result<Table> query(std::string_view sql, std::span<const Value> parameters) override {
    Table table;
    auto done = each(
        sql, parameters,
        [&](std::span<const std::string> columns) {
          table.columns.assign(columns.begin(), columns.end());
        },
        [&](std::span<const Value> row) {
          table.rows.emplace_back(row.begin(), row.end());
          return true;
        });
    if (!done) return done.error();
    return table;
  }

  Result<void> each(std::string_view sql,
                    std::span<const Value> parameters,
                    const std::function<void(std::span<const std::string> columns)>& head,
                    const std::function<bool(std::span<const Value>)>& row) override {
    auto statement = prepare(sql);
    if (!statement) return statement.error();
    sqlite3_stmt* const running = statement->get();
    if (std::cmp_greater(parameters.size(), sqlite3_bind_parameter_count(running))) {
      return Error{fmt::format("{} values are given, the statement has {} parameters",
                               parameters.size(), sqlite3_bind_parameter_count(running))};
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      bind(running, static_cast<int>(i) + 1, parameters[i]);
    }
    head(column_names(running));
    started_ = std::chrono::steady_clock::now();
    std::vector<Value> values(static_cast<std::size_t>(sqlite3_column_count(running)));
    int result = sqlite3_step(running);
    for (; result == SQLITE_ROW; result = sqlite3_step(running)) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = column_value(running, static_cast<int>(i));
      }
      if (!row(values)) return {};
    }
    if (result != SQLITE_DONE) return failure();
    return {};
  }

  Result<std::vector<std::string>> parameters(std::string_view sql) override {
    const auto statement = prepare(sql);
    if (!statement) return statement.error();
    std::vector<std::string> names;
    for (int i = 1; i <= sqlite3_bind_parameter_count(statement->get()); ++i) {
      const char* name = sqlite3_bind_parameter_name(statement->get(), i);
      names.emplace_back(name == nullptr ? "" : name + 1);
    }
    return names;
  }

  void guard(std::int64_t milliseconds) override {
    limit_ = std::chrono::milliseconds(milliseconds);
    sqlite3_set_authorizer(db_.get(), authorize, nullptr);
    sqlite3_progress_handler(db_.get(), kStepsBetweenLooks, too_long, this);
  }

  const std::string& path() const override { return path_; }

  bool complete() const override {
    const Statement statement(db_.get(), "SELECT value FROM meta WHERE key = 'complete'");
    return statement.prepared() && sqlite3_step(statement.get()) == SQLITE_ROW &&
           sqlite3_column_int(statement.get(), 0) == 1;
  }

 private:
  // Statements that would reach beyond the file, or change how it is read.
  static int authorize(
      void*, int action, const char*, const char* second, const char*, const char*) {
    const std::string_view function = second == nullptr ? "" : second;
    const bool denied = action == SQLITE_ATTACH || action == SQLITE_DETACH ||
                        action == SQLITE_PRAGMA ||
                        (action == SQLITE_FUNCTION && function == "load_extension");
    return denied ? SQLITE_DENY : SQLITE_OK;
  }
  static int too_long(void* self) {
    const auto& database = *static_cast<const FileDatabase*>(self);
    return std::chrono::steady_clock::now() - database.started_ > database.limit_ ? 1 : 0;
  }

  Error failure() const {
    if (sqlite3_errcode(db_.get()) == SQLITE_INTERRUPT) {
      return Error{fmt::format("the query takes longer than {} ms", limit_.count())};
    }
    return Error{fmt::format("{}: {}", path_, sqlite3_errmsg(db_.get()))};
  }

  // The text of the statement with what is wrong in it: "...: near line 2, column 8".
  Error syntax_error(std::string_view sql) const {
    const int offset = sqlite3_error_offset(db_.get());
    std::string message = sqlite3_errmsg(db_.get());
    if (offset < 0 || static_cast<std::size_t>(offset) > sql.size()) return Error{message};
    const std::string_view before = sql.substr(0, static_cast<std::size_t>(offset));
    std::size_t line = 1;
    for (const char c : before) line += c == '\n';
    const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    return Error{fmt::format("{}: line {}, column {}", message, line, column)};
  }

  Result<Statement> prepare(std::string_view sql) {
    Statement statement;
    sqlite3_stmt* raw = nullptr;
    const char* tail = nullptr;
    if (sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, &tail) !=
        SQLITE_OK) {
      return syntax_error(sql);
    }
    statement = Statement(raw);
    if (raw == nullptr) return Error{"there is no SQL statement in it"};
    if (auto more = only_space_follows(sql.substr(static_cast<std::size_t>(tail - sql.data())));
        !more) {
      return more.error();
    }
    if (sqlite3_stmt_readonly(raw) == 0) {
      return Error{"the statement would change the database, which is only read here"};
    }
    return statement;
  }

  // Comments and blanks may follow a statement; SQLite compiles them to nothing.
  Result<void> only_space_follows(std::string_view rest) {
    while (!rest.empty()) {
      sqlite3_stmt* raw = nullptr;
      const char* tail = nullptr;
      const int result = sqlite3_prepare_v2(db_.get(), rest.data(),
                                            static_cast<int>(rest.size()), &raw, &tail);
      const Statement next(raw);
      if (result != SQLITE_OK || raw != nullptr) {
        return Error{"there is more than one SQL statement; run them one by one"};
      }
      const auto used = static_cast<std::size_t>(tail - rest.data());
      if (used == 0) break;
      rest.remove_prefix(used);
    }
    return {};
  }

  static constexpr int kStepsBetweenLooks = 10'000;
  std::string path_;
  DatabaseHandle db_;
  std::chrono::milliseconds limit_{0};
  std::chrono::steady_clock::time_point started_;
};

Result<std::int64_t> pragma(sqlite3* db, const std::string& path, std::string_view name) {
  const Statement statement(db, fmt::format("PRAGMA {}", name));
  if (statement.prepared() && sqlite3_step(statement.get()) == SQLITE_ROW) {
    return std::int64_t{sqlite3_column_int64(statement.get(), 0)};
  }
  const int code = sqlite3_errcode(db);
  if (code == SQLITE_NOTADB) {
    return Error{
        fmt::format("{}: is not an SQLite database; natlens analyze makes one from "
                    "captures",
                    path)};
  }
  if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
    return Error{
        fmt::format("{}: the run that wrote it did not end, and its log {}-wal cannot be "
                    "opened from here; copy "
                    "both to a folder you can write in",
                    path, path)};
  }
  return Error{fmt::format("{}: {}", path, sqlite3_errmsg(db))};
}

Result<void> check_version(sqlite3* db, const std::string& path) {
  auto application = pragma(db, path, "application_id");
  if (!application) return application.error();
  if (*application != kApplicationId) {
    return Error{
        fmt::format("{}: is not a natlens database; natlens analyze makes one from "
                    "captures",
                    path)};
  }
  auto version = pragma(db, path, "user_version");
  if (!version) return version.error();
  if (*version > kSchemaVersion) {
    return Error{
        fmt::format("{}: has schema version {}, this natlens reads {}; use a newer natlens",
                    path, *version, kSchemaVersion)};
  }
  if (*version < kSchemaVersion) {
    return Error{
        fmt::format("{}: has schema version {}, this natlens reads {}; analyze the "
                    "captures again",
                    path, *version, kSchemaVersion)};
  }
  return {};
}

}  // namespace

std::string to_text(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return {};
}

namespace {

const Value* cell(const Table& table, std::size_t row, std::string_view column) {
  for (std::size_t i = 0; i < table.columns.size() && row < table.rows.size(); ++i) {
    if (table.columns[i] == column) return &table.rows[row][i];
  }
  return nullptr;
}

}  // namespace

std::int64_t Table::integer(std::size_t row, std::string_view column) const {
  const Value* value = cell(*this, row, column);
  if (value == nullptr) return 0;
  if (const auto* real = std::get_if<double>(value)) return static_cast<std::int64_t>(*real);
  const auto* integer = std::get_if<std::int64_t>(value);
  return integer == nullptr ? 0 : *integer;
}

std::string Table::text(std::size_t row, std::string_view column) const {
  const Value* value = cell(*this, row, column);
  return value == nullptr ? std::string() : to_text(*value);
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return Error{fmt::format("{}: {}", path, std::strerror(errno))};
  }
  if (S_ISDIR(info.st_mode)) return Error{fmt::format("{}: is a directory", path)};
  if (info.st_size == 0) {
    return Error{
        fmt::format("{}: is empty; natlens analyze makes a database from captures", path)};
  }
  sqlite3* raw = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  DatabaseHandle db(raw);
  if (result != SQLITE_OK) {
    return Error{fmt::format("{}: {}", path, raw ? sqlite3_errmsg(raw) : "out of memory")};
  }
  sqlite3_busy_timeout(db.get(), 2000);
  if (auto right = check_version(db.get(), path); !right) return right.error();
  return std::unique_ptr<Database>(std::make_unique<FileDatabase>(path, std::move(db)));
}

}  // namespace natlens::store
