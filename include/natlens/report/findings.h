// Findings for people: what is wrong, the frames that show it, and where to look next; and what
// a code of the catalogue means.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/store/database.h"

namespace natlens::report {

struct FindingsPage {
  std::string text;            // ends with a line end
  std::uint64_t findings = 0;  // told of
};

// Root causes, errors first; with `all` also what they explain. At most `limit`; 0: no limit.
Result<FindingsPage> findings_page(store::Database& database, bool all, std::uint64_t limit);

// A finding in one line each, of those that concern these connections (connection.id).
Result<std::vector<std::string>> findings_about(store::Database& database,
                                                std::span<const std::int64_t> connections);

// What a code means; "" if there is none of that name.
std::string code_page(std::string_view code);
// The thresholds that `analyze --set` takes.
std::string thresholds_page();
// Codes are upper case with a hyphen.
bool looks_like_code(std::string_view text);
std::string nearest_code(std::string_view text);  // "" if none is near

}  // namespace natlens::report
