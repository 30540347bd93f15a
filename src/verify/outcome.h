// From counts to a verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "natlens/verify/records.h"

namespace natlens::verify {

// "< 60", "> 3", ">= 0.01".
struct Threshold {
  char op = '>';
  bool equal = false;
  double value = 0;
  bool holds(double x) const;
};

// How much is needed and how much is forgiven.
struct Limits {
  std::uint64_t min = 1;              // subjects
  std::uint64_t tolerance = 0;        // violations
  double tolerance_percent = 0;       // of the subjects
  std::optional<Threshold> error_if;  // of violations; else any
  std::optional<Threshold> warn_if;
};

// Sets the verdict, and the message if there is none yet. An outcome that has a verdict other
// than the default keeps it.
void decide(Outcome& outcome, const Limits& limits);

// "214 flows", "1 flow".
std::string amount(std::uint64_t count, std::string_view unit);

}  // namespace natlens::verify
