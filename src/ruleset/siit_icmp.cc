#include "siit_icmp.h"

#include <algorithm>
#include <array>

namespace natlens::ruleset {
namespace {

constexpr std::uint32_t kHeaderGrowth = 20;
constexpr std::uint32_t kLeastMtuV6 = 1280;

// Where a field of one header stands in the other; -1: nowhere.
constexpr std::array<std::int8_t, 20> kPointerToV6{0,  1,  4, 4, -1, -1, -1, -1, 7,  6,
                                                   -1, -1, 8, 8, 8,  8,  24, 24, 24, 24};
std::optional<std::uint32_t> pointer_to_v6(std::uint32_t pointer) {
  if (pointer >= kPointerToV6.size() || kPointerToV6[pointer] < 0) return std::nullopt;
  return static_cast<std::uint32_t>(kPointerToV6[pointer]);
}
std::optional<std::uint32_t> pointer_to_v4(std::uint32_t pointer) {
  constexpr std::array<std::int8_t, 8> kFixed{0, 1, -1, -1, 2, 2, 9, 8};
  if (pointer < kFixed.size()) {
    return kFixed[pointer] < 0 ? std::nullopt
                               : std::optional(static_cast<std::uint32_t>(kFixed[pointer]));
  }
  if (pointer < 24) return 12U;
  return pointer < 40 ? std::optional(16U) : std::nullopt;
}

// RFC 1191 7.1: what links have, for a router that says 0.
std::uint32_t plateau_below(std::uint32_t bytes) {
  constexpr std::array<std::uint32_t, 10> kPlateaus{32000, 17914, 8166, 4352, 2002,
                                                    1492,  1006,  508,  296,  68};
  const auto found = std::find_if(kPlateaus.begin(), kPlateaus.end(),
                                  [&](std::uint32_t plateau) { return plateau < bytes; });
  return found == kPlateaus.end() ? kPlateaus.back() : *found;
}

std::optional<IcmpHead> unreachable_to_v6(const IcmpHead& head, std::uint32_t quoted_bytes) {
  constexpr std::uint8_t kUnreachable = 1, kTooBig = 2, kParameter = 4;
  constexpr std::uint8_t kNoRoute = 0, kProhibited = 1, kPort = 4;
  switch (head.code) {
    case 2:  // protocol: the next header
      return IcmpHead{kParameter, 1, 6};
    case 3:
      return IcmpHead{kUnreachable, kPort, 0};
    case 4: {
      const std::uint32_t said = head.rest & 0xffffU;
      const std::uint32_t mtu = said != 0 ? said : plateau_below(quoted_bytes);
      return IcmpHead{kTooBig, 0, std::max(mtu + kHeaderGrowth, kLeastMtuV6)};
    }
    case 9:
    case 10:
    case 13:
    case 15:
      return IcmpHead{kUnreachable, kProhibited, 0};
    case 14:
      return std::nullopt;
    default:
      return head.code <= 12 ? std::optional(IcmpHead{kUnreachable, kNoRoute, 0})
                             : std::nullopt;
  }
}

std::optional<IcmpHead> unreachable_to_v4(const IcmpHead& head) {
  constexpr std::array<std::uint8_t, 5> kCodes{1, 10, 1, 1, 3};
  if (head.code >= kCodes.size()) return std::nullopt;
  return IcmpHead{3, kCodes[head.code], 0};
}

}  // namespace

std::optional<IcmpHead> icmp_to_v6(const IcmpHead& head, std::uint32_t quoted_bytes) {
  switch (head.type) {
    case 8:
      return IcmpHead{128, 0, head.rest};
    case 0:
      return IcmpHead{129, 0, head.rest};
    case 3:
      return unreachable_to_v6(head, quoted_bytes);
    case 11:
      return IcmpHead{3, head.code, 0};
    case 12: {
      const auto pointer = pointer_to_v6(head.rest >> 24);
      const bool known = (head.code == 0 || head.code == 2) && pointer;
      return known ? std::optional(IcmpHead{4, 0, *pointer}) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::optional<IcmpHead> icmp_to_v4(const IcmpHead& head) {
  switch (head.type) {
    case 128:
      return IcmpHead{8, 0, head.rest};
    case 129:
      return IcmpHead{0, 0, head.rest};
    case 1:
      return unreachable_to_v4(head);
    case 2: {
      constexpr std::uint32_t kMost = 0xffff;
      const std::uint32_t mtu = head.rest > kHeaderGrowth ? head.rest - kHeaderGrowth : 0;
      return IcmpHead{3, 4, std::min(mtu, kMost)};
    }
    case 3:
      return IcmpHead{11, head.code, 0};
    case 4: {
      if (head.code == 1) return IcmpHead{3, 2, 0};
      const auto pointer = pointer_to_v4(head.rest);
      return head.code == 0 && pointer ? std::optional(IcmpHead{12, 0, *pointer << 24})
                                       : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace natlens::ruleset
