// natlens verify: did the box do what its rules and its owner say? For pipelines: one command
// from captures to an exit code.
#include "natlens/verify/verify.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
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
  natlens verify lan=in.pcap wan=out.pcap --rules nat.nft --iface lan=br-lan --iface wan=eth0
  natlens verify nat.db --policy nat.toml --require-exercised --junit nat.xml --sarif nat.sarif
  natlens verify nat.db --profile rfc4787
  natlens verify nat.db --init > nat.toml
  natlens verify nat.db --rules new.nft --against old.nft)";

struct VerifyOptions {
  AnalyzeOptions analysis;
  std::vector<std::string> interfaces;
  std::vector<std::string> own;
  std::vector<std::string> assumed;
  std::string format = "text";
  bool github = false;
  bool init = false;
  bool explain = false;
  std::map<std::string, std::string> files;  // by format
  verify::Options verify;
  verify::Strictness strictness;
};

using Format = std::string (*)(const verify::Report&);
struct FileFormat {
  const char* option;
  const char* help;
  Format write;
};
constexpr std::array<FileFormat, 6> kFiles{{
    {"--junit", "Write JUnit XML", report::verify_junit},
    {"--sarif", "Write SARIF 2.1.0", report::verify_sarif},
    {"--gitlab", "Write a Code Climate report for GitLab", report::verify_gitlab},
    {"--json", "Write everything as JSON", report::verify_json},
    {"--markdown", "Write a job summary", report::verify_markdown},
    {"--tap", "Write TAP 14", report::verify_tap},
}};

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
  for (const std::string& text : given.assumed) {
    const auto equals = text.rfind('=');
    const std::string answer = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (answer != "yes" && answer != "no") {
      return Error{
          fmt::format("--assume '{}': write WHAT=yes or WHAT=no, as the hint says", text)};
    }
    options.assumed.emplace_back(text.substr(0, equals), answer == "yes");
  }
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  options.today =
      fmt::format("{:04}-{:02}-{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
  return {};
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return Error{fmt::format("{}: cannot be written", path)};
  return {};
}

// GitHub's own runners say so; what goes into a file is for somebody else.
bool wants_github(const VerifyOptions& given) {
  const char* set = std::getenv("GITHUB_ACTIONS");
  struct stat info {};
  const bool file = fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode);
  return given.github || (set != nullptr && std::string_view(set) == "true" && !file);
}

Result<Exit> print(const std::string& text) {
  Output out;
  out.write(text);
  return out.finish(Exit::kOk);
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
                   const VerifyOptions& given,
                   const verify::Options& options) {
  const auto summary = report::load_summary(database);
  if (!summary) return summary.error();
  if (const std::string broken = report::unreadable_input(*summary); !broken.empty()) {
    return Error{broken};
  }
  const auto found = verify::verify(database, options);
  if (!found) return found.error();
  std::set<std::string> told;
  for (const std::string& note : found->notes) {
    if (told.insert(note).second) warn(note);
  }
  const int code = verify::exit_code(*found, given.strictness);
  for (const FileFormat& format : kFiles) {
    const auto path = given.files.find(format.option);
    if (path == given.files.end() || path->second.empty()) continue;
    if (auto done = write_file(path->second, format.write(*found)); !done) return done.error();
  }
  Output out;
  out.write(given.format == "tap" ? report::verify_tap(*found)
                                  : report::verify_text(*found, code));
  if (wants_github(given)) out.write(report::verify_github(*found));
  if (code == static_cast<int>(Exit::kNothing)) {
    const std::string nothing = report::nothing_judged(*summary);
    say(fmt::format("natlens: nothing to judge: {}\n",
                    nothing.empty() ? "no promise was exercised" : nothing));
  }
  return out.finish(static_cast<Exit>(code));
}

// What is wrong without any capture is told before hours are spent on one.
Result<void> check_inputs(const VerifyOptions& given, const verify::Options& options) {
  const bool any = !options.rules.empty() || !options.policies.empty() ||
                   !options.checks.empty() || !options.profile.empty() ||
                   !options.baseline.empty() || given.init;
  if (!any) {
    return Error{
        "no assertion at all: give --rules, --policy, --profile, --check or --baseline (--init "
        "writes a policy from a good capture)"};
  }
  if ((options.mutate || !options.against.empty()) && options.rules.empty()) {
    return Error{"--mutate and --against need --rules"};
  }
  const auto policies = verify::explain_policy(options);
  return policies ? Result<void>() : policies.error();
}

