// What verify found, for people and for machines: one format a function, each a whole document.
// The same report gives the same bytes.
#pragma once

#include <string>

#include "natlens/verify/records.h"

namespace natlens::report {

std::string verify_text(const verify::Report& report);

}  // namespace natlens::report
