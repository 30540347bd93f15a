// How long a tunnel's packet is for an inner packet of a given length: the one thing that a
// cipher does not hide. A row per form; a tunnel keeps the form that its packets fit.
#pragma once

#include <cstdint>
#include <span>

#include "natlens/decode/records.h"

namespace natlens::correlate {

// outer = roundup(inner + added, block) + fixed, where outer is TunnelPacket::bytes.
struct SizeRule {
  decode::Encapsulation kind = decode::Encapsulation::kNone;
  std::uint16_t added = 0;  // enters the cipher with the inner packet
  std::uint16_t block = 1;  // to which that is padded
  std::uint16_t fixed = 0;  // header, IV, tag
  std::uint16_t ping = 0;   // length of what is sent to keep the tunnel up; 0: none
  bool clamped = false;     // padding ends at the tunnel's MTU, which need not be a multiple

  std::uint32_t padded(std::uint32_t inner) const {
    return (inner + added + block - 1U) / block * block;
  }
  // Nothing that is IP is as short as a ping.
  bool is_ping(std::uint32_t outer) const { return ping != 0 && outer == padded(ping) + fixed; }
  bool fits(std::uint32_t inner, std::uint32_t outer) const {
    const std::uint32_t whole = padded(inner);
    if (whole + fixed == outer) return true;
    // An outer packet that is no multiple was padded to the MTU: the inner one is in between.
    return clamped && outer >= fixed && (outer - fixed) % block != 0 &&
           inner + added <= outer - fixed && whole > outer - fixed;
  }
};

// The forms that packets of a protocol may have.
std::span<const SizeRule> size_rules(decode::Encapsulation kind);

}  // namespace natlens::correlate
