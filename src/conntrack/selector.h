// Which packets a zone or notrack rule means, as a command line can say it: terms joined by
// commas, all of which must hold. A term is "PROTO", "PROTO/PORT", "ADDRESS" or
// "PREFIX/LENGTH"; port and address may be those of either end, as rules for both directions
// are usually written.
#pragma once

#include <optional>
#include <string_view>

#include "natlens/net/address.h"
#include "natlens/net/result.h"

namespace natlens::conntrack {

struct Selector {
  std::optional<std::uint8_t> protocol;
  std::optional<std::uint16_t> port;
  Address address;  // family kNone: any
  unsigned prefix_bits = 0;

  bool matches(const Tuple& tuple) const;
};

Result<Selector> parse_selector(std::string_view text);

}  // namespace natlens::conntrack
