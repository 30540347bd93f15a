// natlens analyze: captures in, one database and a summary out.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "natlens/capture/source.h"
#include "natlens/pipeline/analysis.h"
#include "natlens/report/summary.h"

#include "command.h"
#include "options.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
A tap is [NAME=]FILE[,FILE...]; the files of a tap are put in order of their first frame. A file
with several interfaces becomes several taps. NAME=FILE%INTERFACE takes one of them, - is standard
input. Which side is inside is found out, never asked.

Examples:
  natlens analyze lan=in.pcap wan=out.pcap -o nat.db
  natlens analyze router.pcapng -o nat.db
  natlens analyze lan=lan.0.pcap.gz,lan.1.pcap.gz wan=wan.pcap -o nat.db --force
  natlens analyze vm=vm.pcap wan=wan.pcap -o nat.db --clock wan=-250ms)";

// Less would hold no pair window of a line that is worth capturing.
constexpr std::uint64_t kLeastMemory = std::uint64_t{16} << 20;

struct AnalyzeOptions {
  std::vector<std::string> taps;
  std::string output;
  bool force = false;
  std::vector<std::string> clocks;
  TrackingOptions tracking;
  std::string pair_window = "5";
  std::string memory = "2G";
  bool packets = false;
  std::string command_line;
};

Result<std::vector<capture::SourceSpec>> parse_sources(
    const std::vector<std::string>& arguments) {
  std::vector<capture::SourceSpec> sources;
  for (const std::string& argument : arguments) {
    auto source = capture::parse_source(argument);
    if (!source) return source.error();
    sources.push_back(std::move(*source));
  }
  return sources;
}

Result<std::map<std::string, std::int64_t>> parse_clocks(
    const std::vector<std::string>& clocks) {
  std::map<std::string, std::int64_t> offsets;
  for (const std::string& clock : clocks) {
    const std::size_t equals = clock.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{fmt::format("--clock: '{}' is not TAP=OFFSET, such as wan=+1.5s", clock)};
    }
    const auto offset = parse_duration(std::string_view(clock).substr(equals + 1));
    if (!offset) return Error{fmt::format("--clock: {}", offset.error().message)};
    offsets[clock.substr(0, equals)] = offset->count();
  }
  return offsets;
}

Result<pipeline::AnalysisOptions> make_options(const AnalyzeOptions& given) {
  pipeline::AnalysisOptions options;
  auto sources = parse_sources(given.taps);
  if (!sources) return sources.error();
  auto clocks = parse_clocks(given.clocks);
  if (!clocks) return clocks.error();
  auto tracking = make_tracking(given.tracking);
  if (!tracking) return tracking.error();
  const auto window = parse_duration(given.pair_window);
  if (!window || window->count() <= 0) {
    return Error{fmt::format("--pair-window: '{}' is no time above zero, such as 5 or 500ms",
                             given.pair_window)};
  }
  const auto memory = parse_size(given.memory);
  if (!memory) return Error{fmt::format("--memory: {}", memory.error().message)};
  if (*memory < kLeastMemory) {
    return Error{fmt::format("--memory: '{}' is too little; write 16M or more", given.memory)};
  }
  options.sources = std::move(*sources);
  options.clock_offsets_ns = std::move(*clocks);
  options.conntrack = std::move(*tracking);
  options.correlate.pair_window = *window;
  options.correlate.memory_bytes = *memory;
  options.correlate.links = given.packets;
  options.tunnels.keep_links = given.packets;
  options.output = given.output;
  options.force = given.force;
  options.command_line = given.command_line;
  return options;
}

Result<Exit> print_summary(const pipeline::AnalysisOptions& options) {
  const auto database = store::Database::open(options.output);
  if (!database) return database.error();
  const auto summary = report::load_summary(**database);
  if (!summary) return summary.error();
  Output out;
  out.write(report::summary_text(*summary));
  if (const std::string unreadable = report::unreadable_input(*summary); !unreadable.empty()) {
    const auto written = out.finish(Exit::kError);
    return written ? Error{unreadable} : written.error();
  }
  const std::string nothing = report::nothing_judged(*summary);
  auto exit = out.finish(nothing.empty() ? Exit::kOk : Exit::kNothing);
  if (exit && !nothing.empty()) {
    say(fmt::format("natlens: nothing to judge: {}\n", nothing));
  }
  return exit;
}

Result<Exit> analyze(const AnalyzeOptions& given) {
  auto options = make_options(given);
  if (!options) return options.error();
  Progress progress;
  options->progress = [&progress](std::uint64_t done, std::uint64_t total) {
    progress.update(done, total);
  };
  options->stop = &stop_on_signal();
  const auto analyzed = pipeline::analyze(*options);
  progress.clear();
  if (!analyzed) return analyzed.error();
  for (const std::string& warning : analyzed->warnings) warn(warning);
  return print_summary(*options);
}

}  // namespace

Command add_analyze(CLI::App& program, std::string command_line) {
  auto options = std::make_shared<AnalyzeOptions>();
  options->command_line = std::move(command_line);
  CLI::App* app = program.add_subcommand(
      "analyze", "Read captures, pair their connections, write a database");
  app->add_option("-r,TAP", options->taps,
                  "Captures, one argument for each place of capture, with or without -r")
      ->required()
      ->option_text("[NAME=]FILE[,FILE...] ...");
  app->add_option("-o,--output", options->output, "Database to write")
      ->required()
      ->type_name("DB");
  app->add_flag("--force", options->force, "Replace an existing database");
  app->add_option("--clock", options->clocks,
                  "The clock of TAP is OFFSET ahead of the first tap's")
      ->type_name("TAP=OFFSET")
      ->allow_extra_args(false);
  add_tracking_options(*app, options->tracking);
  app->add_option("--pair-window", options->pair_window,
                  "How long a packet waits for its other side")
      ->type_name("TIME")
      ->capture_default_str();
  app->add_option("--memory", options->memory,
                  "Bound on what waits for its other side, at least 16M")
      ->type_name("SIZE")
      ->capture_default_str();
  app->add_flag("--packets", options->packets,
                "Store which frame is which at the other taps, for every packet");
  app->footer(std::string(kFooter));
  return {app, [options] { return analyze(*options); }};
}

}  // namespace natlens::cli
