// Which rule made a frame's translation: the captures of both sides go through the rules again.
#pragma once

#include <string>

#include "natlens/net/result.h"
#include "natlens/report/explain.h"
#include "natlens/store/database.h"

#include "rules.h"

namespace natlens::cli {

// A paragraph for the end of the page.
Result<std::string> explain_rule(store::Database& database,
                                 const report::ExplainTarget& target,
                                 const conntrack::Options& tracking,
                                 const RulesOptions& given);

}  // namespace natlens::cli
