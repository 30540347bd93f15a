// Live connections become rows: what opened them, what happened to them, how they ended.
//
// The merge thread calls in corrected order. What waits for a connection's end is packed: there
// may be a million of them.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/correlate/correlator.h"
#include "natlens/correlate/tunnels.h"
#include "natlens/net/serial_index.h"
#include "natlens/net/slab.h"
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

class Recorder final : public correlate::Sink, public correlate::TunnelSink {
 public:
  explicit Recorder(StoreThread& store) : store_(store) {}

  // `tap` is global everywhere; clocks and frame names are the caller's and outlive the call.
  void open(std::uint16_t tap, const stream::Opened& opened);
  void handshake(std::uint16_t tap, const stream::HandshakeRecord& record);
  void event(std::uint16_t tap, const conntrack::Event& event);
  void close(std::uint16_t tap,
             const conntrack::Closed& closed,
             const correlate::ClockEstimate& clock,
             const FrameNames& names);
  // Live: it goes on, and is as told now.
  void alive(std::uint16_t tap,
             const conntrack::Closed& entry,
             const correlate::ClockEstimate& clock,
             const FrameNames& names);
  void carrier(std::uint16_t tap,
               const stream::CarrierRecord& record,
               const correlate::ClockEstimate& clock);
  void invalid(std::uint16_t tap,
               const stream::InvalidRecord& record,
               const correlate::ClockEstimate& clock,
               const FrameNames& names);

  void statement(std::uint16_t tap,
                 const stream::Statement& statement,
                 const correlate::ClockEstimate& clock,
                 const FrameNames& names);

  void note(std::uint16_t tap,
            const stream::PacketNote& note,
            const correlate::ClockEstimate& clock,
            const FrameNames& names);

  // correlate::Sink, TunnelSink
  void translation(const correlate::Translation& row) override;
  void provisional(const correlate::Translation& row) override;
  void taken_back(std::uint64_t serial) override;
  void fate(const correlate::PacketFate& row) override;
  // An ICMP error that quotes a packet of the sighting's connection.
  void icmp_error(std::uint16_t tap,
                  const stream::Sighting& sighting,
                  const correlate::ClockEstimate& clock);
  void sequence_change(const correlate::SequenceChange& row) override;
  void link(const correlate::PacketLink& row) override;
  void candidate(const correlate::Candidate& row) override;
  void unpaired(const correlate::Unpaired& row) override;
  void settled(correlate::ConnectionRef connection) override;
  void carried(const correlate::Carried& row) override;
  void tunnelled(const correlate::Tunnelled& row) override;
  void linked(const correlate::TunnelLink& row) override;

  // The frames of each tap, in global order; needed before the first fate. Not owned.
  void add_tap(const FrameNames& names) { frames_.push_back(&names); }

  std::uint64_t connections() const { return connections_; }
  std::uint64_t translations() const { return translations_; }
  // By tap of the inner connections and tap of their carriers (tap.id): how many.
  std::vector<TunnelledTaps> tunnelled_taps() const {
    std::vector<TunnelledTaps> out;
    for (const auto& [taps, connections] : tunnelled_taps_) {
      out.push_back({taps.first, taps.second, connections});
    }
    return out;
  }
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
    std::uint32_t next = kNoSlot;
  };
  // stream::Opened without what the end of the connection tells again.
  struct Live {
    Timestamp opened;
    std::uint32_t zone = 0;
    std::uint32_t master = 0;
    std::uint32_t ip_bytes = 0;
    std::uint32_t reply = kNoSlot;  // in replies_, if it is not the inverse of the original
    std::uint32_t first_chunk = kNoSlot;
    std::uint32_t last_chunk = kNoSlot;
    std::array<stream::SynOptions, 2> syn{};  // by Direction
    std::uint16_t events = 0;
    std::uint16_t tcp_flags = 0;
    std::array<std::uint8_t, 6> src_mac{};
    std::array<std::uint8_t, 6> dst_mac{};
    std::uint8_t ttl = 0;
    std::uint8_t tos = 0;
    std::uint8_t depth = 0;
    capture::FrameDirection frame_direction = capture::FrameDirection::kUnknown;
    bool beginning_seen = true;
    bool stray = false;
    bool wanted = false;  // a stray that a translation names
  };
  static_assert(sizeof(Live) <= 64);

  static PackedEvent pack(const conntrack::Event& event, Timestamp opened);
  static store::EventItem unpack(const PackedEvent& packed,
                                 Timestamp opened,
                                 const correlate::ClockEstimate& clock);
  store::ConnectionRow& next_row();
  // A translation names it: its row is written, at its end if that is to come.
  void want(correlate::ConnectionRef connection);
  void describe(const Live& live, const Tuple& original, store::ConnectionRow& row) const;
  void fill(const Live& live,
            const conntrack::Closed& entry,
            const correlate::ClockEstimate& clock,
            const FrameNames& names,
            store::ConnectionRow& row) const;
  void copy_events(const Live& live,
                   const correlate::ClockEstimate& clock,
                   std::vector<store::EventItem>& out) const;
  void free_events(const Live& live);

  StoreThread& store_;
  std::vector<const FrameNames*> frames_;  // by tap
  SerialIndex index_;                      // to live_
  Slab<Live> live_;
  Slab<Chunk> chunks_;
  Slab<Tuple> replies_;
  // Strays that ended: their rows wait for somebody to name them.
  absl::flat_hash_map<std::int64_t, store::ConnectionRow> held_;  // by connection.id
  std::uint64_t connections_ = 0;
  std::uint64_t translations_ = 0;
  std::map<std::pair<std::uint16_t, std::uint16_t>, std::uint64_t> tunnelled_taps_;
  std::vector<std::uint16_t>
      carried_at_;                    // taps that showed carriers of the connection told of
  correlate::ConnectionRef carried_;  // which is this one
  std::uint64_t candidates_ = 0;
  std::uint64_t unpaired_ = 0;
};

}  // namespace natlens::pipeline