Result<Exit> run(const VerifyOptions& given) {
  verify::Options options = given.verify;
  if (auto done = read_names(given, options); !done) return done.error();
  if (given.explain) {
    const auto text = verify::explain_policy(options);
    return text ? print(*text) : text.error();
  }
  if (given.analysis.taps.empty()) return Error{"a database or captures are needed"};
  if (auto done = check_inputs(given, options); !done) return done.error();
  TemporaryDatabase temporary;
  const auto path = prepare(given, temporary);
  if (!path) return path.error();
  const bool kept = !given.analysis.output.empty() || *path == given.analysis.taps.front();
  options.database_name = kept ? *path : "nat.db";
  const auto database = open_database(*path);
  if (!database) return database.error();
  if (given.init) {
    const auto text = verify::init_policy(**database, options);
    return text ? print(*text) : text.error();
  }
  return judge(**database, given, options);
}

// What is judged, and how strictly.
void add_promises(CLI::App& app, VerifyOptions& options) {
  const auto many = [&](const char* name, std::vector<std::string>& to, const char* help,
                        const char* type) {
    app.add_option(name, to, help)->type_name(type)->allow_extra_args(false);
  };
  verify::Options& v = options.verify;
  many("--rules", v.rules, "What nft or iptables-save printed; FILE#NAME is one of several",
       "FILE");
  many("--policy", v.policies, "Promises, in TOML", "FILE");
  many("--check", v.checks, "A SQL check: a file, or a name of the catalogue", "FILE|NAME");
  app.add_option("--profile", v.profile,
                 "A ready list: " + fmt::format("{}", fmt::join(verify::profile_names(), ", ")))
      ->type_name("NAME");
  app.add_option("--baseline", v.baseline,
                 "A database of a good capture: classes, pools, "
                 "forwards and findings stay")
      ->type_name("DB");
  app.add_option("--against", v.against,
                 "Print the flows that --rules would treat otherwise "
                 "than these rules")
      ->type_name("FILE");
  app.add_flag("--mutate", v.mutate, "Remove each rule in the model: would a verdict notice?");
  app.add_flag("--init", options.init,
               "Write a policy of what the capture shows, and judge nothing");
  app.add_flag("--explain-policy", options.explain, "Print the policy as it was understood");
  many("--only", v.only, "Only what has this id or tag", "ID");
  app.add_flag("--all", v.all, "Print every violation, not the first five");
  app.add_flag("--require-exercised", options.strictness.require_exercised,
               "A promise that no traffic touched is a failure");
  app.add_flag("--strict", options.strictness.strict, "So is an inconclusive one");
  app.add_flag("--fail-on-warn", options.strictness.fail_on_warn, "So is a warning");
  many("--iface", options.interfaces, "What the rules call the interface of a tap", "TAP=NAME");
  many("--local", options.own, "Addresses of the router itself", "ADDRESS");
  many("--assume", options.assumed, "What captures do not show", "WHAT=yes|no");
}

void add_outputs(CLI::App& app, VerifyOptions& options) {
  app.add_option("--format", options.format, "Of standard output: text or tap")
      ->check(one_of({"text", "tap"}))
      ->type_name("FORMAT");
  for (const FileFormat& format : kFiles) {
    app.add_option(format.option, options.files[format.option], format.help)->type_name("FILE");
  }
  app.add_flag("--github", options.github, "Print annotations (by itself in GitHub Actions)");
  app.add_option("--store-failures", options.verify.store_failures,
                 "Keep the rows of SQL checks in this database, a table each")
      ->type_name("DB");
  app.add_option("-o,--output", options.analysis.output,
                 "Keep the database that is made of the captures")
      ->type_name("DB");
  app.add_flag("--force", options.analysis.force, "Replace an existing database");
}

}  // namespace

Command add_verify(CLI::App& program, std::string command_line) {
  auto options = std::make_shared<VerifyOptions>();
  options->analysis.command_line = std::move(command_line);
  CLI::App* app = program.add_subcommand(
      "verify", "Hold a database, or captures, against rules and promises");
  app->add_option("-r,TAP", options->analysis.taps,
                  "A database, or captures as analyze takes them")
      ->option_text("DB | [NAME=]FILE[,FILE...] ...");
  add_promises(*app, *options);
  add_outputs(*app, *options);
  add_analysis_options(*app, options->analysis);
  app->footer(std::string(kFooter));
  return {app, [options] { return run(*options); }};
}

}  // namespace natlens::cli
