// Sources, threads, batches, merging by corrected time, the order of rows: what `analyze` runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/capture/frame_log.h"
#include "natlens/capture/source.h"
#include "natlens/conntrack/tracker.h"
#include "natlens/correlate/correlator.h"
#include "natlens/correlate/tunnels.h"
#include "natlens/decode/decoder.h"
#include "natlens/findings/parameters.h"
#include "natlens/net/result.h"

namespace natlens::pipeline {

// A capture that goes on: rows are written, and mappings, NATs, paths and findings worked out,
// while it runs, for whoever reads the database meanwhile.
struct LiveOptions {
  // Connections that ended longer ago leave the database; 0 = none does.
  Nanoseconds keep{0};
  // Called once all sources are open and before any file is written: privileges may go.
  std::function<Result<void>()> opened;
  // Where all sources write their frames, which are then of its files. Null: nowhere, and each
  // source stands for a file of its own. Not owned.
  const capture::FrameLog* log = nullptr;
  // One line for people; called from one thread.
  std::function<void(std::string_view)> tell;
};

struct AnalysisOptions {
  // All sources are one, as their frames are in the same files.
  bool one_source() const { return live && live->log != nullptr; }
  // Opens one source; empty: Source::open(spec).
  std::function<Result<std::unique_ptr<capture::Source>>(const capture::SourceSpec&)> open;
  std::optional<LiveOptions> live;
  std::vector<capture::SourceSpec> sources;
  std::string output;  // database path
  bool force = false;
  decode::DecoderOptions decode;
  conntrack::Options conntrack;
  correlate::Options correlate;  // but for its bounds, which follow from memory
  std::size_t memory_bytes = std::size_t{4} << 30;  // what grows with the traffic stays below
  correlate::TunnelOptions tunnels;
  findings::Parameters findings;
  std::map<std::string, std::int64_t> clock_offsets_ns;  // by tap name, as --clock gives them
  std::string command_line;                              // for table meta
  // Called from one thread, a few times a second, with bytes read and in all (0 = unknown).
  std::function<void(std::uint64_t, std::uint64_t)> progress;
  const std::atomic<bool>* stop = nullptr;  // set by a signal: end early, cleanly
};

// What the kernel counted at a tap of a live capture.
struct TapLosses {
  std::string tap;
  std::uint64_t received = 0;
  std::uint64_t dropped_by_kernel = 0;
  std::uint64_t dropped_by_interface = 0;
};

struct AnalysisSummary {
  std::uint64_t frames = 0;
  std::uint64_t connections = 0;
  std::uint64_t translations = 0;
  std::uint64_t ambiguous = 0;
  std::uint64_t unpaired = 0;
  std::uint16_t taps = 0;
  double store_cpu_seconds = 0;   // CPU of the writer thread
  std::vector<TapLosses> losses;  // live
  std::vector<std::string>
      warnings;  // files that could not be read whole, taps without overlap
};

// Runs the whole analysis. Errors: a source cannot be opened, the database cannot be written.
Result<AnalysisSummary> analyze(const AnalysisOptions& options);

}  // namespace natlens::pipeline
