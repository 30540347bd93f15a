// natlens explain: why a frame got its class, and what became of its connection; or what a
// finding means.
#include "natlens/report/explain.h"

#include <cctype>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "natlens/report/findings.h"

#include "command.h"
#include "explain_rules.h"
#include "options.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
The capture is read again, with the settings and key files of the analysis, so these have to be
where they were; --keys names other key files.
FRAME is the number that Wireshark shows. For a tap of several files write FILE:FRAME.

With a CODE alone, as `natlens show DB findings` prints it: what that finding means, what to do
about it, and where it is written. `natlens explain thresholds` lists what `analyze --set` takes.

Examples:
  natlens explain nat.db lan:37
  natlens explain NAT-DROP-OUT
  natlens explain nat.db captures/lan.pcap:37
  natlens explain nat.db lan:37 --rules nat.nft)";

struct ExplainOptions {
  std::string database;
  std::string target;
  std::vector<std::string> keys;
  RulesOptions rules;
  bool numbers = true;
};

Result<Exit> explain_code(const std::string& code) {
  std::string page = code == "thresholds" ? report::thresholds_page() : report::code_page(code);
  if (page.empty()) {
    std::string upper = code;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    page = report::code_page(upper);
    if (page.empty()) {
      const std::string near = report::nearest_code(upper);
      return Error{fmt::format("there is no finding {}{}", code,
                               near.empty() ? "" : fmt::format("; did you mean {}?", near))};
    }
  }
  Output out;
  out.write(page);
  return out.finish(Exit::kOk);
}

Result<Exit> explain(const ExplainOptions& options) {
  if (options.target.empty()) {
    if (options.database == "thresholds" || report::looks_like_code(options.database)) {
      return explain_code(options.database);
    }
    return Error{
        fmt::format("'{}' alone is no finding's code; write DB TAP:FRAME, or a code such as "
                    "NAT-DROP-OUT",
                    options.database)};
  }
  const auto target = report::parse_explain_target(options.target);
  if (!target) return target.error();
  const auto database = open_database(options.database);
  if (!database) return database.error();
  std::vector<std::string> key_files = options.keys;
  const auto tracking = options_of_analysis(**database, key_files);
  if (!tracking) return tracking.error();
  auto keys = load_keys(key_files);
  if (!keys) return keys.error();
  const auto page = report::explain_frame(**database, *target, *tracking, std::move(*keys));
  if (!page) return page.error();
  if (!page->missing.empty()) {
    say(fmt::format("natlens: {}: {}\n", options.database, page->missing));
    return Exit::kNo;
  }
  std::string rules;
  if (!options.rules.file.empty()) {
    const auto named = explain_rule(**database, *target, *tracking, options.rules);
    if (!named) return named.error();
    rules = "\n" + *named;
  }
  Output out;
  out.write(page->text);
  out.write(rules);
  return out.finish(Exit::kOk);
}

}  // namespace

Command add_explain(CLI::App& program) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* app = program.add_subcommand(
      "explain", "Say why a frame got its class, or what a finding means");
  app->add_option("DB", options->database,
                  "Database that `natlens analyze -o DB` wrote; or the code of a finding")
      ->required()
      ->type_name("DB|CODE");
  app->add_option("FRAME", options->target, "Where it is, and its number")
      ->type_name("TAP:FRAME");
  add_keys(*app, options->keys);
  add_optional_rules(*app, options->rules,
                     "Name the rule of these that made the frame's translation");
  app->add_flag("-n", options->numbers, "Print numbers, not names (always so)");
  app->footer(std::string(kFooter));
  return {app, [options] { return explain(*options); }};
}

}  // namespace natlens::cli
