// Connection tracking helpers: what an application protocol announces about further
// connections.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "options_values.h"

namespace natlens::conntrack {

struct HelperInfo {
  HelperKind kind;
  std::string_view name;
  std::uint8_t protocol;  // of its usual port
  std::uint16_t port;
};

std::span<const HelperInfo> helpers();
const HelperInfo* find_helper(std::string_view name);
std::string_view helper_name(HelperKind kind);

}  // namespace natlens::conntrack
