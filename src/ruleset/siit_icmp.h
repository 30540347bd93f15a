// ICMP types, codes and pointers of one family in the other (RFC 7915 4.2, 5.2).
#pragma once

#include <cstdint>
#include <optional>

#include "natlens/net/bytes.h"

namespace natlens::ruleset {

// The first eight bytes of an ICMP message.
struct IcmpHead {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  // bytes 4 to 7: id and sequence, MTU, pointer
  bool operator==(const IcmpHead&) const = default;
};

// nullopt: there is no such message. `quoted_bytes`: the length that the quoted IPv4 header
// gives, for routers that do not tell their MTU (RFC 1191 5).
std::optional<IcmpHead> icmp_to_v6(const IcmpHead& head, std::uint32_t quoted_bytes);
std::optional<IcmpHead> icmp_to_v4(const IcmpHead& head);

}  // namespace natlens::ruleset
