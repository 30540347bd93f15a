// One nft rule: its statements in order.
#pragma once

#include "nft_select.h"

namespace natlens::ruleset {

// Reads up to the end of the line (or ; or the chain's closing brace).
Rule read_rule(Cursor& cursor, const Context& context);

}  // namespace natlens::ruleset
