// A SQL check: a query that returns what violates a promise, and what its leading comment says
// of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kinds.h"

namespace natlens::verify {

// Rows that a side database gets at most of one check.
inline constexpr std::size_t kMostExamplesStored = 100'000;

struct CheckHeader {
  std::string id;
  std::string title;
  std::string reason;
  std::string min_subjects;  // a query of one number; "" = not asked
  std::optional<Severity> severity;
  std::optional<Threshold> warn_if;
  std::optional<Threshold> error_if;
  std::vector<std::string> tags;
};

// Lines "-- key: value" before the first line of SQL; other comments are none of them. An Error
// has FILE:LINE:COLUMN.
Result<CheckHeader> read_header(std::string_view sql, const std::string& file);

// Runs it: rows become counterexamples. `database` is only read, for `limit_ms` at most.
struct Check {
  std::string file;  // in messages
  std::string sql;
  CheckHeader header;
  std::int64_t limit_ms = 30'000;
};
Result<void> run_check(const Context& c, const Check& check, Outcome& o, Limits& limits);

// A file, or a name of the catalogue ("lost", "checks/lost").
Result<Check> load_check(const std::string& name);

}  // namespace natlens::verify
