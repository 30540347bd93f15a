#include "options.h"

#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "natlens/net/nearest.h"

#include "terminal.h"

namespace natlens::cli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr auto kTimeUnits = std::to_array<Unit>({{"ns", 1},
                                                 {"us", 1e3},
                                                 {"ms", 1e6},
                                                 {"s", 1e9},
                                                 {"min", 60e9},
                                                 {"h", 3'600e9},
                                                 {"d", 86'400e9},
                                                 {"", 1e9}});
constexpr auto kSizeUnits = std::to_array<Unit>({{"", 1},
                                                 {"B", 1},
                                                 {"K", 1024},
                                                 {"M", 1024.0 * 1024},
                                                 {"G", 1024.0 * 1024 * 1024},
                                                 {"T", 1024.0 * 1024 * 1024 * 1024}});

// A decimal number and what follows it. from_chars takes no '+'.
std::optional<std::pair<double, std::string_view>> leading_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('+')) return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return std::pair{value, text.substr(static_cast<std::size_t>(end - text.data()))};
}

template <std::size_t N>
std::optional<double> with_unit(std::string_view text, const std::array<Unit, N>& units) {
  const auto number = leading_number(text);
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name == number->second) return number->first * unit.factor;
  }
  return std::nullopt;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

Result<void> set_sysctl(conntrack::Options& options, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return Error{
        fmt::format("'{}' has no '='; write NAME=VALUE, such as "
                    "nf_conntrack_udp_timeout=60",
                    assignment)};
  }
  return options.set_sysctl(trim(assignment.substr(0, equals)),
                            trim(assignment.substr(equals + 1)));
}

Result<void> read_sysctl_file(conntrack::Options& options, const std::string& path) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return Error{
        fmt::format("{}: cannot be read; --sysctl-file takes what `sysctl net.netfilter` "
                    "prints",
                    path)};
  }
  return options.set_sysctls(text, path);
}

// Applies one option's values in turn.
template <typename Apply>
Result<void> each_value(std::string_view option,
                        const std::vector<std::string>& values,
                        Apply apply) {
  for (const std::string& value : values) {
    if (const Result<void> applied = apply(value); !applied) {
      return Error{fmt::format("{}: {}", option, applied.error().message)};
    }
  }
  return {};
}

}  // namespace

std::string did_you_mean(std::string_view wrong, std::span<const std::string_view> known) {
  const std::string name = nearest(wrong, known);
  return name.empty() ? "" : fmt::format("; did you mean {}?", name);
}

CLI::Validator one_of(std::vector<std::string_view> known) {
  std::string names = fmt::format("{}", fmt::join(known, "|"));
  return {[known = std::move(known)](std::string& value) -> std::string {
            for (const std::string_view name : known) {
              if (name == value) return "";
            }
            return fmt::format("'{}' is none of {}{}", value, fmt::join(known, ", "),
                               did_you_mean(value, known));
          },
          names};
}

CLI::Validator whole_number(std::string_view what, std::uint64_t least, std::uint64_t most) {
  return {[=](std::string& value) -> std::string {
            std::uint64_t number = 0;
            const char* const last = value.data() + value.size();
            const auto [end, error] = std::from_chars(value.data(), last, number);
            if (error == std::errc{} && end == last && number >= least && number <= most) {
              return "";
            }
            return most == std::numeric_limits<std::int64_t>::max()
                       ? fmt::format("'{}' is no {}; write a whole number from {} on", value,
                                     what, least)
                       : fmt::format("'{}' is no {}; write a whole number from {} to {}", value,
                                     what, least, most);
          },
          ""};
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view digits = text;
  if (digits.ends_with("iB")) {
    digits.remove_suffix(2);
  } else if (digits.size() > 1 && digits.ends_with('B')) {
    digits.remove_suffix(1);
  }
  const auto bytes = with_unit(digits, kSizeUnits);
  if (!bytes || *bytes < 0 || *bytes > 9e18) {
    return Error{fmt::format("'{}' is no size; write 512M, 2G, or a number of bytes", text)};
  }
  return static_cast<std::uint64_t>(*bytes);
}

Result<Nanoseconds> parse_duration(std::string_view text) {
  const auto ns = with_unit(text, kTimeUnits);
  if (!ns || std::abs(*ns) > 9e18) {
    return Error{
        fmt::format("'{}' is no duration; write seconds, or a unit: 1.5, -250ms, 2h", text)};
  }
  return Nanoseconds(std::llround(*ns));
}

