// What the formats of verify say alike.
#pragma once

#include <string>
#include <string_view>

#include "natlens/verify/records.h"

namespace natlens::report {

// "2 of 214 flows: tcp 10.0.0.17:51512 -> ... left as ..."
std::string headline(const verify::Outcome& outcome);
// "lan frame 8841, wan frame 8790"
std::string frames_line(const verify::Counterexample& example);
// The line of the ruleset or policy that a failure belongs to.
ruleset::Place place_of(const verify::Outcome& outcome);
// The rule id of SARIF and Code Climate: a finding's code, or the kind.
std::string rule_id(const verify::Outcome& outcome);
// Stays the same between runs: assertion, kind of violation, prefix; no ports, no times.
std::string fingerprint(const verify::Outcome& outcome);
bool failed(const verify::Outcome& outcome);   // fail or error
bool skipped(const verify::Outcome& outcome);  // not exercised or inconclusive

// Counterexamples that a machine's format shows of one outcome.
inline constexpr std::size_t kMostShown = 5;

}  // namespace natlens::report
