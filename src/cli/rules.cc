#include "rules.h"

#include <algorithm>

#include <fmt/format.h>

#include "natlens/ruleset/parse.h"

#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::size_t kMostGapsTold = 20;

Result<void> add_prefixes(const RulesOptions& options, ruleset::RouterSetup& setup) {
  for (const std::string& text : options.inside) {
    const auto prefix = ruleset::parse_prefix(text);
    if (!prefix) {
      return Error{
          fmt::format("--inside '{}' is no prefix; write for example 10.0.0.0/8", text)};
    }
    setup.interfaces[0].behind.push_back(*prefix);
  }
  if (options.inside.empty()) {  // what is never routed on the Internet
    for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}) {
      setup.interfaces[0].behind.push_back(*ruleset::parse_prefix(text));
    }
  }
  setup.interfaces[1].behind = {*ruleset::parse_prefix("0.0.0.0/0"),
                                *ruleset::parse_prefix("::/0")};
  return {};
}

// An address behind the inner interface is the inner interface's.
Result<void> add_addresses(const RulesOptions& options, ruleset::RouterSetup& setup) {
  for (const std::string& text : options.local) {
    const auto address = Address::parse(text);
    if (!address) {
      return Error{
          fmt::format("--local '{}' is no address; write for example 192.0.2.1", text)};
    }
    const auto& behind = setup.interfaces[0].behind;
    const bool inside = std::any_of(behind.begin(), behind.end(), [&](const auto& prefix) {
      return prefix.contains(*address);
    });
    setup.interfaces[inside ? 0 : 1].addresses.push_back(*address);
  }
  return {};
}

Result<void> add_names(const RulesOptions& options,
                       const ruleset::Ruleset& rules,
                       ruleset::RouterSetup& setup) {
  const ruleset::InterfaceNames guess = ruleset::infer_names(rules);
  setup.interfaces[0].name = guess.inside.empty() ? "(inside)" : guess.inside;
  setup.interfaces[1].name = guess.outside.empty() ? "(outside)" : guess.outside;
  for (const std::string& text : options.names) {
    const auto equals = text.find('=');
    const std::string side = text.substr(0, equals);
    if (equals == std::string::npos || (side != "inside" && side != "outside")) {
      return Error{fmt::format("--iface '{}': write inside=NAME or outside=NAME", text)};
    }
    setup.interfaces[side == "inside" ? 0 : 1].name = text.substr(equals + 1);
  }
  if (options.names.empty() && !(guess.inside.empty() && guess.outside.empty())) {
    warn(fmt::format("interfaces by the rules: inside {}, outside {} (--iface says otherwise)",
                     setup.interfaces[0].name, setup.interfaces[1].name));
  }
  return {};
}

}  // namespace

void add_router_options(CLI::App& app, RulesOptions& options) {
  app.add_option("--inside", options.inside,
                 "Prefixes behind the inner interface (default: private ones)")
      ->type_name("PREFIX");
  app.add_option("--local", options.local, "Addresses of the router itself")
      ->type_name("ADDRESS");
  app.add_option("--iface", options.names,
                 "What the rules call an interface: inside=NAME, outside=NAME")
      ->type_name("SIDE=NAME");
}

void add_optional_rules(CLI::App& app, RulesOptions& options, const char* help) {
  auto* rules = app.add_option("--rules", options.file, help)->type_name("FILE");
  add_router_options(app, options);
  for (const char* name : {"--inside", "--local", "--iface"}) {
    app.get_option(name)->needs(rules);
  }
}

Result<std::unique_ptr<ruleset::Ruleset>> load_rules(const std::string& file) {
  auto rules = ruleset::load(file);
  if (!rules) {
    return rules.error();
  }
  std::size_t told = 0;
  for (const ruleset::Gap& gap : rules->gaps) {
    if (++told > kMostGapsTold) {
      warn(fmt::format("... and {} more", rules->gaps.size() - kMostGapsTold));
      break;
    }
    warn(fmt::format("{}: {}; what depends on it is inconclusive",
                     ruleset::to_string(gap.place), gap.what));
  }
  return std::make_unique<ruleset::Ruleset>(std::move(*rules));
}

Result<ruleset::RouterSetup> make_router(const RulesOptions& options,
                                         const ruleset::Ruleset& rules) {
  ruleset::RouterSetup setup;
  setup.interfaces.resize(2);
  if (auto done = add_prefixes(options, setup); !done) return done.error();
  if (auto done = add_addresses(options, setup); !done) return done.error();
  if (auto done = add_names(options, rules, setup); !done) return done.error();
  setup.answers = !options.local.empty();
  return setup;
}

}  // namespace natlens::cli
