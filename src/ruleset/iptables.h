// `iptables-save` and `ip6tables-save`: each rule is written as nft would, then read as such.
#pragma once

#include <string_view>

#include "natlens/net/result.h"
#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

Result<Ruleset> parse_iptables(std::string_view text,
                               std::string_view where,
                               std::uint32_t first_line);

}  // namespace natlens::ruleset
