// What belongs to one tap of a source: its decoder, its tracker, and what the tracker reported in
// this run. Private to source_worker*.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/stream/blocks.h"
#include "natlens/stream/notes.h"
#include "natlens/stream/statements.h"

#include "carrier_log.h"
#include "piece_log.h"
#include "source_worker.h"
#include "strays.h"

namespace natlens::pipeline {

inline constexpr std::size_t kBatchSightings = 1024;

inline std::uint64_t invalid_key(std::uint32_t connection, conntrack::InvalidReason reason) {
  return std::uint64_t{connection} << 8 | static_cast<std::uint64_t>(reason);
}

struct SourceWorker::Tap final : conntrack::Sink {
  Tap(std::uint16_t tap_index, const WorkerOptions& options, SourceWorker& owner)
      : index(tap_index),
        worker(owner),
        decoder(options.decode),
        tracker(options.conntrack, *this) {}

  void opened(const conntrack::Opened& entry) override { run_opened.push_back(entry); }
  void event(const conntrack::Event& event) override {
    batch->events.push_back({position(), index, event});
  }
  void closed(const conntrack::Closed& entry) override {
    batch->closed.push_back({position(), index, entry});
    if (finishing) carriers.take(entry, index, batch->carriers);
    if (entry.invalid_packets != 0) forget_invalid(entry.connection);
    // At the end all live entries are closed in one go: that must not make one huge batch.
    if (finishing && batch->closed.size() >= kBatchSightings &&
        (worker.batch_ == nullptr || !worker.send(false))) {
      batch->clear();
    }
  }

  void close_strays() {
    for (const conntrack::Closed& entry : ended_strays) closed(entry);
    ended_strays.clear();
  }
  std::uint32_t position() const { return static_cast<std::uint32_t>(batch->sightings.size()); }
  // MACs are those of the frame: they tell who sent it.
  void place_notes(std::size_t first, const decode::DecodedFrame& frame) const {
    for (std::size_t n = first; n < batch->notes.size(); ++n) {
      stream::PacketNote& note = batch->notes[n];
      note.tap = index;
      note.position = position();
      note.src_mac = frame.src_mac;
      note.dst_mac = frame.dst_mac;
    }
  }
  void forget_invalid(std::uint32_t connection) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(conntrack::InvalidReason::kCount);
         ++r) {
      invalid_kept.erase(invalid_key(connection, static_cast<conntrack::InvalidReason>(r)));
    }
  }

  const std::uint16_t index;
  SourceWorker& worker;
  bool finishing = false;
  stream::Batch* batch = nullptr;  // the one being filled
  decode::Decoder decoder;
  decode::CopyFinder copies;
  conntrack::Tracker tracker;
  stream::StatementReader statements;
  stream::BlockReader blocks;
  stream::NoteTaker notes;
  CarrierLog carriers;
  PieceLog pieces;
  StrayFlows strays;
  std::vector<conntrack::Closed> ended_strays;
  std::vector<conntrack::Opened> run_opened;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> invalid_kept;
  Timestamp time =
      Timestamp::from_ns(0);  // of the last frame that had one, never stepping back
  TapCounters counters;
  std::uint32_t told_up_to = 0;  // live: where telling of open connections goes on
};

}  // namespace natlens::pipeline
