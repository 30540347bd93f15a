// What `analyze`, and `verify` of captures, take about an analysis, and the run itself.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "natlens/net/result.h"
#include "natlens/pipeline/analysis.h"

#include "command.h"
#include "options.h"

namespace natlens::cli {

struct AnalyzeOptions {
  std::vector<std::string> taps;
  std::string output;
  bool force = false;
  std::vector<std::string> clocks;
  TrackingOptions tracking;
  std::vector<std::string> keys;
  std::string pair_window = "5";
  std::string memory = "4G";
  bool packets = false;
  std::vector<std::string> thresholds;
  std::string command_line;
};

// --clock, --keys, --pair-window, --memory, --set and those of connection tracking.
void add_analysis_options(CLI::App& app, AnalyzeOptions& options);

// All but the sources.
Result<pipeline::AnalysisOptions> make_analysis(const AnalyzeOptions& given);

// The summary of the database that was written, and the exit code that its content stands for.
Result<Exit> print_summary(const std::string& database);

// Reads the captures into the database, with a bar on a terminal; warnings go to standard
// error.
Result<pipeline::AnalysisOptions> run_analysis(const AnalyzeOptions& given);

}  // namespace natlens::cli
