// snat, dnat, masquerade and redirect with their targets.
#pragma once

#include "nft_select.h"

namespace natlens::ruleset {

enum class NatRead : std::uint8_t {
  kNone,  // no translation stands here; nothing is taken
  kYes,
  kUnknown,  // a translation whose target is not understood; the gap is told
};
NatRead read_nat(Cursor& cursor, const Context& context, Nat& nat);

}  // namespace natlens::ruleset
