// Does the box do what its owner promised? Rules, a policy and SQL checks held against an
// analysed database; each promise gets a verdict with its counterexamples.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "natlens/net/address.h"
#include "natlens/net/result.h"
#include "natlens/store/database.h"
#include "natlens/verify/records.h"

namespace natlens::verify {

struct Options {
  std::string database_name;          // in the commands that are recommended
  std::vector<std::string> rules;     // files, "FILE#PART"
  std::vector<std::string> policies;  // files
  std::vector<std::string> checks;    // of the catalogue, "checks/lost"
  std::string profile;                // "rfc4787"...
  std::string baseline;               // a database
  std::string against;                // rules that were in force
  bool mutate = false;
  std::vector<std::pair<std::string, std::string>> interfaces;  // tap, name in the rules
  std::vector<Address> own;                                     // addresses of the router
  std::vector<std::pair<std::string, bool>> assumed;            // what captures do not show
  std::vector<std::string> only;                                // ids or tags; empty: all
  bool all = false;                     // every counterexample, not the first ones
  std::string store_failures;           // side database for rows of SQL checks
  std::string today;                    // "2026-11-21": waivers end
  std::int64_t time_limit_ms = 30'000;  // of one SQL check
};

// Errors: a file that cannot be read, an invalid policy or ruleset, no assertion at all.
Result<Report> verify(store::Database& database, const Options& options);

// A policy of what this capture shows, as text.
Result<std::string> init_policy(store::Database& database, const Options& options);
// Names, ranges and limits of the policies as they were understood, as text.
Result<std::string> explain_policy(const Options& options);
// Names of the profiles, in order.
std::vector<std::string_view> profile_names();

struct Strictness {
  bool require_exercised = false;
  bool strict = false;  // inconclusive counts
  bool fail_on_warn = false;
};
// 2 a promise could not be read or run, 3 nothing could be judged, 1 violated, 0 kept.
int exit_code(const Report& report, const Strictness& strictness);

// How many outcomes have a verdict; static ones counted.
std::uint64_t count_of(const Report& report, Verdict verdict);

}  // namespace natlens::verify
