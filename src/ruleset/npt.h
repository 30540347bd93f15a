// Prefix translation that leaves every checksum right (RFC 6296 3).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

// `address`, which lies in `from`, under the prefix `to` of the same length: one word behind
// the prefix takes up the difference. nullopt: it has no counterpart (3.4, 3.5).
std::optional<Address> under_prefix(const Address& address,
                                    const Prefix& from,
                                    const Prefix& to);

// Changes addresses in `ip`, a packet of IPv6, and in what an ICMP error quotes at `quote_at`
// (0: nothing).
//   enters: a destination under `outside` becomes one under `inside`
//   leaves: a source under `inside` becomes one under `outside`
// A quoted packet went the other way. False: an address has no counterpart.
enum class NptSide : std::uint8_t { kEnters, kLeaves };
bool translate_prefix(std::vector<std::uint8_t>& ip,
                      std::size_t quote_at,
                      const Npt& npt,
                      NptSide side);

}  // namespace natlens::ruleset
