// `nft -j list ruleset` (libnftables-json(5)): written as nft prints rules, then read as such.
#pragma once

#include <string_view>

#include "natlens/net/result.h"
#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

Result<Ruleset> parse_nft_json(std::string_view text,
                               std::string_view where,
                               std::string_view part);

}  // namespace natlens::ruleset
