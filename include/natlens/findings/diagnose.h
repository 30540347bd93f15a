// Diagnosis: the rules over the rows of a capture.
#pragma once

#include <vector>

#include "natlens/findings/parameters.h"
#include "natlens/findings/records.h"

namespace natlens::findings {

// Findings by severity (errors first), then by first time; ids from 1 in that order. The same
// rows give the same findings.
std::vector<Finding> diagnose(Rows rows, const Parameters& parameters);

}  // namespace natlens::findings
