// What words stand for, by the field that they are compared with.
#pragma once

#include <optional>
#include <string_view>

#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

// "10.0.0.0/8", "10.0.0.1-10.0.0.9", "8000-8009", "tcp", "established", "0x4000", "eth*".
std::optional<Range> read_range(std::string_view word, const Key& key);
// Is this field told by names of interfaces?
inline bool is_interface(Field field) {
  return field == Field::kInInterface || field == Field::kOutInterface;
}
// Are several values separated by commas bits of one number (flags), any of which will do?
inline bool is_flags(Field field) {
  return field == Field::kState || field == Field::kStatus || field == Field::kTcpFlags;
}
std::optional<std::uint64_t> read_number(std::string_view word);
// "srcnat", "dstnat + 10", "-150", for a family.
std::optional<std::int32_t> read_priority(std::string_view text, TableFamily family);

}  // namespace natlens::ruleset
