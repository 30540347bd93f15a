// A prepared statement: values are bound from left to right, columns read from left to right.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <sqlite3.h>

namespace natlens::store {

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using DatabaseHandle = std::unique_ptr<sqlite3, CloseDatabase>;

class Statement {
 public:
  Statement() = default;
  // On failure prepared() is false and sqlite3_errmsg(db) says why.
  Statement(sqlite3* db, std::string_view sql);
  explicit Statement(sqlite3_stmt* owned) : statement_(owned) {}
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(Statement&& other) noexcept : statement_(other.statement_), next_(other.next_) {
    other.statement_ = nullptr;
  }
  Statement& operator=(Statement&& other) noexcept;

  bool prepared() const { return statement_ != nullptr; }
  sqlite3_stmt* get() const { return statement_; }

  // Texts are not copied: they must live until insert() returns. An empty view is bound as NULL
  // by text_or_null() only.
  Statement& integer(std::int64_t value);
  Statement& real(double value);
  Statement& null();
  Statement& text(std::string_view value);
  Statement& text_or_null(std::string_view value);
  Statement& integer_or_null(bool present, std::int64_t value);

  // Runs an INSERT whose parameters are all bound and makes it ready for the next row. Returns
  // SQLITE_DONE or the error.
  int insert();

 private:
  sqlite3_stmt* statement_ = nullptr;
  int next_ = 1;
};

}  // namespace natlens::store
