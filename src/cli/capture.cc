// natlens capture: interfaces in, one database that grows, and a summary at the end.
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "natlens/capture/frame_log.h"
#include "natlens/capture/live.h"

#include "analysis.h"
#include "command.h"
#include "live_table.h"
#include "privileges.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"~(
A tap is [NAME=]INTERFACE; any takes all interfaces, a tap for each. The database can be read while
the capture runs: connections that are open have rows, half a second old, and mappings, NATs and
findings are worked out every ten seconds. Ctrl-C ends it, with the summary that analyze prints.

Capturing needs root, or the one capability: setcap cap_net_raw+ep "$(command -v natlens)". Root
becomes the user who called sudo, or -Z USER, before the database is written.

Examples:
  sudo natlens capture lan=eth1 wan=eth0 -o nat.db
  sudo natlens capture router=any -o nat.db --duration 10min -f 'not port 22'
  sudo natlens capture lan=eth1 wan=eth0 -o nat.db -f 'wan=host 192.0.2.7'
  natlens show nat.db mappings)~";

constexpr Nanoseconds kLeastKept = std::chrono::minutes(1);

struct CaptureOptions {
  AnalyzeOptions analysis;
  std::vector<std::string> filters;
  std::uint32_t snaplen = 262144;
  std::string buffer = "32M";
  bool no_promiscuous = false;
  std::uint64_t count = 0;
  std::string duration;
  std::string user;
  std::string write;
  std::string ring_size;
  std::string ring_time;
  std::size_t ring_files = 0;
  std::string keep;
};

// The filter of all taps, and those of single ones.
class Filters {
 public:
  static Result<Filters> parse(const std::vector<std::string>& given,
                               const std::vector<capture::LiveSpec>& taps) {
    Filters out;
    for (const std::string& text : given) {
      std::string* place = &out.common_;
      std::string_view filter = text;
      for (const capture::LiveSpec& tap : taps) {
        if (!text.starts_with(tap.name + "=")) continue;
        place = &out.own_[tap.name];
        filter.remove_prefix(tap.name.size() + 1);
      }
      if (!place->empty()) {
        return Error{
            fmt::format("--filter: '{}' is the second one for the same tap; join them "
                        "with `and`",
                        text)};
      }
      *place = filter;
    }
    return out;
  }
  // Both must let a packet pass.
  std::string of(const std::string& tap) const {
    const auto own = own_.find(tap);
    if (own == own_.end()) return common_;
    if (common_.empty()) return own->second;
    return fmt::format("({}) and ({})", common_, own->second);
  }

 private:
  std::string common_;
  std::map<std::string, std::string> own_;
};

Result<std::vector<capture::LiveSpec>> parse_taps(const std::vector<std::string>& arguments) {
  std::vector<capture::LiveSpec> taps;
  for (const std::string& argument : arguments) {
    auto tap = capture::parse_live(argument);
    if (!tap) return tap.error();
    if (tap->name.empty()) tap->name = tap->interface;
    taps.push_back(std::move(*tap));
  }
  return taps;
}

Result<Nanoseconds> positive_time(std::string_view option, const std::string& text) {
  if (text.empty()) return Nanoseconds(0);
  const auto time = parse_duration(text);
  if (time && time->count() > 0) return *time;
  return Error{
      fmt::format("{}: '{}' is no time above zero, such as 30, 10min or 24h", option, text)};
}

Result<void> drop(const CaptureOptions& given) {
  const auto user = drop_privileges(given.user);
  if (!user) return user.error();
  if (!user->empty()) say(fmt::format("natlens: runs as {} from here on\n", *user));
  return {};
}

