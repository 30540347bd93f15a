#pragma once

#include "context.h"

namespace natlens::decode {

// Reads an AH at the cursor without moving it: what follows, and how long it is (at least 12).
// False: the reason to stop is set.
bool authentication_header(Context& c, std::uint8_t& next, std::size_t& bytes);

}  // namespace natlens::decode
