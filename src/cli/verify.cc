// natlens verify: did the box do what its rules and its owner say? For pipelines: one command
// from captures to an exit code.
#include "natlens/verify/verify.h"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "natlens/report/summary.h"
#include "natlens/report/verify_report.h"

#include "analysis.h"
#include "command.h"
#include "options.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
The first argument is a database of analyze, or captures, which are analysed first (into a
temporary database, or into the one of -o).

Exit codes: 0 every promise that was exercised was kept, 1 one was violated, 2 a policy, a rules
file or a query cannot be used, 3 nothing could be judged.

Examples:
  natlens verify nat.db --rules nat.nft
  natlens verify lan=in.pcap wan=out.pcap --rules nat.nft --iface lan=br-lan --iface wan=eth0)";

struct VerifyOptions {
  AnalyzeOptions analysis;
  std::vector<std::string> interfaces;
  std::vector<std::string> own;
  verify::Options verify;
  verify::Strictness strictness;
};

// A database that goes with the run.
class TemporaryDatabase {
 public:
  Result<std::string> create() {
    std::error_code error;
    const auto folder = std::filesystem::temp_directory_path(error);
    std::string pattern = ((error ? "/tmp" : folder) / "natlens-verify-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      return Error{fmt::format("{}: no temporary folder; set TMPDIR, or give -o", pattern)};
    }
    folder_ = pattern;
    return folder_ + "/nat.db";
  }
  ~TemporaryDatabase() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

 private:
  std::string folder_;
};

bool is_database(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string head(15, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  return in && head == "SQLite format 3";
}

Result<void> read_names(const VerifyOptions& given, verify::Options& options) {
  for (const std::string& text : given.interfaces) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{fmt::format("--iface '{}': write TAP=NAME, such as wan=eth0", text)};
    }
    options.interfaces.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const std::string& text : given.own) {
    const auto address = Address::parse(text);
    if (!address) {
      return Error{
          fmt::format("--local '{}' is no address; write for example 192.0.2.1", text)};
    }
    options.own.push_back(*address);
  }
  return {};
}

// The database to judge: the one given, or one made of the captures.
Result<std::string> prepare(const VerifyOptions& given, TemporaryDatabase& temporary) {
  const auto& taps = given.analysis.taps;
  if (taps.size() == 1 && is_database(taps.front())) {
    if (!given.analysis.output.empty()) {
      return Error{
          fmt::format("-o {}: {} is a database already", given.analysis.output, taps.front())};
    }
    return taps.front();
  }
  AnalyzeOptions analysis = given.analysis;
  if (analysis.output.empty()) {
    auto created = temporary.create();
    if (!created) return created.error();
    analysis.output = *created;
  }
  const auto done = run_analysis(analysis);
  if (!done) return done.error();
  return analysis.output;
}

Result<Exit> judge(store::Database& database,
                   const verify::Options& options,
                   const verify::Strictness& strictness) {
  const auto summary = report::load_summary(database);
  if (!summary) return summary.error();
  if (const std::string broken = report::unreadable_input(*summary); !broken.empty()) {
    return Error{broken};
  }
  const auto report = verify::verify(database, options);
  if (!report) return report.error();
  for (const std::string& note : report->notes) warn(note);
  Output out;
  out.write(report::verify_text(*report));
  const int code = verify::exit_code(*report, strictness);
  if (code == static_cast<int>(Exit::kNothing)) {
    const std::string nothing = report::nothing_judged(*summary);
    say(fmt::format("natlens: nothing to judge: {}\n",
                    nothing.empty() ? "no promise was exercised" : nothing));
  }
  return out.finish(static_cast<Exit>(code));
}

Result<Exit> run(const VerifyOptions& given) {
  verify::Options options = given.verify;
  if (auto done = read_names(given, options); !done) return done.error();
  if (options.rules.empty()) return Error{"nothing to verify: give --rules FILE"};
  TemporaryDatabase temporary;
  const auto path = prepare(given, temporary);
  if (!path) return path.error();
  const bool kept = !given.analysis.output.empty() || *path == given.analysis.taps.front();
  options.database_name = kept ? *path : "nat.db";
  const auto database = open_database(*path);
  if (!database) return database.error();
  return judge(**database, options, given.strictness);
}

}  // namespace

Command add_verify(CLI::App& program, std::string command_line) {
  auto options = std::make_shared<VerifyOptions>();
  options->analysis.command_line = std::move(command_line);
  CLI::App* app = program.add_subcommand(
      "verify", "Hold a database, or captures, against rules and promises");
  app->add_option("-r,TAP", options->analysis.taps,
                  "A database, or captures as analyze takes them")
      ->required()
      ->option_text("DB | [NAME=]FILE[,FILE...] ...");
  app->add_option("--rules", options->verify.rules,
                  "What nft or iptables-save printed; FILE#NAME is one of several")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app->add_option("--iface", options->interfaces, "What the rules call the interface of a tap")
      ->type_name("TAP=NAME")
      ->allow_extra_args(false);
  app->add_option("--local", options->own, "Addresses of the router itself")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app->add_flag("--all", options->verify.all, "Print every violation, not the first five");
  app->add_flag("--require-exercised", options->strictness.require_exercised,
                "A promise that no traffic touched is a failure");
  app->add_flag("--strict", options->strictness.strict, "So is an inconclusive one");
  app->add_flag("--fail-on-warn", options->strictness.fail_on_warn, "So is a warning");
  app->add_option("-o,--output", options->analysis.output,
                  "Keep the database that is made of the captures")
      ->type_name("DB");
  app->add_flag("--force", options->analysis.force, "Replace an existing database");
  add_analysis_options(*app, options->analysis);
  app->footer(std::string(kFooter));
  return {app, [options] { return run(*options); }};
}

}  // namespace natlens::cli
