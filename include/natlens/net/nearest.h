// The name that somebody probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace natlens {

// Of `known`, the one that takes the fewest typing mistakes (letters left out, added, wrong, or
// two swapped) to become `wrong`; the first of several. "" if none is near: more than a third
// of the letters, and more than one, are different. Case does not count. O(known * length^2),
// for messages only.
std::string nearest(std::string_view wrong, std::span<const std::string_view> known);

}  // namespace natlens
