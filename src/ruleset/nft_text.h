// Rules as nft prints and reads them: tables, chains, sets, objects.
#pragma once

#include <string_view>

#include "natlens/net/result.h"
#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

Result<Ruleset> parse_nft(std::string_view text,
                          std::string_view where,
                          std::uint32_t first_line);

}  // namespace natlens::ruleset
