// natlens analyze: captures in, one database and a summary out.
#include <memory>
#include <string>

#include <fmt/format.h>

#include "natlens/report/summary.h"

#include "analysis.h"
#include "command.h"
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
  natlens analyze vm=vm.pcap wan=wan.pcap -o nat.db --clock wan=-250ms
  natlens analyze tun=tun0.pcap card=eth0.pcap -o vpn.db --keys wireguard.keys)";

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
  const auto options = run_analysis(given);
  if (!options) return options.error();
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
  add_analysis_options(*app, *options);
  app->add_flag("--packets", options->packets,
                "Store which frame is which at the other taps, for every packet");
  app->footer(std::string(kFooter));
  return {app, [options] { return analyze(*options); }};
}

}  // namespace natlens::cli
