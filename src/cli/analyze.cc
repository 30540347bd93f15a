// natlens analyze: captures in, one database and a summary out.
#include <memory>
#include <string>

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

Result<Exit> analyze(const AnalyzeOptions& given) {
  const auto options = run_analysis(given);
  if (!options) return options.error();
  return print_summary(options->output);
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
