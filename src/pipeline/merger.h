// Merges the sources' batches by corrected time and feeds recorder and correlator.
//
// The order is a function of the input alone: the source whose next record has the least
// corrected time goes first, ties by source number; within a source the order is that of its
// frames. A source's key never steps back, so a capture whose time stamps jump cannot stall the
// others. Threads only decide how long the merge waits for a batch.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "natlens/correlate/clock_probe.h"
#include "natlens/correlate/correlator.h"
#include "natlens/correlate/tunnels.h"
#include "natlens/pipeline/analysis.h"

#include "channel.h"
#include "derive.h"
#include "recorder.h"
#include "source_worker.h"

namespace natlens::pipeline {

// What the merge knows of a tap.
struct MergedTap {
  std::uint16_t source = 0;
  std::uint16_t local = 0;
  correlate::ClockEstimate clock;
};

class Merger {
 public:
  Merger(std::vector<std::unique_ptr<Channel<SourceBatch>>>& channels,
         const AnalysisOptions& options,
         correlate::Correlator& correlator,
         correlate::TunnelTracker& tunnels,
         Recorder& recorder,
         StoreThread& store);
  ~Merger();  // lets the sources go that still wait to send

  // Taps known from the probe, before run().
  void add_tap(std::uint16_t source,
               std::uint16_t local,
               const correlate::ClockEstimate& clock);
  // To be called before run(): keep some packets of each tap, for clocks_stepped().
  void watch_clocks() { watch_below_ = std::uint64_t{1} << 60; }
  // A clock was set while its tap captured, as packets that were kept tell, and nothing has
  // taken that off. REQUIRES: after run().
  bool clocks_stepped() const;

  // Until every source has ended. Returns early if the store has failed.
  void run();
  const std::vector<MergedTap>& taps() const { return taps_; }
  // The database id of a source's file.
  std::int64_t file_id(std::uint16_t source, std::uint16_t file) const {
    return first_file_[source] + file;
  }
  // REQUIRES: before run(); how many files each source has, in order of the sources.
  void set_files(const std::vector<std::size_t>& counts);

 private:
  struct Lane;  // one source's current batch and position in it

  void key(Lane& lane);
  bool refill(Lane& lane);
  void step(Lane& lane);
  void apply_until(Lane& lane, std::uint32_t position);
  void close_until(Lane& lane, std::uint32_t position);
  std::uint16_t global(std::uint16_t source, std::uint16_t local) const;
  void announce(Lane& lane);
  void advance(Timestamp now);
  // live_merge.cc
  void take_live(Lane& lane);
  void write_file(std::int64_t id, std::uint16_t source, const capture::FileInfo& info);
  void write_log_files();
  Timestamp reference(std::uint16_t source, Timestamp time) const;
  void watch(std::uint16_t tap, const stream::Sighting& sighting);

  std::vector<std::unique_ptr<Channel<SourceBatch>>>& channels_;
  const AnalysisOptions& options_;
  correlate::Correlator& correlator_;
  correlate::TunnelTracker& tunnels_;
  Recorder& recorder_;
  StoreThread& store_;
  std::vector<MergedTap> taps_;
  std::vector<std::vector<std::uint16_t>> global_;  // [source][local]
  std::vector<std::size_t> announced_;              // taps announced so far, by source
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<FrameNames> frame_names_;  // by source
  std::vector<std::int64_t> first_file_;
  Timestamp advanced_ = Timestamp::none();
  std::size_t log_files_ = 0;      // live: of the log, written so far
  std::vector<TapSpan> spans_;     // live: of each tap, so far
  std::uint64_t watch_below_ = 0;  // packets of a lower fingerprint are kept
  correlate::ClockProbe watch_;
};

}  // namespace natlens::pipeline
