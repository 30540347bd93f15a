// What a subcommand is: options on a CLI::App, and an action that runs once they are parsed.
// One file per subcommand; main.cc composes them and holds the table of exit codes.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "natlens/net/result.h"

namespace natlens::cli {

// In order of precedence: 2, 3, 1, 0.
enum class Exit : int {
  kOk = 0,
  kNo = 1,       // the answer is "no": a check with rows, something that is not there
  kError = 2,    // usage, unreadable or invalid input
  kNothing = 3,  // everything was readable and nothing could be judged
};

struct Command {
  CLI::App* app = nullptr;
  // An Error is told on standard error and ends with kError.
  std::function<Result<Exit>()> run;
};

Command add_analyze(CLI::App& program, std::string command_line);
Command add_capture(CLI::App& program, std::string command_line);
Command add_show(CLI::App& program);
Command add_trace(CLI::App& program);
Command add_explain(CLI::App& program);
Command add_query(CLI::App& program);
Command add_decode(CLI::App& program);
Command add_track(CLI::App& program);
Command add_replay(CLI::App& program);
Command add_nat(CLI::App& program, std::string command_line);
Command add_verify(CLI::App& program, std::string command_line);
Command add_report(CLI::App& program);

}  // namespace natlens::cli
