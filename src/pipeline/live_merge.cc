// What a live batch tells besides its records: open connections, counters, messages.
#include <algorithm>

#include "merge_lane.h"
#include "source_rows.h"

namespace natlens::pipeline {

// Taps of one live source have one clock.
Timestamp Merger::reference(std::uint16_t source, Timestamp time) const {
  if (global_[source].empty()) return time;
  return taps_[global_[source].front()].clock.to_reference(time);
}

// As it is now: it goes on.
void Merger::write_file(std::int64_t id, std::uint16_t source, const capture::FileInfo& info) {
  store::FileRow& row = store_.block().files.emplace_back();
  row.id = id;
  row.source = source;
  row.info = info;
  row.info.complete = false;
}

// Those that grew.
void Merger::write_log_files() {
  const capture::FrameLog& log = *options_.live->log;
  const std::size_t count = log.count();
  for (std::size_t f = log_files_ == 0 ? 0 : log_files_ - 1; f < count; ++f) {
    write_file(static_cast<std::int64_t>(f) + 1, 0, log.file(f));
  }
  log_files_ = count;
}

// REQUIRES: all records of the batch are applied.
void Merger::take_live(Lane& lane) {
  const SourceBatch& batch = *lane.batch;
  for (std::size_t tap = spans_.size(); tap < taps_.size(); ++tap) {
    spans_.push_back({static_cast<std::uint16_t>(tap + 1)});
  }
  for (const auto& alive : batch.records.alive) {
    const std::uint16_t tap = global(lane.source, alive.tap);
    recorder_.alive(tap, alive.entry, taps_[tap].clock, frame_names_[lane.source]);
  }
  for (const auto& status : batch.status) {
    const std::uint16_t tap = global(lane.source, status.tap);
    const std::uint16_t source = options_.one_source() ? 0 : lane.source;
    store_.block().taps.push_back(tap_row(status, source, tap, taps_[tap].clock));
    if (!options_.one_source()) write_file(file_id(source, 0), source, status.file);
    const auto& clock = store_.block().taps.back().clock;
    spans_[tap] = {static_cast<std::uint16_t>(tap + 1), clock.to_reference(status.info.first),
                   clock.to_reference(status.info.last)};
  }
  if (batch.status.empty()) return;
  if (options_.one_source()) write_log_files();
  correlator_.tell_open();
  store_.block().commit = true;
  if (options_.live->keep.count() > 0) {
    store_.block().forget_before = lane.time - options_.live->keep;
  }
  store_.block().spans = spans_;
  store_.block().tunnelled_taps = recorder_.tunnelled_taps();
  store_.hand_over();
}

}  // namespace natlens::pipeline
