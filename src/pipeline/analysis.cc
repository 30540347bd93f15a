// analyze: one thread per source, one that merges and correlates (the caller's), one that
// writes.
//
//   source threads --batches--> merge (corrected time) --rows--> writer thread --> SQLite
//
// First the clock probe says how far apart the taps' clocks are; then the main pass; then
// mappings, relations and paths are derived from what was stored.
#include "natlens/pipeline/analysis.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>

#include "natlens/store/writer.h"

#include "derive.h"
#include "merger.h"
#include "probe.h"
#include "recorder.h"
#include "source_worker.h"
#include "store_thread.h"
#include "tap_names.h"

namespace natlens::pipeline {
namespace {

// Batches under way per source: enough that reading goes on while the merge is busy elsewhere.
constexpr std::size_t kBatchesPerSource = 6;

// The sources' threads, and the thread that tells progress.
class SourceThreads {
 public:
  explicit SourceThreads(const AnalysisOptions& options) : options_(options) {}
  ~SourceThreads() { join(); }

  Result<void> open() {
    const WorkerOptions worker{options_.decode, options_.conntrack, options_.stop};
    for (std::uint16_t s = 0; s < options_.sources.size(); ++s) {
      auto source = capture::Source::open(options_.sources[s]);
      if (!source) return source.error();
      total_bytes_ += (*source)->total_bytes();
      files_.push_back((*source)->files().size());
      channels_.push_back(std::make_unique<Channel<SourceBatch>>(kBatchesPerSource));
      workers_.push_back(
          std::make_unique<SourceWorker>(s, std::move(*source), worker, *channels_.back()));
    }
    return {};
  }

  void start() {
    for (auto& worker : workers_) {
      threads_.emplace_back([&worker] {
        pthread_setname_np(pthread_self(), "source");
        worker->run();
      });
    }
    if (options_.progress) reporter_ = std::thread([this] { report(); });
  }

  void join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    done_.store(true);
    if (reporter_.joinable()) reporter_.join();
  }

  std::vector<std::unique_ptr<Channel<SourceBatch>>>& channels() { return channels_; }
  const std::vector<std::unique_ptr<SourceWorker>>& workers() const { return workers_; }
  const std::vector<std::size_t>& files() const { return files_; }

