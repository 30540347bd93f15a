// Options about rules and the router that they make, shared by `track` and `replay`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "natlens/net/result.h"
#include "natlens/ruleset/router.h"

namespace natlens::cli {

struct RulesOptions {
  std::string file;
  std::vector<std::string> inside;  // prefixes
  std::vector<std::string> local;   // the router's own addresses
  std::vector<std::string> names;   // "inside=eth0", "outside=wan0"
};

// --inside, --local and --iface; --rules is the command's own.
void add_router_options(CLI::App& app, RulesOptions& options);
// These and --rules, for a command that can do without: the three need it.
void add_optional_rules(CLI::App& app, RulesOptions& options, const char* help);

// Reads the rules, and tells on standard error what in them is not understood.
Result<std::unique_ptr<ruleset::Ruleset>> load_rules(const std::string& file);

// A router with an inner interface (0) and an outer one (1), which has the default route. Names
// that are not given are taken from the rules, and said.
Result<ruleset::RouterSetup> make_router(const RulesOptions& options,
                                         const ruleset::Ruleset& rules);

}  // namespace natlens::cli