Timestamp wall_clock() {
  return Timestamp::from_ns(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
}

// Where frames are written too; null: nowhere.
Result<std::unique_ptr<capture::FrameLog>> make_log(const CaptureOptions& given) {
  const bool ring =
      !given.ring_size.empty() || !given.ring_time.empty() || given.ring_files != 0;
  if (given.write.empty()) {
    if (ring) return Error{"a ring of files needs a name for them: --write FILE.pcapng"};
    return std::unique_ptr<capture::FrameLog>();
  }
  capture::FrameLogOptions options;
  options.path = given.write;
  options.most_files = given.ring_files;
  if (!given.ring_size.empty()) {
    const auto size = parse_size(given.ring_size);
    if (!size) return Error{fmt::format("--ring-size: {}", size.error().message)};
    if (*size == 0) return Error{"--ring-size: a file holds more than nothing; write 100M"};
    options.file_bytes = *size;
  }
  const auto time = positive_time("--ring-time", given.ring_time);
  if (!time) return time.error();
  options.file_time = *time;
  if (given.ring_files != 0 && options.file_bytes == 0 && time->count() == 0) {
    return Error{"--ring-files: when is a file full? Say so with --ring-size or --ring-time"};
  }
  return std::make_unique<capture::FrameLog>(options);
}

Result<Exit> run_capture(const CaptureOptions& given) {
  const auto taps = parse_taps(given.analysis.taps);
  if (!taps) return taps.error();
  const auto filters = Filters::parse(given.filters, *taps);
  if (!filters) return filters.error();
  const auto duration = positive_time("--duration", given.duration);
  if (!duration) return duration.error();
  const auto keep = positive_time("--keep", given.keep);
  if (!keep) return keep.error();
  if (keep->count() != 0 && *keep < kLeastKept) {
    return Error{
        fmt::format("--keep: '{}' is too short: what a connection was is known only "
                    "some time after it ended; write 1min or more",
                    given.keep)};
  }
  const auto buffer = parse_size(given.buffer);
  if (!buffer) return Error{fmt::format("--buffer-size: {}", buffer.error().message)};
  const auto log = make_log(given);
  if (!log) return log.error();
  auto options = make_analysis(given.analysis);
  if (!options) return options.error();
  capture::LiveLimits limits(given.count, *duration);
  std::map<std::string, capture::LiveSpec> by_name;
  for (const capture::LiveSpec& tap : *taps) {
    options->sources.push_back({tap.name, {}, ""});
    by_name[tap.name] = tap;
  }
  options->open = [&](const capture::SourceSpec& spec) {
    capture::LiveOptions live;
    live.snaplen = given.snaplen;
    live.buffer_bytes = *buffer;
    live.promiscuous = !given.no_promiscuous;
    live.filter = filters->of(spec.name);
    live.log = log->get();
    return capture::open_live(by_name[spec.name], live, limits);
  };
  LiveTable table(options->output);
  options->live.emplace();
  options->live->keep = *keep;
  options->live->opened = [&]() -> Result<void> {
    if (auto dropped = drop(given); !dropped) return dropped;
    limits.start();
    table.start();
    return *log ? (*log)->start(wall_clock()) : Result<void>();
  };
  options->live->log = log->get();
  options->live->tell = [&](std::string_view message) { table.warn(message); };
  options->stop = &stop_on_signal();
  const auto analyzed = pipeline::analyze(*options);
  table.stop();
  if (!analyzed) return analyzed.error();
  for (const std::string& warning : analyzed->warnings) warn(warning);
  for (const pipeline::TapLosses& tap : analyzed->losses) {
    say(
        fmt::format("natlens: {}: {} packets received, {} dropped by the kernel, {} by the "
                    "interface\n",
                    tap.tap, tap.received, tap.dropped_by_kernel, tap.dropped_by_interface));
  }
  if (*log) {
    if (const auto closed = (*log)->close(); !closed) return closed.error();
  }
  return print_summary(options->output);
}

void add_limits(CLI::App& app, CaptureOptions& options) {
  app.add_option("-c,--packets-limit", options.count, "End after so many packets of all taps")
      ->type_name("N");
  app.add_option("--duration", options.duration, "End after so long")->type_name("TIME");
  app.add_option("-f,--filter", options.filters,
                 "Take only what this filter lets pass (pcap-filter(7)), at one tap or at all")
      ->type_name("[TAP=]FILTER")
      ->allow_extra_args(false);
  app.add_option("-s,--snapshot-length", options.snaplen, "Take so many bytes of a packet")
      ->type_name("BYTES")
      ->check(CLI::Range(64, 262144))
      ->capture_default_str();
  app.add_option("-B,--buffer-size", options.buffer, "The kernel's buffer, for each interface")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_flag("-p,--no-promiscuous-mode", options.no_promiscuous,
               "Leave the interfaces as they are");
  app.add_option("--keep", options.keep,
                 "Forget connections that ended longer ago; without, all stay")
      ->type_name("TIME");
  app.add_option("-w,--write", options.write,
                 "Write the frames of all taps to this pcapng file")
      ->type_name("FILE");
  app.add_option("--ring-size", options.ring_size, "Begin another file after so many bytes")
      ->type_name("SIZE");
  app.add_option("--ring-time", options.ring_time, "Begin another file after so long")
      ->type_name("TIME");
  app.add_option("--ring-files", options.ring_files, "Keep so many files, the newest")
      ->type_name("N");
  app.add_option("-Z,--relinquish-privileges", options.user,
                 "Become this user once the interfaces are open")
      ->type_name("USER");
}

}  // namespace

Command add_capture(CLI::App& program, std::string command_line) {
  auto options = std::make_shared<CaptureOptions>();
  options->analysis.command_line = std::move(command_line);
  CLI::App* app = program.add_subcommand(
      "capture", "Capture from interfaces and pair connections while they last");
  app->add_option("TAP", options->analysis.taps, "Interfaces, one argument for each")
      ->required()
      ->option_text("[NAME=]INTERFACE ...");
  app->add_option("-o,--output", options->analysis.output, "Database to write")
      ->required()
      ->type_name("DB");
  app->add_flag("--force", options->analysis.force, "Replace an existing database");
  add_limits(*app, *options);
  add_analysis_options(*app, options->analysis);
  app->footer(std::string(kFooter));
  return {app, [options] { return run_capture(*options); }};
}

}  // namespace natlens::cli
