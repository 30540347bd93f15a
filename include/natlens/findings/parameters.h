// Thresholds of the rules, each with a name under which it can be set.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/result.h"

namespace natlens::findings {

struct Parameter {
  std::string_view name;
  std::string_view meaning;
  double standard = 0;
};

class Parameters {
 public:
  Parameters();
  // Errors: no such name (says the nearest), not a number, below zero.
  Result<void> set(std::string_view name, std::string_view value);
  // REQUIRES: a name of names().
  double operator[](std::string_view name) const;
  static std::span<const Parameter> all();

 private:
  std::vector<double> values_;
};

}  // namespace natlens::findings
