#include "statement.h"

#include <cassert>
#include <utility>

namespace natlens::store {

Statement::Statement(sqlite3* db, std::string_view sql) {
  sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                     &statement_, nullptr);
}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  std::swap(next_, other.next_);
  return *this;
}

Statement& Statement::integer(std::int64_t value) {
  sqlite3_bind_int64(statement_, next_++, value);
  return *this;
}

Statement& Statement::real(double value) {
  sqlite3_bind_double(statement_, next_++, value);
  return *this;
}

Statement& Statement::null() {
  sqlite3_bind_null(statement_, next_++);
  return *this;
}

Statement& Statement::text(std::string_view value) {
  // A null pointer would bind NULL.
  sqlite3_bind_text(statement_, next_++, value.empty() ? "" : value.data(),
                    static_cast<int>(value.size()), SQLITE_STATIC);
  return *this;
}

Statement& Statement::text_or_null(std::string_view value) {
  return value.empty() ? null() : text(value);
}

Statement& Statement::integer_or_null(bool present, std::int64_t value) {
  return present ? integer(value) : null();
}

int Statement::insert() {
  assert(next_ == sqlite3_bind_parameter_count(statement_) + 1);
  next_ = 1;
  const int result = sqlite3_step(statement_);
  sqlite3_reset(statement_);
  return result;
}

}  // namespace natlens::store
