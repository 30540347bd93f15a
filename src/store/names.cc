#include "names.h"

#include <array>
#include <string>

#include "natlens/net/address.h"

namespace natlens::store {
namespace {

// In the order of decode::Encapsulation.
constexpr auto kEncapsulationNames = std::to_array<std::string_view>(
    {"",         "ethernet",  "sll",     "null",    "vlan",   "qinq",  "pbb",    "mpls",
     "pppoe",    "ppp",       "macsec",  "llc",     "802.11", "nflog", "pktap",  "raw",
     "ipip",     "gre",       "erspan",  "etherip", "l2tp",   "vxlan", "geneve", "gtpu",
     "teredo",   "gue",       "fou",     "lisp",    "ayiya",  "nsh",   "ah",     "esp",
     "udpencap", "wireguard", "openvpn", "icmp",    "icmpv6", "sflow", "ike"});
static_assert(kEncapsulationNames.size() ==
              static_cast<std::size_t>(decode::Encapsulation::kIke) + 1);

std::array<std::string, 256> all_protocols() {
  std::array<std::string, 256> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = protocol_name(static_cast<std::uint8_t>(i));
  }
  return names;
}

}  // namespace

std::string_view protocol_text(std::uint8_t protocol) {
  static const auto names = all_protocols();
  return names[protocol];
}

std::string_view encapsulation_text(decode::Encapsulation kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kEncapsulationNames.size() ? kEncapsulationNames[index] : std::string_view();
}

decode::Encapsulation encapsulation_of(std::string_view text) {
  for (std::size_t i = 1; i < kEncapsulationNames.size(); ++i) {
    if (kEncapsulationNames[i] == text) return static_cast<decode::Encapsulation>(i);
  }
  return decode::Encapsulation::kNone;
}

std::string_view frame_direction_text(capture::FrameDirection direction) {
  constexpr auto names = std::to_array<std::string_view>({"", "in", "out"});
  return names[static_cast<std::size_t>(direction)];
}

}  // namespace natlens::store
