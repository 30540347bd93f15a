// natlens trace: one connection across every tap, hop by hop.
#include "natlens/report/trace.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include "command.h"
#include "options.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
Examples:
  natlens trace nat.db 192.168.1.100:50000
  natlens trace nat.db "[2001:db8::100]:50000"
  natlens trace nat.db 198.51.100.2 --limit 3
  natlens trace nat.db 10000000042)";

struct TraceOptions {
  std::string database;
  std::string target;
  std::size_t limit = 5;
  bool numbers = true;
};

Result<Exit> nothing_found(const TraceOptions& options, const report::TraceAnswer& answer) {
  if (!answer.near.empty()) {
    say(fmt::format("natlens: {} has no connection of {}; there are {}\n", options.database,
                    options.target, fmt::join(answer.near, ", ")));
  } else {
    say(fmt::format(
        "natlens: {0} has no connection of {1}; `natlens show {0} connections` lists them\n",
        options.database, options.target));
  }
  return Exit::kNo;
}

Result<Exit> trace(const TraceOptions& options) {
  const auto target = report::parse_trace_target(options.target);
  if (!target) return target.error();
  const auto database = open_database(options.database);
  if (!database) return database.error();
  const auto answer = report::find_traces(**database, *target, options.limit);
  if (!answer) return answer.error();
  if (answer->traces.empty()) return nothing_found(options, *answer);
  Output out;
  bool first = true;
  for (const report::Trace& one : answer->traces) {
    if (!first) out.write("\n" + std::string(72, '-') + "\n\n");
    first = false;
    out.write(report::trace_text(one));
  }
  if (answer->more > 0) {
    out.write(
        fmt::format("\n{} more of {}; --limit N prints more\n", answer->more, options.target));
  }
  return out.finish(Exit::kOk);
}

}  // namespace

Command add_trace(CLI::App& program) {
  auto options = std::make_shared<TraceOptions>();
  CLI::App* app = program.add_subcommand("trace", "Follow one connection across every tap");
  add_database(*app, options->database);
  app->add_option("ENDPOINT", options->target,
                  "Either end of it at any tap, or a connection's id")
      ->required()
      ->type_name("ADDRESS[:PORT]|ID");
  app->add_option("-c,--limit", options->limit, "Print this many connections at most")
      ->type_name("N")
      ->check(whole_number("count", 1))
      ->capture_default_str();
  app->add_flag("-n", options->numbers, "Print numbers, not names (always so)");
  app->footer(std::string(kFooter));
  return {app, [options] { return trace(*options); }};
}

}  // namespace natlens::cli
