#include "catalogue.h"

#include <algorithm>
#include <array>
#include <vector>

namespace natlens::findings {
namespace {

std::vector<CodeEntry> all() {
  std::vector<CodeEntry> out;
  for (const auto& entries :
       {capture_entries(), lost_entries(), made_entries(), life_entries(), mapping_entries(),
        ports_entries(), leaks_entries(), integrity_entries(), icmp_entries(), mtu_entries(),
        tracking_entries(), path_entries(), tunnels_entries(), proxies_entries(),
        translators_entries()}) {
    out.insert(out.end(), entries.begin(), entries.end());
  }
  std::sort(out.begin(), out.end(),
            [](const CodeEntry& a, const CodeEntry& b) { return a.code < b.code; });
  return out;
}

}  // namespace

std::span<const CodeEntry> catalogue() {
  static const std::vector<CodeEntry> entries = all();
  return entries;
}

const CodeEntry* find_code(std::string_view code) {
  const auto entries = catalogue();
  const auto found = std::lower_bound(
      entries.begin(), entries.end(), code,
      [](const CodeEntry& entry, std::string_view wanted) { return entry.code < wanted; });
  return found == entries.end() || found->code != code ? nullptr : &*found;
}

}  // namespace natlens::findings
