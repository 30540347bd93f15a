// analyze: one thread per source, one that merges and correlates (the caller's), one that
// writes.
//
//   source threads --batches--> merge (corrected time) --rows--> writer thread --> SQLite
//
// First the clock probe says how far apart the taps' clocks are; then the main pass; then
// mappings, relations and paths are derived from what was stored. A live capture is the same
// without the probe, and with rows of what is still open (source_live.cc, live_merge.cc).
#include "natlens/pipeline/analysis.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "natlens/store/writer.h"

#include "budget.h"
#include "derive.h"
#include "merger.h"
#include "probe.h"
#include "recorder.h"
#include "source_rows.h"
#include "source_threads.h"
#include "store_thread.h"
#include "tap_names.h"

namespace natlens::pipeline {
namespace {

// Blocks of rows on their way to the writer. Who reads a line waits for nobody: rows of some
// seconds wait for a writer that is busy.
constexpr std::size_t kBlocks = 4;
constexpr std::size_t kLiveBlocks = 256;

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

// Of a live capture: the taps that there are before the first frame. One machine stamps all
// packets, so they share its clock.
Result<ProbeResult> known(const SourceThreads& sources, const AnalysisOptions& options) {
  ProbeResult result;
  for (const auto& worker : sources.workers()) {
    auto& names = result.taps.emplace_back();
    for (const auto& tap : worker->source().taps()) {
      names.push_back(tap.name);
      correlate::ClockEstimate clock;
      clock.tap = static_cast<std::uint16_t>(result.clocks.size());
      clock.given = clock.tap != 0;
      apply_given(options, tap.name, clock);
      result.clocks.push_back(std::move(clock));
    }
  }
  return result;
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
  StoreThread store(writer, options.live ? kLiveBlocks : kBlocks, options.findings);
  Recorder recorder(store);
  const Budget budget = share_memory(options.memory_bytes,
                                     std::max(probed.clocks.size(), options.sources.size()));
  for (const auto& worker : sources.workers()) {
    worker->set_most_connections(budget.connections_at_a_tap);
  }
  correlate::Options correlation = options.correlate;
  correlation.memory_bytes = budget.waiting_bytes;
  correlation.max_connections = budget.connections;
  correlate::Correlator correlator(correlation, recorder);
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
  if (!probed.whole && !options.live && can_read_again(options)) merger.watch_clocks();
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

  if (options.one_source()) {
    write_log_files(options.live->log->files(), writer);
  } else {
    write_files(sources, merger, writer, summary);
  }
  write_taps(sources, merger, options, writer, summary, out.spans);
  if (options.live) write_losses(summary.losses, writer);
  write_silent_taps(sources, merger.taps(), options, writer);
  write_meta(correlator.stats(), tunnels.stats(), sources, writer);
  out.tunnelled = recorder.tunnelled_taps();
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
  if (options.live) {
    if (auto live = (*writer)->go_live(); !live) return live.error();
  }
  auto merged = merge(options, probed, *sources, **writer, summary);
  if (!merged) return merged.error();
  clocks_stepped = merged->clocks_stepped;
  if (clocks_stepped) return summary;
  sources.reset();
  if (options.live) {
    if (auto anew = (*writer)->derive_anew(0); !anew) return anew.error();
  }
  if (auto derived = derive(**writer, merged->spans, merged->tunnelled); !derived) {
    return derived.error();
  }
  if (auto diagnosed = diagnose(**writer, options.findings); !diagnosed) {
    return diagnosed.error();
  }
  if (options.live) {
    if (auto done = (*writer)->derived(); !done) return done.error();
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
    if (options.live && options.live->opened) {
      if (auto may = options.live->opened(); !may) return may.error();
    }
    auto probed = options.live ? known(*sources, options) : probe(options, again);
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
