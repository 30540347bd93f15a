// IPv4 addresses inside IPv6 ones (RFC 6052 2.2).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "natlens/net/address.h"

namespace natlens {

// Where the four bytes stand behind a prefix of this length.
struct EmbeddedForm {
  unsigned prefix_bits = 0;
  std::array<std::uint8_t, 4> places{};
};
// All that RFC 6052 allows, the longest prefix first.
std::span<const EmbeddedForm> embedded_forms();
// nullptr: no prefix has this length.
const EmbeddedForm* embedded_form(unsigned prefix_bits);

// The IPv4 address in an IPv6 one, and the IPv6 address of an IPv4 one; what is behind the four
// bytes is zero.
Address extract_embedded(const Address& v6, const EmbeddedForm& form);
Address embed(const Address& prefix, const Address& v4, const EmbeddedForm& form);

}  // namespace natlens