 private:
  void report() {
    while (!done_.load()) {
      std::uint64_t read = 0;
      for (const auto& worker : workers_) read += worker->bytes_read();
      options_.progress(read, total_bytes_);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  const AnalysisOptions& options_;
  std::vector<std::unique_ptr<Channel<SourceBatch>>> channels_;
  std::vector<std::unique_ptr<SourceWorker>> workers_;
  std::vector<std::size_t> files_;
  std::vector<std::thread> threads_;
  std::thread reporter_;
  std::atomic<bool> done_{false};
  std::uint64_t total_bytes_ = 0;
};

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

void write_taps(const SourceThreads& sources,
                const Merger& merger,
                store::Writer& writer,
                AnalysisSummary& summary,
                std::vector<TapSpan>& spans) {
  const std::vector<MergedTap>& taps = merger.taps();
  for (std::size_t i = 0; i < taps.size(); ++i) {
    spans.push_back({static_cast<std::uint16_t>(i + 1)});
    const SourceWorker& worker = *sources.workers()[taps[i].source];
    if (taps[i].local >= worker.taps_seen()) continue;  // stopped before its first frame
    store::TapRow row;
    row.id = static_cast<std::int64_t>(i) + 1;
    row.source = taps[i].source;
    row.info = worker.source().taps()[taps[i].local];
    row.clock = taps[i].clock;
    if (!row.clock.anchor.has_value()) row.clock.anchor = row.info.first;
    const auto& stats = worker.decoder_stats(taps[i].local);
    std::copy(std::begin(stats.stops), std::end(stats.stops), row.stops.begin());
    if (const auto closed =
            row.stops[static_cast<std::size_t>(decode::DecodeStop::kUnauthentic)];
        closed != 0) {
      summary.warnings.push_back(
          fmt::format("{}: {} frames stay closed: the keys given for them do not open them",
                      row.info.name, closed));
    }
    const TapCounters& counters = worker.counters(taps[i].local);
    row.ip_packets = counters.ip_packets;
    row.copies = counters.copies;
    row.connections = counters.connections;
    row.invalid_packets = counters.invalid_packets;
    row.steps = steps_of(row.clock, worker.source().files(), merger.file_id(row.source, 0));
    writer.tap(row);
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
    row.source = s;
    row.info.name = capture::tap_name(options.sources[s]);
    writer.tap(row);
  }
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
  write_files(sources, merger, writer, ignored);
  std::size_t tap = 0;
  for (std::uint16_t s = 0; s < probed.taps.size(); ++s) {
    for (const auto& name : probed.taps[s]) {
      store::TapRow row;
      row.id = static_cast<std::int64_t>(tap) + 1;
      row.source = s;
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
  for (const auto& worker : sources.workers()) {
    interrupted = interrupted || worker->stopped();
    for (std::size_t t = 0; t < worker->taps_seen(); ++t) {
      left_out += worker->counters(t).statements_left_out;
    }
  }
  writer.meta("interrupted", interrupted ? "1" : "0");
  writer.meta("sightings", std::to_string(stats.sightings));
  writer.meta("sightings_matched", std::to_string(stats.matched));
  writer.meta("waiting_dropped", std::to_string(stats.waiting_dropped));
  writer.meta("tunnel_packets", std::to_string(tunnels.outer_packets));
  writer.meta("tunnel_packets_linked", std::to_string(tunnels.linked));
  writer.meta("tunnel_packets_left_out", std::to_string(tunnels.left_out));
  writer.meta("statements_left_out", std::to_string(left_out));
}

// What the clock was set by, from each of these frames on.
std::vector<capture::ClockJump> jumps_of(const correlate::ClockEstimate& clock) {
  std::vector<capture::ClockJump> out;
  std::int64_t total = 0;
  for (const correlate::ClockStep& step : clock.steps) {
    total += step.step_ns;
    out.push_back({step.frame, total});
  }
  return out;
}

bool asked_to_stop(const AnalysisOptions& options) {
  return options.stop != nullptr && options.stop->load();
}

bool can_read_again(const AnalysisOptions& options) {
  return std::none_of(options.sources.begin(), options.sources.end(), reads_standard_input);
}

// What the main pass found out about itself.
struct Merged {
  std::vector<TapSpan> spans;
  std::vector<TunnelledTaps> tunnelled;
  bool clocks_stepped = false;  // behind what the probe had read: nothing else is filled
};

// The main pass: everything between the open sources and the last row of the merge. What it
// needed of memory is free again when it ends.
Result<Merged> merge(const AnalysisOptions& options,
                     const ProbeResult& probed,
                     SourceThreads& sources,
                     store::Writer& writer,
                     AnalysisSummary& summary) {
  summary = {};
  StoreThread store(writer);
  Recorder recorder(store);
  correlate::Correlator correlator(options.correlate, recorder);
  correlate::TunnelTracker tunnels(options.tunnels, recorder);
  Merger merger(sources.channels(), options, correlator, tunnels, recorder, store);
  merger.set_files(sources.files());
  write_provisional(sources, probed, merger, writer, options);
  std::size_t next_clock = 0;
  for (std::uint16_t s = 0; s < probed.taps.size(); ++s) {
    for (std::uint16_t t = 0; t < probed.taps[s].size(); ++t) {
      const correlate::ClockEstimate& clock = probed.clocks[next_clock++];
      if (!clock.steps.empty()) sources.workers()[s]->set_jumps(t, jumps_of(clock));
      merger.add_tap(s, t, clock);
    }
  }
  if (!probed.whole && can_read_again(options)) merger.watch_clocks();
  sources.start();
  merger.run();
  for (auto& channel : sources.channels()) channel->abandon();
  sources.join();
  Merged out;
  out.clocks_stepped = merger.clocks_stepped() && !asked_to_stop(options);
  if (out.clocks_stepped) return out;
  correlator.finish();
  tunnels.finish();
  if (auto written = store.finish(); !written) return written.error();

  write_files(sources, merger, writer, summary);
  write_taps(sources, merger, writer, summary, out.spans);
  write_silent_taps(sources, merger.taps(), options, writer);
  write_meta(correlator.stats(), tunnels.stats(), sources, writer);
  for (const auto& [taps, connections] : recorder.tunnelled_taps()) {
    out.tunnelled.push_back({taps.first, taps.second, connections});
  }
  summary.connections = recorder.connections();
  summary.translations = recorder.translations();
  summary.ambiguous = recorder.candidates();
  summary.unpaired = recorder.unpaired_count();
  summary.store_cpu_seconds = store.cpu_seconds();
  return out;
}

// One run into a fresh database.
Result<AnalysisSummary> run(const AnalysisOptions& options,
                            const ProbeResult& probed,
                            std::unique_ptr<SourceThreads> sources,
                            bool force,
                            bool& clocks_stepped) {
  AnalysisSummary summary;
  auto writer = store::Writer::create(options.output, force);
  if (!writer) return writer.error();
  auto merged = merge(options, probed, *sources, **writer, summary);
  if (!merged) return merged.error();
  clocks_stepped = merged->clocks_stepped;
  if (clocks_stepped) return summary;
  sources.reset();
  if (auto derived = derive(**writer, merged->spans, merged->tunnelled); !derived) {
    return derived.error();
  }
  if (auto diagnosed = diagnose(**writer, options.findings); !diagnosed) {
    return diagnosed.error();
  }
  if (auto finished = (*writer)->finish(); !finished) return finished.error();
  return summary;
}

}  // namespace

// A clock that is set behind the part that the probe has read is found out by the main pass;
// then all is probed, and the pass begins anew.
Result<AnalysisSummary> analyze(const AnalysisOptions& options) {
  for (bool again = false;; again = true) {
    auto sources = std::make_unique<SourceThreads>(options);
    if (auto opened = sources->open(); !opened) return opened.error();
    if (auto may = store::Writer::may_create(options.output, options.force || again); !may) {
      return may.error();
    }
    auto probed = probe(options, again);
    if (!probed) return probed.error();
    const bool stopped = asked_to_stop(options);
    if (auto checked = check_names(options, *probed); !checked && !stopped)
      return checked.error();
    bool clocks_stepped = false;
    auto summary =
        run(options, *probed, std::move(sources), options.force || again, clocks_stepped);
    if (!summary || !clocks_stepped) return summary;
  }
}

}  // namespace natlens::pipeline
