#pragma once

#include <cstdint>

namespace natlens::decode::gre_flag {

// In the upper half of a GRE Via's `extra`: the header's first 16 bits.
inline constexpr std::uint16_t kSequence = 0x1000;

}  // namespace natlens::decode::gre_flag
