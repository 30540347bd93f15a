// A policy's promises as a suite, with its waivers.
#pragma once

#include "kinds.h"

namespace natlens::verify {

Result<Suite> suite_of_policy(const Scene& scene,
                              const Policy& policy,
                              const Options& options,
                              Report& report);
// SQL checks that were asked for by name.
Result<Suite> suite_of_checks(const Scene& scene, const Options& options, Report& report);
// Promises in the comments of rules: "verify: forward id=web listen=... target=...".
Result<void> add_comments(const std::vector<std::string>& rules, Policy& policy);

// "--only": does it choose this outcome, by id or tag?
bool chosen(const Options& options, const Outcome& outcome);

}  // namespace natlens::verify
