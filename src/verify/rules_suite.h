// A ruleset as a suite: one outcome for each rule that translates, one for what no rule
// translates, one for each rule that should have dropped and did not, and what is seen from the
// text alone.
#pragma once

#include <memory>

#include "natlens/net/result.h"
#include "natlens/verify/verify.h"

#include "rules_judge.h"

namespace natlens::verify {

// A ruleset with what it was found to say of this database.
struct JudgedRules {
  std::string file;
  std::unique_ptr<ruleset::Ruleset> rules;
  Box box;
  RulesVerdict verdict;
};

Result<std::unique_ptr<ruleset::Ruleset>> load_ruleset(const std::string& file, Report& report);
Result<JudgedRules> judge_file(const Scene& scene,
                               const std::string& file,
                               const Options& options,
                               Report& report);
Suite suite_of(const Scene& scene, JudgedRules& judged);

}  // namespace natlens::verify
