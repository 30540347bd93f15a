// The table nat_behaviour, as promises and profiles read it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/store/database.h"

namespace natlens::verify {

struct BehaviourRow {
  std::string inside_tap;
  std::string outside_tap;
  std::string protocol;  // "": of all together
  std::string property;
  std::string value;  // "": undetermined
  std::string confidence;
  std::uint64_t evidence_for = 0;
  std::uint64_t evidence_against = 0;
  std::vector<std::int64_t> examples;  // translation.id
  std::string detail;
  std::string needs;
};

// Of one property; "": of all. In the order of the table.
Result<std::vector<BehaviourRow>> load_behaviours(store::Database& database,
                                                  std::string_view property);

// "at least 31 s", "31 s to 120 s", "below 60 s": [low, high) in seconds.
struct Interval {
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
};
Interval interval_of(std::string_view value);

}  // namespace natlens::verify
