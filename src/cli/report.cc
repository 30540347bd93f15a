// natlens report: a database as one HTML page for a ticket.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "natlens/report/page.h"

#include "command.h"
#include "options.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
The page is one file: it opens in a browser without a network, loads nothing, and is for a ticket
or a mail. It holds addresses, ports, times and names of the captures, no payload.

Examples:
  natlens report nat.db -o report.html
  natlens report nat.db -o report.html --force --ladders 100000)";

struct ReportOptions {
  std::string database;
  std::string page;
  bool force = false;
  report::PageLimits limits;
};

// A file that appears whole or not at all.
class NewFile {
 public:
  explicit NewFile(std::string path) : path_(std::move(path)), part_(path_ + ".part") {
    file_ = std::fopen(part_.c_str(), "wb");
    if (file_ == nullptr) error_ = errno;
  }
  ~NewFile() {
    if (file_ == nullptr) return;
    std::fclose(file_);
    std::remove(part_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  bool write(std::string_view text) {
    if (error_ == 0 && std::fwrite(text.data(), 1, text.size(), file_) != text.size()) {
      error_ = errno;
    }
    return error_ == 0;
  }

  Result<void> finish() {
    if (file_ != nullptr && std::fclose(file_) != 0 && error_ == 0) error_ = errno;
    const bool opened = file_ != nullptr;
    file_ = nullptr;
    if (error_ == 0 && std::rename(part_.c_str(), path_.c_str()) != 0) error_ = errno;
    if (error_ == 0) return {};
    if (opened) std::remove(part_.c_str());
    return Error{fmt::format("{}: cannot write: {}", path_, std::strerror(error_))};
  }

 private:
  std::string path_;
  std::string part_;
  std::FILE* file_ = nullptr;
  int error_ = 0;
};

Result<Exit> report_page(const ReportOptions& options) {
  const auto database = open_database(options.database);
  if (!database) return database.error();
  if (options.page == "-") {
    Output out;
    const auto done = report::write_page(**database, options.limits, out.writer());
    return done ? out.finish(Exit::kOk) : Result<Exit>(done.error());
  }
  std::error_code ignored;
  if (!options.force && std::filesystem::exists(options.page, ignored)) {
    return Error{fmt::format("{} exists; use --force to replace it or -o for another name",
                             options.page)};
  }
  NewFile file(options.page);
  const auto done = report::write_page(**database, options.limits,
                                       [&](std::string_view text) { return file.write(text); });
  if (!done) return done.error();
  if (auto written = file.finish(); !written) return written.error();
  return Exit::kOk;
}

}  // namespace

Command add_report(CLI::App& program) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* app = program.add_subcommand("report", "Write a database as one HTML page");
  add_database(*app, options->database);
  app->add_option("-o,--output", options->page, "The page to write; - is standard output")
      ->required()
      ->type_name("FILE");
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
  return {app, [options] { return report_page(*options); }};
}

}  // namespace natlens::cli
