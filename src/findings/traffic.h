// Families about packets on their way through the box; part of the table in rules.cc.
#pragma once

#include "rules.h"

namespace natlens::findings {

extern const Family kIcmp;
extern const Family kIntegrity;
extern const Family kOptions;
extern const Family kPath;
extern const Family kInvalid;
extern const Family kHandshakes;
extern const Family kMtu;
extern const Family kFragments;
extern const Family kTable;
extern const Family kLatency;
extern const Family kAlg;

}  // namespace natlens::findings
