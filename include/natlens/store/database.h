// Reads a natlens database: ad-hoc SQL, the compiled-in catalogue of queries/, and the rows
// that `show` and `trace` print. Read only: the file is opened so that nothing can change it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/store/records.h"

namespace natlens::store {

// NULL, integer, real, text (blobs come as lower-case hexadecimal text).
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;
std::string to_text(const Value& value);  // NULL is ""

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Value>> rows;
  std::int64_t integer(std::size_t row, std::string_view column) const;  // NULL, missing: 0
  std::string text(std::size_t row, std::string_view column) const;
};

// A query of the catalogue (queries/*.sql, queries/checks/*.sql).
struct NamedQuery {
  std::string_view name;      // "top_mappings", "checks/leaks"
  std::string_view question;  // its first comment line
  std::string_view sql;
};
std::span<const NamedQuery> catalogue();

class Database {
 public:
  // Errors: missing, not SQLite, not natlens's, of another schema version (says which and what
  // to do).
  static Result<std::unique_ptr<Database>> open(const std::string& path);
  virtual ~Database() = default;

  // Runs one statement. `parameters` bind ?1, ?2... as text or integers. Errors carry SQLite's
  // message and, where it tells, the position.
  virtual Result<Table> query(std::string_view sql, std::span<const Value> parameters = {}) = 0;
  // The same, a row at a time, without holding the result. Return false to stop.
  virtual Result<void> each(
      std::string_view sql,
      std::span<const Value> parameters,
      const std::function<void(std::span<const std::string> columns)>& head,
      const std::function<bool(std::span<const Value>)>& row) = 0;
  // Names of the statement's parameters without their ':', in the order in which they are
  // bound.
  virtual Result<std::vector<std::string>> parameters(std::string_view sql) = 0;
  // From here on statements come from strangers: each ends after so long with an error, and
  // can reach no other file and no setting.
  virtual void guard(std::int64_t milliseconds) = 0;
  virtual const std::string& path() const = 0;
  // False: the run that wrote it was killed, or still runs.
  virtual bool complete() const = 0;

 protected:
  Database() = default;
};

}  // namespace natlens::store
