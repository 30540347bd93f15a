// The families of the catalogue, each a table of text in a file of its own.
#pragma once

#include <span>

#include "natlens/findings/catalogue.h"

namespace natlens::findings {

std::span<const CodeEntry> capture_entries();
std::span<const CodeEntry> lost_entries();
std::span<const CodeEntry> made_entries();
std::span<const CodeEntry> life_entries();
std::span<const CodeEntry> mapping_entries();
std::span<const CodeEntry> ports_entries();
std::span<const CodeEntry> leaks_entries();
std::span<const CodeEntry> integrity_entries();
std::span<const CodeEntry> icmp_entries();
std::span<const CodeEntry> mtu_entries();
std::span<const CodeEntry> tracking_entries();
std::span<const CodeEntry> path_entries();
std::span<const CodeEntry> tunnels_entries();
std::span<const CodeEntry> proxies_entries();
std::span<const CodeEntry> translators_entries();

}  // namespace natlens::findings
