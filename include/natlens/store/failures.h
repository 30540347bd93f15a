// Rows that checks returned, in a database beside the analysed one.
#pragma once

#include <string>
#include <string_view>

#include "natlens/net/result.h"
#include "natlens/store/database.h"

namespace natlens::store {

// Replaces the table check_ID of the SQLite file `path`, which is made if it is not there. What
// is no letter or digit of `id` becomes "_". Errors: not writable; not an SQLite file; an
// analysed database, which is never written to.
Result<void> keep_failures(const std::string& path, std::string_view id, const Table& rows);

}  // namespace natlens::store
