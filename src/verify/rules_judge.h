// Every connection that met a router, held against its rules.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "natlens/ruleset/judge.h"

#include "box.h"
#include "scene.h"

namespace natlens::verify {

// How many examples are kept where one is asked to show all.
inline constexpr std::size_t kMostExamples = 10'000;

// What flows said of one translating rule, or (rule nullptr) of what no rule translates.
struct RuleTally {
  std::uint64_t flows = 0;
  std::uint64_t possibly = 0;
  std::uint64_t violations = 0;
  std::uint64_t warnings = 0;  // kept, or drawn, ports that may have another cause
  std::uint64_t kept = 0;      // ports, of flows whose port the rule leaves open
  std::uint64_t drawn = 0;     // ports that changed without a visible reason
  bool random = false;
  bool translates = true;       // false: a rule that should have dropped
  std::set<Address> sources;    // inside hosts; at most kMostAddresses
  std::set<Address> externals;  // and what they became
  std::vector<Counterexample> examples;
  std::vector<Counterexample> odd_ports;
};

struct RulesVerdict {
  std::map<const ruleset::Rule*, RuleTally> rules;
  std::uint64_t flows = 0;  // judged
  std::uint64_t explained = 0;
  std::uint64_t possibly = 0;
  std::uint64_t undecided =
      0;  // without image, and it cannot be told whether it had to have one
  std::map<std::string, Unsettled> unsettled;
};

// Names for people: "nat/postrouting", "handle 7".
struct RuleNames {
  explicit RuleNames(const ruleset::Ruleset& rules);
  struct Name {
    std::string chain;
    std::string name;
    std::string full() const { return chain + " " + name; }
  };
  const Name& of(const ruleset::Rule* rule) const;
  // Of nat chains that packets meet, in the order of the text.
  std::vector<const ruleset::Rule*> translating;

 private:
  std::map<const ruleset::Rule*, Name> names_;
};
bool translates(const ruleset::Rule& rule);

struct JudgeOptions {
  std::size_t most_examples = 5;
};

RulesVerdict judge_rules(const Scene& scene,
                         const ruleset::Ruleset& rules,
                         const Box& box,
                         const JudgeOptions& options);

}  // namespace natlens::verify
