// natlens report: a database as one HTML page for a ticket, and its captures as one file.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "natlens/report/annotate.h"
#include "natlens/report/page.h"
#include "natlens/report/text.h"

#include "command.h"
#include "options.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
The page is one file: it opens in a browser without a network, loads nothing, and is for a ticket
or a mail. It holds addresses, ports, times and names of the captures, no payload.
The pcapng has all taps in one file, in the order of the reference clock, an interface each; what
is known of a packet is its comment, which Wireshark shows. The captures are read again for it.

Examples:
  natlens report nat.db -o report.html
  natlens report nat.db -o report.html --force --ladders 100000
  natlens report nat.db --pcapng both.pcapng --captures /mnt/captures)";

struct ReportOptions {
  std::string database;
  std::string page;
  std::string pcapng;
  std::string captures;
  bool force = false;
  report::PageLimits limits;
};

// Where to write so that a file appears whole or not at all. A device or a pipe is written as
// it is, and never replaced.
std::string part_of(const std::string& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  const bool file = kind == std::filesystem::file_type::regular ||
                    kind == std::filesystem::file_type::not_found;
  return file && path != "-" ? path + ".part" : path;
}

// The part becomes the file, or goes.
Result<void> settle(const std::string& path, const std::string& part, Result<void> done) {
  if (part == path) return done;
  std::error_code error;
  if (done) std::filesystem::rename(part, path, error);
  if (done && !error) return {};
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  if (!done) return done;
  return Error{fmt::format("{}: cannot write: {}", path, error.message())};
}

Result<void> may_write(const std::string& path, bool force) {
  std::error_code ignored;
  if (path == "-" || force || !std::filesystem::is_regular_file(path, ignored)) return {};
  return Error{fmt::format("{} exists; use --force to replace it, or another name", path)};
}

Result<void> write_page_file(store::Database& database,
                             const ReportOptions& options,
                             const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wb"),
                                                             std::fclose);
  const auto failed = [&] {
    return Error{fmt::format("{}: cannot write: {}", options.page, std::strerror(errno))};
  };
  if (!file) return failed();
  bool whole = true;
  const auto done = report::write_page(database, options.limits, [&](std::string_view text) {
    whole = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
    return whole;
  });
  if (!done) return done.error();
  if (!whole || std::fflush(file.get()) != 0) return failed();
  return {};
}

Result<Exit> write_page(store::Database& database, const ReportOptions& options) {
  if (options.page == "-") {
    Output out;
    const auto done = report::write_page(database, options.limits, out.writer());
    return done ? out.finish(Exit::kOk) : Result<Exit>(done.error());
  }
  if (!report::page_built()) return report::no_page();
  const std::string part = part_of(options.page);
  const auto written = settle(options.page, part, write_page_file(database, options, part));
  return written ? Result<Exit>(Exit::kOk) : Result<Exit>(written.error());
}

Result<Exit> write_pcapng(store::Database& database, const ReportOptions& options) {
  std::vector<std::string> key_files;
  const auto tracking = options_of_analysis(database, key_files);
  if (!tracking) return tracking.error();
  const auto keys = load_keys(key_files);
  if (!keys) return keys.error();
  const std::string part = part_of(options.pcapng);
  const auto told =
      report::annotate_captures(database, {part, options.captures, *tracking, *keys});
  const auto written =
      settle(options.pcapng, part, told ? Result<void>() : Result<void>(told.error()));
  if (!written) return written.error();
  say(fmt::format("natlens: {}: {}, {} with a comment\n", options.pcapng,
                  report::count_of(told->frames, "frame", "frames"),
                  report::format_count(told->commented)));
  return told->frames > 0 ? Exit::kOk : Exit::kNothing;
}

Result<Exit> write_report(const ReportOptions& options) {
  if (options.page.empty() && options.pcapng.empty()) {
    return Error{
        "report: what is to be written? -o FILE is the page, --pcapng FILE the captures"};
  }
  for (const std::string& path : {options.page, options.pcapng}) {
    if (auto may = may_write(path, options.force); !may) return may.error();
  }
  const auto database = open_database(options.database);
  if (!database) return database.error();
  if (!options.page.empty()) {
    auto exit = write_page(**database, options);
    if (!exit || options.pcapng.empty()) return exit;
  }
  return write_pcapng(**database, options);
}

}  // namespace

Command add_report(CLI::App& program) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* app = program.add_subcommand(
      "report", "Write a database as one HTML page, or its captures as one file");
  add_database(*app, options->database);
  app->add_option("-o,--output", options->page, "The page to write; - is standard output")
      ->type_name("FILE");
  app->add_option("--pcapng", options->pcapng, "Write the captures here, merged and commented")
      ->type_name("FILE");
  app->add_option("--captures", options->captures, "The captures are in this folder now")
      ->type_name("DIR");
  app->add_flag("--force", options->force, "Replace an existing file");
  app->add_option("--mappings", options->limits.mappings, "Show this many mappings at most")
      ->type_name("N")
      ->check(whole_number("count", 0))
      ->capture_default_str();
  app->add_option("--ladders", options->limits.ladders,
                  "Give this many connections a diagram, besides those of findings")
      ->type_name("N")
      ->check(whole_number("count", 0))
      ->capture_default_str();
  app->footer(std::string(kFooter));
  return {app, [options] { return write_report(*options); }};
}

}  // namespace natlens::cli
