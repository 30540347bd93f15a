// What `replay --compare` found, kept in a database that `analyze` wrote.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "natlens/net/address.h"
#include "natlens/net/result.h"

namespace natlens::store {

struct DifferenceRow {
  std::string_view capture;
  std::uint32_t frame = 0;
  bool real = false;  // the real router sent it, the rules do not; else the other way round
  Tuple left;
  Tuple entered;  // no family: not known
};

// Replaces what the table replay_difference holds, in one transaction. Errors: not a natlens
// database, not writable, locked; then nothing has changed.
Result<void> keep_differences(const std::string& path,
                              std::string_view rules,
                              std::span<const DifferenceRow> rows);

}  // namespace natlens::store
