// What verify finds out: verdicts with the numbers, frames and rules that they rest on. Plain
// data for the reports; rows are in the order of the policy and the rules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/ruleset/records.h"

namespace natlens::verify {

enum class Verdict : std::uint8_t {
  kPass,
  kFail,
  kWarn,          // violations, but of severity warning, or fewer than `error-if` asks for
  kNotExercised,  // fewer subjects than `min`: nothing was promised about
  kInconclusive,  // the capture cannot tell
  kError,         // the promise itself cannot be read or run
  kCount
};
std::string_view to_string(Verdict verdict);  // "pass", "fail", "not exercised"...

enum class Severity : std::uint8_t { kError, kWarning };

// A frame that shows it.
struct FrameRef {
  std::string tap;
  std::string file;
  std::uint32_t frame = 0;
  std::int64_t time_ns = 0;
  std::string note;  // "source 10.0.0.17 (TTL 63)"
};

// One violation, so that it can be looked at.
struct Counterexample {
  std::string flow;  // "tcp 10.0.0.17:51512 -> 198.51.100.20:443"
  std::string expected;
  std::string got;
  std::vector<FrameRef> frames;
  std::string why;
  std::string rule;       // "nat/postrouting handle 7: oifname wan0 masquerade"
  ruleset::Place place;   // of that rule; line 0: none
  std::string see;        // the command that shows it
  std::string violation;  // a word: "untranslated", "wrong-target"...
  std::string prefix;     // of the subject, /24 or /64: stays the same between runs
};

// One promise and what became of it.
struct Outcome {
  std::string id;
  std::string kind;
  std::string title;
  ruleset::Place place;
  std::vector<std::string> tags;
  std::string reason;  // why it matters, as the policy says
  Severity severity = Severity::kError;
  Verdict verdict = Verdict::kNotExercised;
  bool is_static = false;  // no traffic was looked at
  std::uint64_t subjects = 0;
  std::uint64_t violations = 0;
  std::uint64_t waived = 0;
  std::string unit = "flows";            // of the subjects
  std::string message;                   // one line
  std::string needs;                     // the traffic that would exercise or decide it
  std::string finding;                   // code that explains the failure
  std::vector<Counterexample> examples;  // the first ones
};

// A rule of a ruleset and the traffic that it translated.
struct CoverageRow {
  std::string chain;  // "nat/postrouting"
  std::string name;   // "handle 7", "line 12"
  ruleset::Place place;
  std::string text;
  std::uint64_t flows = 0;
  std::uint64_t possibly = 0;  // flows that it may have translated
  std::uint64_t violations = 0;
  std::string detail;  // "addresses 5/5, hosts 9"
};

// What captures do not show, and how to settle it.
struct Unsettled {
  std::string what;
  std::string rule;
  std::string hint;
  std::uint64_t flows = 0;
};

struct Suite {
  std::string name;  // of the policy file, the rules or the profile
  std::vector<Outcome> results;
  std::vector<CoverageRow> coverage;
  std::vector<Unsettled> unsettled;
  bool is_rules = false;
  bool is_profile = false;
};

// One rule changed in the model: does any verdict notice?
struct Mutant {
  std::string rule;
  std::string change;                   // "removed", "range shrunk"...
  std::vector<std::string> noticed_by;  // ids of results; none: nothing protects this rule
};

// Flows that other rules would treat otherwise, of one rule.
struct ChangedGroup {
  std::string before;  // rule or "no rule"
  std::string after;
  std::uint64_t flows = 0;
  std::vector<Counterexample> examples;
};

struct Report {
  std::string database;
  std::vector<std::string> rules;
  std::vector<Suite> suites;
  std::vector<Mutant> mutants;
  bool mutated = false;
  std::vector<ChangedGroup> changes;
  bool compared = false;           // with other rules
  std::vector<std::string> notes;  // for standard error
};

}  // namespace natlens::verify
