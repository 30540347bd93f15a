// Other rules, in the model only: which flows would they treat otherwise, and which verdicts
// would notice that a rule is gone?
#pragma once

#include "rules_suite.h"

namespace natlens::verify {

// Flows whose allowed outcomes differ between the rules in force and `other`, by rule.
std::vector<ChangedGroup> compare_rules(const Scene& scene,
                                        const JudgedRules& now,
                                        const ruleset::Ruleset& other,
                                        std::size_t most_examples);
// Each translating rule removed, and each range shrunk.
std::vector<Mutant> mutate(const Scene& scene, const JudgedRules& judged);

}  // namespace natlens::verify