void add_tracking_options(CLI::App& app, TrackingOptions& options) {
  const auto repeated = [&app](const char* name, std::vector<std::string>& values,
                               const char* type, const char* help) {
    app.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
  };
  repeated("--sysctl", options.sysctls, "NAME=VALUE",
           "Set a conntrack sysctl by its kernel name");
  app.add_option("--sysctl-file", options.sysctl_file,
                 "Read what `sysctl net.netfilter` printed")
      ->type_name("FILE");
  repeated("--helper", options.helpers, "NAME[=PROTO/PORT]",
           "Track with a helper: ftp, sip, tftp...");
  repeated("--zone", options.zones, "ZONE=SELECTOR",
           "Track matching packets in a zone of their own");
  repeated("--notrack", options.notracks, "SELECTOR", "Do not track matching packets");
  app.add_option("--kernel", options.kernel,
                 "Track as Linux 5.10, 5.15, 6.1, 6.6, 6.12 or 6.18 does; only 6.18 was "
                 "measured, the others follow its change log")
      ->type_name("VERSION");
}

Result<conntrack::Options> make_tracking(const TrackingOptions& given) {
  conntrack::Options tracking;
  Result<void> done;
  const auto then = [&done](auto step) {
    if (done) done = step();
  };
  then([&] {
    return given.kernel.empty() ? Result<void>() : tracking.set_kernel(given.kernel);
  });
  then([&] {
    return given.sysctl_file.empty() ? Result<void>()
                                     : read_sysctl_file(tracking, given.sysctl_file);
  });
  then([&] {
    return each_value("--sysctl", given.sysctls,
                      [&](const std::string& value) { return set_sysctl(tracking, value); });
  });
  then([&] {
    return each_value("--helper", given.helpers,
                      [&](const std::string& value) { return tracking.add_helper(value); });
  });
  then([&] {
    return each_value("--zone", given.zones,
                      [&](const std::string& value) { return tracking.add_zone(value); });
  });
  then([&] {
    return each_value("--notrack", given.notracks,
                      [&](const std::string& value) { return tracking.add_notrack(value); });
  });
  if (!done) return done.error();
  return tracking;
}

void add_keys(CLI::App& app, std::vector<std::string>& files) {
  app.add_option("--keys", files,
                 "Decrypt tunnels with these: a WireGuard key log, what `ip xfrm state` "
                 "printed, or Wireshark's table esp_sa")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

Result<std::shared_ptr<const decode::KeyRing>> load_keys(
    const std::vector<std::string>& files) {
  if (files.empty()) return std::shared_ptr<const decode::KeyRing>();
  auto ring = std::make_shared<decode::KeyRing>();
  for (const std::string& file : files) {
    if (const Result<void> added = ring->add_file(file); !added) return added.error();
  }
  return std::shared_ptr<const decode::KeyRing>(std::move(ring));
}

void add_database(CLI::App& app, std::string& path) {
  app.add_option("DB", path, "Database that `natlens analyze -o DB` wrote")->required();
}

void add_table_format(CLI::App& app, std::string& format) {
  app.add_option("--format", format, "How rows are printed")
      ->check(one_of({report::kTableFormatNames.begin(), report::kTableFormatNames.end()}))
      ->capture_default_str();
}

Result<std::unique_ptr<store::Database>> open_database(const std::string& path) {
  auto database = store::Database::open(path);
  if (database && !(*database)->complete()) {
    warn(fmt::format(
        "{}: incomplete: the run that wrote it was killed, or is still writing; what "
        "is missing here may be missing there",
        path));
  }
  return database;
}

Result<conntrack::Options> options_of_analysis(store::Database& database,
                                               std::vector<std::string>& keys) {
  const auto row = database.query("SELECT value FROM meta WHERE key = 'command'");
  if (!row) return row.error();
  TrackingOptions given;
  std::vector<std::string> keys_then;
  CLI::App analysis;
  analysis.allow_extras();
  add_tracking_options(analysis, given);
  add_keys(analysis, keys_then);
  if (!row->rows.empty()) {
    try {
      analysis.parse(row->text(0, "value"), true);
    } catch (const CLI::ParseError& error) {
      return Error{fmt::format("the options of the analysis cannot be read: {}", error.what())};
    }
  }
  if (keys.empty()) keys = std::move(keys_then);
  return make_tracking(given);
}

}  // namespace natlens::cli
