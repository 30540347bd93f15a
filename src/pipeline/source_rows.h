// What the database says of the sources themselves: taps, files, and how the run went.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/correlate/correlator.h"
#include "natlens/correlate/tunnels.h"
#include "natlens/pipeline/analysis.h"
#include "natlens/store/writer.h"

#include "derive.h"
#include "merger.h"
#include "probe.h"
#include "source_threads.h"

namespace natlens::pipeline {

// `tap` is global.
store::TapRow tap_row(const SourceBatch::TapStatus& status,
                      std::uint16_t source,
                      std::uint16_t tap,
                      const correlate::ClockEstimate& clock);

// What is known before the main pass, so that a killed run still says what it was reading.
void write_provisional(const SourceThreads& sources,
                       const ProbeResult& probed,
                       const Merger& merger,
                       store::Writer& writer,
                       const AnalysisOptions& options);

// The rest REQUIRES: the sources' threads have ended.
void write_taps(const SourceThreads& sources,
                const Merger& merger,
                const AnalysisOptions& options,
                store::Writer& writer,
                AnalysisSummary& summary,
                std::vector<TapSpan>& spans);
void write_losses(const std::vector<TapLosses>& losses, store::Writer& writer);
void write_silent_taps(const SourceThreads& sources,
                       const std::vector<MergedTap>& taps,
                       const AnalysisOptions& options,
                       store::Writer& writer);
void write_log_files(const std::vector<capture::FileInfo>& files, store::Writer& writer);
void write_files(const SourceThreads& sources,
                 const Merger& merger,
                 store::Writer& writer,
                 AnalysisSummary& summary);
void write_meta(const correlate::Stats& stats,
                const correlate::TunnelStats& tunnels,
                const SourceThreads& sources,
                store::Writer& writer);

}  // namespace natlens::pipeline
