// What of a database goes into the page: a statement per table. Times are nanoseconds after
// :origin, so that a browser's numbers hold them exactly.
#pragma once

#include <span>
#include <string_view>

namespace natlens::report {

struct PageTable {
  std::string_view name;
  std::string_view sql;
};

std::span<const PageTable> page_tables();    // read when the page opens
std::span<const PageTable> ladder_tables();  // read when the first diagram is asked for

}  // namespace natlens::report
