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
#include "rules.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
Every tap of the file has a table of its own, as if a Linux router had stood there. Time is the
capture's. Settings have the kernel's names and defaults. A SELECTOR is one or more of PROTO,
PROTO/PORT, ADDRESS and PREFIX/LENGTH, joined by commas: --notrack udp/4789, --zone 5=10.0.0.0/8,tcp.
Names, selectors and the keys of jsonl: docs/conntrack.md.

Examples:
  natlens track lan.pcap
  natlens track lan.pcap --format jsonl --sysctl nf_conntrack_udp_timeout=60
  natlens track ftp.pcap --helper ftp
  natlens track lan.pcap --rules nat.nft --inside 10.0.0.0/8 --local 198.51.100.1

With --rules the file is taken for what entered a router with these rules, at the inner interface
if the source lies behind it, else at the outer one. Rules are those that 'nft list ruleset',
'nft -j list ruleset', 'iptables-save' or 'ip6tables-save' prints; FILE#NAME is one of several in
a file. What is not understood is told, and what depends on it is called inconclusive. With
--local, the router answers as one on which nothing listens.)";

struct TrackOptions {
  std::string file;
  std::string format = "text";
  std::vector<std::string> keys;
  TrackingOptions tracking;
  RulesOptions rules;
  bool numbers = true;
};

// One tap: its decoder and its table.
struct Tap {
  Tap(const decode::DecoderOptions& decoding, const conntrack::Options& options)
      : decoder(decoding), tracker(options) {}
  Tap(const decode::DecoderOptions& decoding,
      const conntrack::Options& options,
      const ruleset::Ruleset& rules,
      const ruleset::RouterSetup& setup)
      : decoder(decoding), tracker(options, rules, setup) {}
  decode::Decoder decoder;
  report::TrackJsonl tracker;
};

Result<Exit> track(const TrackOptions& options) {
  const auto tracking = make_tracking(options.tracking);
  if (!tracking) return tracking.error();
  std::unique_ptr<ruleset::Ruleset> rules;
  ruleset::RouterSetup setup;
  if (!options.rules.file.empty()) {
    auto loaded = load_rules(options.rules.file);
    if (!loaded) return loaded.error();
    rules = std::move(*loaded);
    auto router = make_router(options.rules, *rules);
    if (!router) return router.error();
    setup = std::move(*router);
  }
  const auto keys = load_keys(options.keys);
  if (!keys) return keys.error();
  const auto source = open_source(options.file);
  if (!source) return source.error();
  decode::DecoderOptions decoding;
  decoding.keys = *keys;
  std::vector<std::unique_ptr<Tap>> taps;
  decode::DecodedFrame decoded;
  Output out;
  const bool jsonl = options.format == "jsonl";
  const bool done = each_frame(**source, [&](const capture::Frame& frame) {
    while (taps.size() <= frame.tap) {
      taps.push_back(rules ? std::make_unique<Tap>(decoding, *tracking, *rules, setup)
                           : std::make_unique<Tap>(decoding, *tracking));
    }
    Tap& tap = *taps[frame.tap];
    learn(tap.decoder, **source, frame);
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
  add_capture_file(*app, options->file);
  app->add_option("--format", options->format, "Lines for people, or one JSON object per frame")
      ->check(one_of({"text", "jsonl"}))
      ->capture_default_str();
  add_tracking_options(*app, options->tracking);
  add_keys(*app, options->keys);
  add_optional_rules(*app, options->rules,
                     "Translate and filter by these rules, as the router that has them");
  app->add_flag("-n", options->numbers, "Print numbers, not names (always so)");
  app->footer(std::string(kFooter));
  return {app, [options] { return track(*options); }};
}

}  // namespace natlens::cli
