#include "source_rows.h"

#include <algorithm>

#include <fmt/format.h>

namespace natlens::pipeline {
namespace {

// Where the tap's clock was set; the ids of a source's files follow each other.
std::vector<store::ClockStepRow> steps_of(const correlate::ClockEstimate& clock,
                                          const std::vector<capture::FileInfo>& files,
                                          std::int64_t first_file) {
  std::vector<store::ClockStepRow> out;
  for (const correlate::ClockStep& step : clock.steps) {
    std::size_t file = 0;
    while (file + 1 < files.size() && files[file + 1].first_ordinal != 0 &&
           files[file + 1].first_ordinal <= step.frame) {
      ++file;
    }
    out.push_back({{first_file + static_cast<std::int64_t>(file),
                    step.frame - files[file].first_ordinal + 1},
                   clock.to_reference(step.at),
                   step.step_ns,
                   step.error_ns});
  }
  return out;
}

}  // namespace

store::TapRow tap_row(const SourceBatch::TapStatus& status,
                      std::uint16_t source,
                      std::uint16_t tap,
                      const correlate::ClockEstimate& clock) {
  store::TapRow row;
  row.id = tap + 1;
  row.source = source;
  row.info = status.info;
  row.clock = clock;
  if (!row.clock.anchor.has_value()) row.clock.anchor = row.info.first;
  std::copy(std::begin(status.decoder.stops), std::end(status.decoder.stops),
            row.stops.begin());
  row.ip_packets = status.counters.ip_packets;
  row.copies = status.counters.copies;
  row.connections = status.counters.connections;
  row.invalid_packets = status.counters.invalid_packets;
  return row;
}

void write_taps(const SourceThreads& sources,
                const Merger& merger,
                const AnalysisOptions& options,
                store::Writer& writer,
                AnalysisSummary& summary,
                std::vector<TapSpan>& spans) {
  const std::vector<MergedTap>& taps = merger.taps();
  for (std::uint16_t i = 0; i < taps.size(); ++i) {
    spans.push_back({static_cast<std::uint16_t>(i + 1)});
    const SourceWorker& worker = *sources.workers()[taps[i].source];
    if (taps[i].local >= worker.taps_seen()) continue;  // stopped before its first frame
    store::TapRow row =
        tap_row(worker.status(taps[i].local),
                options.one_source() ? std::uint16_t{0} : taps[i].source, i, taps[i].clock);
    if (const auto closed =
            row.stops[static_cast<std::size_t>(decode::DecodeStop::kUnauthentic)];
        closed != 0) {
      summary.warnings.push_back(
          fmt::format("{}: {} frames stay closed: the keys given for them do not open them",
                      row.info.name, closed));
    }
    if (row.info.odd_times != 0) {
      summary.warnings.push_back(fmt::format(
          "{}: {} frames have a time stamp far from the frames around them; the time of the "
          "frame before was taken",
          row.info.name, row.info.odd_times));
    }
    row.steps = steps_of(row.clock, worker.source().files(), merger.file_id(taps[i].source, 0));
    writer.tap(row);
    summary.losses.push_back({row.info.name, row.info.received, row.info.dropped_by_kernel,
                              row.info.dropped_by_interface});
    summary.frames += row.info.frames;
    spans.back().first = row.clock.to_reference(row.info.first);
    spans.back().last = row.clock.to_reference(row.info.last);
  }
  summary.taps = static_cast<std::uint16_t>(taps.size());
}

// A source that held no frame was given as a tap all the same, and is told of as one; the ids
// of those that have frames come first.
void write_silent_taps(const SourceThreads& sources,
                       const std::vector<MergedTap>& taps,
                       const AnalysisOptions& options,
                       store::Writer& writer) {
  std::int64_t id = static_cast<std::int64_t>(taps.size());
  for (std::uint16_t s = 0; s < sources.workers().size(); ++s) {
    const bool silent = std::none_of(taps.begin(), taps.end(),
                                     [s](const MergedTap& tap) { return tap.source == s; });
    if (!silent) continue;
    store::TapRow row;
    row.id = ++id;
    row.source = options.one_source() ? std::uint16_t{0} : s;
    row.info.name = capture::tap_name(options.sources[s]);
    writer.tap(row);
  }
}

void write_log_files(const std::vector<capture::FileInfo>& files, store::Writer& writer) {
  for (std::size_t f = 0; f < files.size(); ++f) {
    store::FileRow row;
    row.id = static_cast<std::int64_t>(f) + 1;
    row.info = files[f];
    writer.file(row);
  }
}

void write_losses(const std::vector<TapLosses>& losses, store::Writer& writer) {
  std::string text;
  for (const TapLosses& tap : losses) {
    text += fmt::format("{}{}: {} received, {} dropped by the kernel, {} by the interface",
                        text.empty() ? "" : "; ", tap.tap, tap.received, tap.dropped_by_kernel,
                        tap.dropped_by_interface);
  }
  writer.meta("losses", text);
}

void write_files(const SourceThreads& sources,
                 const Merger& merger,
                 store::Writer& writer,
                 AnalysisSummary& summary) {
  for (std::uint16_t s = 0; s < sources.workers().size(); ++s) {
    const SourceWorker& worker = *sources.workers()[s];
    const auto& files = worker.source().files();
    if (!worker.wrong_secrets().empty()) summary.warnings.push_back(worker.wrong_secrets());
    for (std::uint16_t f = 0; f < files.size(); ++f) {
      store::FileRow row;
      row.id = merger.file_id(s, f);
      row.source = s;
      row.info = files[f];
      row.info.complete = files[f].complete && f < worker.files_ended();
      writer.file(row);
      for (const auto& note : files[f].notes) {
        summary.warnings.push_back(
            fmt::format("{}: offset {}: {}", files[f].path, note.offset, note.text));
      }
    }
  }
}

// What is known before the main pass, so that a killed run still says what it was reading.
void write_provisional(const SourceThreads& sources,
                       const ProbeResult& probed,
                       const Merger& merger,
                       store::Writer& writer,
                       const AnalysisOptions& options) {
  AnalysisSummary ignored;
  if (!options.one_source()) write_files(sources, merger, writer, ignored);
  std::size_t tap = 0;
  for (std::uint16_t s = 0; s < probed.taps.size(); ++s) {
    for (const auto& name : probed.taps[s]) {
      store::TapRow row;
      row.id = static_cast<std::int64_t>(tap) + 1;
      row.source = options.one_source() ? std::uint16_t{0} : s;
      row.info.name = name;
      row.clock = probed.clocks[tap++];
      writer.tap(row);
    }
  }
  writer.meta("command", options.command_line);
}

void write_meta(const correlate::Stats& stats,
                const correlate::TunnelStats& tunnels,
                const SourceThreads& sources,
                store::Writer& writer) {
  bool interrupted = false;
  std::uint64_t left_out = 0;
  std::uint64_t evicted = 0;
  for (const auto& worker : sources.workers()) {
    interrupted = interrupted || worker->stopped();
    for (std::size_t t = 0; t < worker->taps_seen(); ++t) {
      left_out += worker->counters(t).statements_left_out;
      evicted += worker->counters(t).evicted;
    }
  }
  writer.meta("interrupted", interrupted ? "1" : "0");
  writer.meta("sightings", std::to_string(stats.sightings));
  writer.meta("sightings_matched", std::to_string(stats.matched));
  writer.meta("waiting_dropped", std::to_string(stats.waiting_dropped));
  writer.meta("connections_evicted", std::to_string(evicted));
  writer.meta("connections_settled_early", std::to_string(stats.settled_early));
  writer.meta("tunnel_packets", std::to_string(tunnels.outer_packets));
  writer.meta("tunnel_packets_linked", std::to_string(tunnels.linked));
  writer.meta("tunnel_packets_left_out", std::to_string(tunnels.left_out));
  writer.meta("statements_left_out", std::to_string(left_out));
}

}  // namespace natlens::pipeline
