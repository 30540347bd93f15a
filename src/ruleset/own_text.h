// natlens's own statements beside the tables of nft:
//
//   nat64 { prefix 64:ff9b::/96; pool 192.0.2.1-192.0.2.4, 192.0.2.9 }
//   npt { inside fd00:1:2::/48; outside 2001:db8:5::/48 }
#pragma once

#include <string_view>

#include "natlens/net/result.h"
#include "natlens/ruleset/records.h"

#include "tokens.h"

namespace natlens::ruleset {

// The cursor stands at a word that opens one of them; `handled` says whether it did.
Result<void> read_own(Cursor& cursor, std::string_view where, Ruleset& out, bool& handled);

}  // namespace natlens::ruleset
