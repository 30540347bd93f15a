// The writer thread: rows arrive in blocks, in merge order, and go into SQLite while the merge
// goes on. A transaction a second, so that a killed run loses at most that.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/store/writer.h"

#include "channel.h"
#include "derive.h"

namespace natlens::pipeline {

// Rows of one block. Connection rows are reused with their event lists, hence the count.
struct RowBlock {
  std::vector<store::TapRow> taps;  // live
  std::vector<store::FileRow> files;
  bool commit = false;              // when its rows are written
  Timestamp forget_before = Timestamp::none();  // with `commit`: what ended before may go
  std::vector<TapSpan> spans;       // with `commit`: what is derived from the rows may be now
  std::vector<TunnelledTaps> tunnelled_taps;
  std::vector<store::ConnectionRow> connections;
  std::size_t connection_count = 0;
  std::vector<store::CarrierRow> carriers;
  std::vector<store::InvalidRow> invalid;
  std::vector<store::StatementRow> statements;
  std::vector<store::NoteRow> notes;
  std::vector<correlate::Translation> translations;
  std::vector<std::uint64_t> taken_back;  // serials of translations that are none
  std::vector<store::FateRow> fates;
  std::vector<store::IcmpErrorRow> icmp_errors;
  std::vector<correlate::SequenceChange> sequence_changes;
  std::vector<store::LinkRow> links;
  std::vector<correlate::Candidate> candidates;
  std::vector<correlate::Tunnelled> tunnelled;
  std::vector<correlate::Unpaired> unpaired;

  std::size_t rows() const {
    return connection_count + carriers.size() + invalid.size() + statements.size() +
           notes.size() + translations.size() + fates.size() + icmp_errors.size() +
           sequence_changes.size() + links.size() + candidates.size() + tunnelled.size() +
           unpaired.size();
  }
  void clear() {
    taps.clear();
    files.clear();
    commit = false;
    forget_before = Timestamp::none();
    spans.clear();
    tunnelled_taps.clear();
    connection_count = 0;
    carriers.clear();
    invalid.clear();
    statements.clear();
    notes.clear();
    translations.clear();
    taken_back.clear();
    fates.clear();
    icmp_errors.clear();
    sequence_changes.clear();
    links.clear();
    candidates.clear();
    tunnelled.clear();
    unpaired.clear();
  }
};

class StoreThread {
 public:
  // `blocks`: how many may wait for the writer.
  StoreThread(store::Writer& writer,
              std::size_t blocks,
              const findings::Parameters& parameters);
  ~StoreThread();

  // The block being filled. Never null.
  RowBlock& block() { return *block_; }
  // Hands the block over if it is full.
  void offer();
  // Hands it over as it is.
  void hand_over();
  // Something could not be written (disk full): the analysis should end. See finish().
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  // Writes what is left and ends the thread.
  Result<void> finish();
  double cpu_seconds() const { return cpu_seconds_; }

 private:
  void run();
  void derive_now(const RowBlock& block);

  store::Writer& writer_;
  const findings::Parameters& parameters_;
  std::chrono::steady_clock::time_point next_derive_;
  Channel<RowBlock> channel_;
  std::unique_ptr<RowBlock> block_;
  std::atomic<bool> failed_{false};
  Result<void> outcome_;
  double cpu_seconds_ = 0;
  std::thread thread_;
};

}  // namespace natlens::pipeline
