// Option values that several subcommands share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "natlens/conntrack/tracker.h"
#include "natlens/decode/keys.h"
#include "natlens/net/result.h"
#include "natlens/net/timestamp.h"
#include "natlens/report/table.h"
#include "natlens/store/database.h"

namespace natlens::cli {

// "; did you mean table?", or nothing if no known name is near.
std::string did_you_mean(std::string_view wrong, std::span<const std::string_view> known);

// A CLI11 check: the value is one of these, else the message names the nearest.
CLI::Validator one_of(std::vector<std::string_view> known);

// A CLI11 check: a whole number from `least` to `most`; else the message says what is no
// `what`.
CLI::Validator whole_number(std::string_view what,
                            std::uint64_t least,
                            std::uint64_t most = std::numeric_limits<std::int64_t>::max());

// "512M", "2G", "1048576": bytes, in powers of 1024.
Result<std::uint64_t> parse_size(std::string_view text);
// "1.5", "+250ms", "-3us", "2h": seconds if there is no unit (ns us ms s min h d).
Result<Nanoseconds> parse_duration(std::string_view text);

// What `analyze` and `track` take about connection tracking; see conntrack::Options.
struct TrackingOptions {
  std::string kernel;
  std::string sysctl_file;
  std::vector<std::string> sysctls;  // "nf_conntrack_udp_timeout=60"; they win over the file
  std::vector<std::string> helpers;
  std::vector<std::string> zones;
  std::vector<std::string> notracks;
};
void add_tracking_options(CLI::App& app, TrackingOptions& options);
Result<conntrack::Options> make_tracking(const TrackingOptions& given);

// --keys FILE, which may be repeated, and what the files hold; null: none were given.
void add_keys(CLI::App& app, std::vector<std::string>& files);
Result<std::shared_ptr<const decode::KeyRing>> load_keys(const std::vector<std::string>& files);

// The tracking options that the analysis was run with: its command line is in the database. So
// are the names of its key files, which are taken if `keys` is empty.
Result<conntrack::Options> options_of_analysis(store::Database& database,
                                               std::vector<std::string>& keys);

// DB, the first argument of the commands that read one, and --format.
void add_database(CLI::App& app, std::string& path);
void add_table_format(CLI::App& app, std::string& format);

// Opens, and warns on standard error if the run that wrote the file did not end.
Result<std::unique_ptr<store::Database>> open_database(const std::string& path);

}  // namespace natlens::cli
