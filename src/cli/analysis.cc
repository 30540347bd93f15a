#include "analysis.h"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "natlens/capture/source.h"
#include "natlens/report/summary.h"

#include "terminal.h"

namespace natlens::cli {
namespace {

// Less would hold no pair window of a line that is worth capturing.
constexpr std::uint64_t kLeastMemory = std::uint64_t{16} << 20;

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

Result<findings::Parameters> parse_thresholds(const std::vector<std::string>& thresholds) {
  findings::Parameters parameters;
  for (const std::string_view threshold : thresholds) {
    const std::size_t equals = threshold.find('=');
    if (equals == std::string_view::npos) {
      return Error{
          fmt::format("--set: '{}' is not NAME=VALUE, such as loss_err=0.05", threshold)};
    }
    const auto set = parameters.set(threshold.substr(0, equals), threshold.substr(equals + 1));
    if (!set) return Error{fmt::format("--set: {}", set.error().message)};
  }
  return parameters;
}

}  // namespace

Result<pipeline::AnalysisOptions> make_analysis(const AnalyzeOptions& given) {
  pipeline::AnalysisOptions options;
  auto clocks = parse_clocks(given.clocks);
  if (!clocks) return clocks.error();
  auto tracking = make_tracking(given.tracking);
  if (!tracking) return tracking.error();
  auto keys = load_keys(given.keys);
  if (!keys) return keys.error();
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
  auto thresholds = parse_thresholds(given.thresholds);
  if (!thresholds) return thresholds.error();
  options.findings = std::move(*thresholds);
  options.clock_offsets_ns = std::move(*clocks);
  options.conntrack = std::move(*tracking);
  options.decode.keys = std::move(*keys);
  options.correlate.pair_window = *window;
  options.memory_bytes = *memory;
  options.correlate.links = given.packets;
  options.tunnels.keep_links = given.packets;
  options.output = given.output;
  options.force = given.force;
  options.command_line = given.command_line;
  return options;
}

Result<Exit> print_summary(const std::string& path) {
  const auto database = store::Database::open(path);
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

void add_analysis_options(CLI::App& app, AnalyzeOptions& options) {
  app.add_option("--clock", options.clocks,
                 "The clock of TAP is OFFSET ahead of the first tap's")
      ->type_name("TAP=OFFSET")
      ->allow_extra_args(false);
  add_tracking_options(app, options.tracking);
  add_keys(app, options.keys);
  app.add_option("--pair-window", options.pair_window,
                 "How long a packet waits for its other side")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option("--memory", options.memory,
                 "Bound on what grows with the traffic: connections, and packets that wait for "
                 "their other side; at least 16M")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--set", options.thresholds,
                 "Give a threshold of the findings a value (`natlens explain thresholds` lists "
                 "them)")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

Result<pipeline::AnalysisOptions> run_analysis(const AnalyzeOptions& given) {
  auto sources = parse_sources(given.taps);
  if (!sources) return sources.error();
  auto options = make_analysis(given);
  if (!options) return options.error();
  options->sources = std::move(*sources);
  Progress progress;
  options->progress = [&progress](std::uint64_t done, std::uint64_t total) {
    progress.update(done, total);
  };
  options->stop = &stop_on_signal();
  const auto analyzed = pipeline::analyze(*options);
  progress.clear();
  if (!analyzed) return analyzed.error();
  for (const std::string& warning : analyzed->warnings) warn(warning);
  return std::move(*options);
}

}  // namespace natlens::cli
