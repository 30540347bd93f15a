// Which pairs were told of while their connections went on, and under which serial: what is
// said of them later replaces that.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "natlens/correlate/records.h"

namespace natlens::correlate {

class Provisional {
 public:
  using Ends = std::array<ConnectionRef, 2>;

  // The serial under which this pair was told of; 0 = it was not.
  std::uint64_t find(std::uint32_t pair, const Ends& ends) const {
    if (pair >= told_.size() || told_[pair].ends != ends) return 0;
    return told_[pair].serial;
  }
  // Returns the serial that stood there and is of no pair any more; 0 = none.
  std::uint64_t set(std::uint32_t pair, const Ends& ends, std::uint64_t serial) {
    if (pair >= told_.size()) told_.resize(pair + 1U);
    const std::uint64_t before = told_[pair].ends == ends ? 0 : told_[pair].serial;
    told_[pair] = {serial, ends};
    return before;
  }
  void forget(std::uint32_t pair) {
    if (pair < told_.size()) told_[pair] = {};
  }

 private:
  struct Told {
    std::uint64_t serial = 0;
    Ends ends;
  };
  std::vector<Told> told_;  // by number of the pair
};

}  // namespace natlens::correlate
