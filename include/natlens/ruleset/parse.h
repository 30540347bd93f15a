// Rules from text: `nft list ruleset`, `nft -j list ruleset`, `iptables-save` and
// `ip6tables-save`, told apart by their first characters.
#pragma once

#include <string_view>

#include "natlens/net/result.h"
#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

// `where` names the text in messages. `part` chooses one of several rulesets in the text: a
// section "# namespace NAME", or a member of a JSON object of rulesets; "" where there is one.
// An Error says "FILE:LINE:COLUMN: what; what would be right". What is well formed and not
// understood is in Ruleset::gaps.
Result<Ruleset> parse(std::string_view text,
                      std::string_view where,
                      std::string_view part = "");

// Reads a file named as "PATH" or "PATH#PART".
Result<Ruleset> load(std::string_view argument);

}  // namespace natlens::ruleset
