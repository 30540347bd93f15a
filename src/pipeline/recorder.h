// Live connections become rows: what opened them, what happened to them, how they ended.
//
// The merge thread calls in corrected order. A connection's events are packed to 16 bytes and
// kept in chunks from a pool, so that memory is that of live connections.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/correlate/correlator.h"
#include "natlens/store/records.h"
#include "natlens/stream/records.h"

#include "store_thread.h"

namespace natlens::pipeline {

// Names a frame of a source by file.id and number.
class FrameNames {
 public:
  // Files are announced in order; `file_id` is that of the database.
  void add(std::int64_t file_id, std::uint32_t first_ordinal);
  store::FrameName name(std::uint32_t ordinal) const;  // ordinal 0 is {0, 0}

 private:
  struct Start {
    std::int64_t file_id;
    std::uint32_t first_ordinal;
  };
  std::vector<Start> starts_;
};

class Recorder final : public correlate::Sink {
 public:
  explicit Recorder(StoreThread& store) : store_(store) {}

  // `tap` is global everywhere; clocks and frame names are the caller's and outlive the call.
  void open(std::uint16_t tap, const stream::Opened& opened);
  void event(std::uint16_t tap, const conntrack::Event& event);
  void close(std::uint16_t tap,
             const conntrack::Closed& closed,
             const correlate::ClockEstimate& clock,
             const FrameNames& names);
  void invalid(std::uint16_t tap,
               const stream::InvalidRecord& record,
               const correlate::ClockEstimate& clock,
               const FrameNames& names);

  // correlate::Sink
  void translation(const correlate::Translation& row) override;
  void candidate(const correlate::Candidate& row) override;
  void unpaired(const correlate::Unpaired& row) override;
  void settled(correlate::ConnectionRef) override {}

  std::uint64_t connections() const { return connections_; }
  std::uint64_t translations() const { return translations_; }
  std::uint64_t candidates() const { return candidates_; }
  std::uint64_t unpaired_count() const { return unpaired_; }

 private:
  // Two words: time since the opening, frame, timeout, kind, state, status.
  struct PackedEvent {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };
  static constexpr std::size_t kChunkEvents = 4;
  struct Chunk {
    PackedEvent events[kChunkEvents];
    std::uint32_t next = 0;
  };
  struct Live {
    stream::Opened opened;
    std::uint32_t first_chunk = 0;
    std::uint32_t last_chunk = 0;
    std::uint32_t events = 0;
  };

  static std::uint64_t key(std::uint16_t tap, std::uint32_t connection) {
    return std::uint64_t{tap} << 32 | connection;
  }
  static PackedEvent pack(const conntrack::Event& event, Timestamp opened);
  static store::EventItem unpack(const PackedEvent& packed,
                                 Timestamp opened,
                                 const correlate::ClockEstimate& clock);
  std::uint32_t new_chunk();
  void take_events(Live& live,
                   const correlate::ClockEstimate& clock,
                   std::vector<store::EventItem>& out);

  StoreThread& store_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> index_;  // key -> live_
  std::vector<Live> live_;
  std::vector<std::uint32_t> free_live_;
  std::vector<Chunk> chunks_{1};  // 0 is "none"
  std::uint32_t free_chunk_ = 0;
  std::uint64_t connections_ = 0;
  std::uint64_t translations_ = 0;
  std::uint64_t candidates_ = 0;
  std::uint64_t unpaired_ = 0;
};

}  // namespace natlens::pipeline
