// One direction of a translation, seen in the order in which its packets go.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "rules.h"

namespace natlens::findings {

struct Passage {
  const Translation* translation = nullptr;
  unsigned direction = 0;        // of the inside connection
  std::uint32_t before = kNone;  // connections, by index
  std::uint32_t after = kNone;
  unsigned before_direction = 0;  // of these packets in the connection there
  unsigned after_direction = 0;
  bool outward = true;  // from the inside to the outside
  bool known = false;   // which side comes first was seen, not taken to be so
};
Passage passage(const Picture& picture, const Translation& translation, unsigned direction);

// Between two taps of one box that hands packets on: neither a proxy nor a tunnel.
bool hands_on(const Picture& picture, const Translation& translation);
// Between taps with a NAT, or a NAT's kind of translation.
bool through_nat(const Picture& picture, const Translation& translation);

// Translations by their NAT, in order.
struct AtNat {
  const Nat* nat = nullptr;
  std::vector<const Translation*> translations;
};
std::vector<AtNat> by_nat(const Picture& picture,
                          bool (*wanted)(const Picture&, const Translation&));

}  // namespace natlens::findings
