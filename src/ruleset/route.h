// Where packets go: by the router's own addresses, then by the longest prefix.
#pragma once

#include "natlens/ruleset/router.h"

namespace natlens::ruleset {

struct Route {
  enum class Kind : std::uint8_t { kForward, kLocal, kNone };
  Kind kind = Kind::kNone;
  unsigned interface = 0;
};

Route find_route(const std::vector<Interface>& interfaces, const Address& destination);
// address_type of an address, as `fib ... type` gives it.
std::uint32_t type_of(const std::vector<Interface>& interfaces, const Address& address);
// The first address of an interface in a family; none: kNone.
Address own_address(const Interface& interface, Family family);

}  // namespace natlens::ruleset
