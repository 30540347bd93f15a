// natlens track: what Linux connection tracking makes of every frame, in file order.
#include <memory>
#include <string>
#include <vector>

#include "natlens/capture/source.h"
#include "natlens/decode/decoder.h"
#include "natlens/report/track_lines.h"
#include "natlens/report/track_text.h"

#include "command.h"
#include "options.h"
#include "reading.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
Every tap of the file has a table of its own, as if a Linux router had stood there. Time is the
capture's. Settings have the kernel's names and defaults.

Examples:
  natlens track lan.pcap
  natlens track lan.pcap --format jsonl --sysctl nf_conntrack_udp_timeout=60
  natlens track ftp.pcap --helper ftp)";

struct TrackOptions {
  std::string file;
  std::string format = "text";
  TrackingOptions tracking;
  bool numbers = true;
};

// One tap: its decoder and its table.
struct Tap {
  explicit Tap(const conntrack::Options& options) : tracker(options) {}
  decode::Decoder decoder;
  report::TrackJsonl tracker;
};

Result<Exit> track(const TrackOptions& options) {
  const auto tracking = make_tracking(options.tracking);
  if (!tracking) return tracking.error();
  const auto source = open_source(options.file);
  if (!source) return source.error();
  std::vector<std::unique_ptr<Tap>> taps;
  decode::DecodedFrame decoded;
  Output out;
  const bool jsonl = options.format == "jsonl";
  const bool done = each_frame(**source, [&](const capture::Frame& frame) {
    while (taps.size() <= frame.tap) taps.push_back(std::make_unique<Tap>(*tracking));
    Tap& tap = *taps[frame.tap];
    tap.decoder.decode(frame, decoded);
    const std::string_view line = tap.tracker.line(frame, decoded);
    return jsonl ? out.write(line) && out.write("\n")
                 : out.write(report::track_lines(line, frame));
  });
  return finish_reading(**source, done, out);
}

}  // namespace

Command add_track(CLI::App& program) {
  auto options = std::make_shared<TrackOptions>();
  CLI::App* app =
      program.add_subcommand("track", "Print what connection tracking makes of every frame");
  add_capture(*app, options->file);
  app->add_option("--format", options->format, "Lines for people, or one JSON object per frame")
      ->check(one_of({"text", "jsonl"}))
      ->capture_default_str();
  add_tracking_options(*app, options->tracking);
  app->add_flag("-n", options->numbers, "Print numbers, not names (always so)");
  app->footer(std::string(kFooter));
  return {app, [options] { return track(*options); }};
}

}  // namespace natlens::cli
