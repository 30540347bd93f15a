// What `natlens report` writes: a database as one HTML page that needs nothing beside it,
// neither files nor a network.
#pragma once

#include <cstdint>

#include "natlens/net/result.h"
#include "natlens/report/table.h"
#include "natlens/store/database.h"

namespace natlens::report {

// What a huge database is cut down to; the page says what it left out.
struct PageLimits {
  std::uint64_t mappings = 250'000;  // the first in time
  std::uint64_t ladders = 20'000;    // translations with a diagram, besides those of findings
};

// False: this build was made without the page (scripts/page makes it), and write_page() fails.
bool page_built();
Error no_page();  // how to get it

// Stops early, without an error, where nobody reads any more.
Result<void> write_page(store::Database& database,
                        const PageLimits& limits,
                        const Write& write);

}  // namespace natlens::report
