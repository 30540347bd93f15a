// What `natlens capture` shows on a terminal while it runs.
#pragma once

#include <set>
#include <string>

#include "natlens/net/result.h"
#include "natlens/report/table.h"
#include "natlens/store/database.h"

namespace natlens::report {

// One after another of the same database; each marks the findings that the one before had not.
class LiveView {
 public:
  // Taps with their counters, the mappings that were used most, the findings; at most some
  // twenty lines, each ended, none longer than style.max_width.
  Result<std::string> text(store::Database& database, const TableStyle& style);

 private:
  Result<std::string> findings(store::Database& database, const TableStyle& style);

  std::set<std::string> known_;  // findings, by code and subject
  bool first_ = true;
};

}  // namespace natlens::report
