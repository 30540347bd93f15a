#include "recorder.h"

#include <algorithm>

namespace natlens::pipeline {
namespace {

// Widths of a packed event. 2^50 ns are 13 days: later events of one connection saturate there;
// a timeout of 2^22 s is 48 days.
constexpr unsigned kTimeBits = 50;
constexpr std::uint64_t kTimeMax = (std::uint64_t{1} << kTimeBits) - 1;
constexpr std::uint64_t kTimeoutMax = (1U << 22) - 1;
constexpr unsigned kStateBits = 5;
constexpr unsigned kStatusBits = 14;

// A connection that flaps keeps its first 255 events and the last.
constexpr std::uint32_t kMostEvents = 256;

}  // namespace

void FrameNames::add(std::int64_t file_id, std::uint32_t first_ordinal) {
  starts_.push_back({file_id, first_ordinal});
}

store::FrameName FrameNames::name(std::uint32_t ordinal) const {
  if (ordinal == 0) return {};
  const auto after = std::upper_bound(
      starts_.begin(), starts_.end(), ordinal,
      [](std::uint32_t value, const Start& start) { return value < start.first_ordinal; });
  if (after == starts_.begin()) return {};
  const Start& start = *(after - 1);
  return {start.file_id, ordinal - start.first_ordinal + 1};
}

// first:  time (50) | status (14);  second: frame (32) | timeout (22) | state (5) | has_state
// (1) | kind (2).
Recorder::PackedEvent Recorder::pack(const conntrack::Event& event, Timestamp opened) {
  const auto since = std::clamp<std::int64_t>((event.time - opened).count(), 0,
                                              static_cast<std::int64_t>(kTimeMax));
  PackedEvent packed;
  packed.first = static_cast<std::uint64_t>(since) << kStatusBits |
                 (event.status & ((1U << kStatusBits) - 1));
  packed.second = std::uint64_t{event.frame} << 32 |
                  std::min<std::uint64_t>(event.timeout_seconds, kTimeoutMax) << 8 |
                  static_cast<std::uint64_t>(event.state & ((1U << kStateBits) - 1)) << 3 |
                  static_cast<std::uint64_t>(event.has_state) << 2 |
                  static_cast<std::uint64_t>(event.kind);
  return packed;
}

store::EventItem Recorder::unpack(const PackedEvent& packed,
                                  Timestamp opened,
                                  const correlate::ClockEstimate& clock) {
  store::EventItem item;
  const Nanoseconds since(static_cast<std::int64_t>(packed.first >> kStatusBits));
  item.time_ns = clock.to_reference(opened + since).ns();
  item.status = static_cast<std::uint32_t>(packed.first & ((1U << kStatusBits) - 1));
  item.frame = static_cast<std::uint32_t>(packed.second >> 32);
  item.timeout_seconds = static_cast<std::uint32_t>(packed.second >> 8 & kTimeoutMax);
  item.state = static_cast<std::uint8_t>(packed.second >> 3 & ((1U << kStateBits) - 1));
  item.has_state = (packed.second >> 2 & 1U) != 0;
  item.kind = static_cast<conntrack::EventKind>(packed.second & 3U);
  return item;
}

std::uint32_t Recorder::new_chunk() {
  if (free_chunk_ == 0) {
    chunks_.emplace_back();
    return static_cast<std::uint32_t>(chunks_.size() - 1);
  }
  const std::uint32_t chunk = free_chunk_;
  free_chunk_ = chunks_[chunk].next;
  chunks_[chunk].next = 0;
  return chunk;
}

void Recorder::open(std::uint16_t tap, const stream::Opened& opened) {
  std::uint32_t slot = 0;
  if (free_live_.empty()) {
    slot = static_cast<std::uint32_t>(live_.size());
    live_.emplace_back();
  } else {
    slot = free_live_.back();
    free_live_.pop_back();
  }
  live_[slot] = {opened, 0, 0, 0};
  index_[key(tap, opened.entry.connection)] = slot;
  ++connections_;
}

void Recorder::event(std::uint16_t tap, const conntrack::Event& event) {
  const auto found = index_.find(key(tap, event.connection));
  if (found == index_.end()) return;
  Live& live = live_[found->second];
  const PackedEvent packed = pack(event, live.opened.entry.time);
  const std::size_t at = live.events % kChunkEvents;
  if (live.events >= kMostEvents) {
    chunks_[live.last_chunk].events[kChunkEvents - 1] = packed;
    return;
  }
  if (at == 0) {
    const std::uint32_t chunk = new_chunk();
    (live.events == 0 ? live.first_chunk : chunks_[live.last_chunk].next) = chunk;
    live.last_chunk = chunk;
  }
  chunks_[live.last_chunk].events[at] = packed;
  ++live.events;
}

void Recorder::take_events(Live& live,
                           const correlate::ClockEstimate& clock,
                           std::vector<store::EventItem>& out) {
  out.clear();
  std::uint32_t chunk = live.first_chunk;
  for (std::uint32_t i = 0; i < live.events; ++i) {
    out.push_back(
        unpack(chunks_[chunk].events[i % kChunkEvents], live.opened.entry.time, clock));
    if (i % kChunkEvents == kChunkEvents - 1) chunk = chunks_[chunk].next;
  }
  if (live.events == 0) return;
  chunks_[live.last_chunk].next = free_chunk_;
  free_chunk_ = live.first_chunk;
}

void Recorder::close(std::uint16_t tap,
                     const conntrack::Closed& closed,
                     const correlate::ClockEstimate& clock,
                     const FrameNames& names) {
  const auto found = index_.find(key(tap, closed.connection));
  if (found == index_.end()) return;
  Live& live = live_[found->second];
  const stream::Opened& opened = live.opened;
  RowBlock& block = store_.block();
  if (block.connection_count == block.connections.size()) block.connections.emplace_back();
  store::ConnectionRow& row = block.connections[block.connection_count++];
  const std::int64_t tap_id = tap + 1;
  row.id = store::connection_id(tap_id, closed.connection);
  row.tap = tap_id;
  row.zone = opened.entry.zone;
  row.original = opened.entry.original;
  row.reply = opened.entry.reply;
  row.state = closed.state;
  row.status = closed.status;
  row.timeout_seconds = closed.timeout_seconds;
  row.close_reason = closed.reason;
  row.beginning_seen = opened.entry.beginning_seen;
  row.start = clock.to_reference(opened.entry.time);
  row.last = clock.to_reference(closed.last_packet);
  row.end = clock.to_reference(closed.time);
  row.counters = closed.counters;
  row.invalid_packets = closed.invalid_packets;
  row.first_frame = names.name(closed.first_frame);
  row.last_frame = names.name(closed.last_frame);
  row.master = opened.entry.master == 0 ? 0 : store::connection_id(tap_id, opened.entry.master);
  row.carrier = opened.carrier == 0 ? 0 : store::connection_id(tap_id, opened.carrier);
  row.encapsulation = opened.encapsulation;
  row.encapsulation_key = opened.encapsulation_key;
  row.depth = opened.depth;
  row.frame_direction = opened.frame_direction;
  row.ttl = opened.ttl;
  row.tos = opened.tos;
  row.tcp_flags = opened.tcp_flags;
  row.ip_bytes = opened.ip_bytes;
  row.src_mac = opened.src_mac;
  row.dst_mac = opened.dst_mac;
  take_events(live, clock, row.events);
  free_live_.push_back(found->second);
  index_.erase(found);
  store_.offer();
}

void Recorder::invalid(std::uint16_t tap,
                       const stream::InvalidRecord& record,
                       const correlate::ClockEstimate& clock,
                       const FrameNames& names) {
  store::InvalidRow row;
  row.tap = tap + 1;
  row.connection =
      record.connection == 0 ? 0 : store::connection_id(tap + 1, record.connection);
  row.frame = names.name(record.frame);
  row.time = clock.to_reference(record.time);
  row.tuple = record.tuple;
  row.detail = record.detail;
  row.bound_frame = names.name(record.detail.bound_frame);
  store_.block().invalid.push_back(row);
  store_.offer();
}

void Recorder::translation(const correlate::Translation& row) {
  ++translations_;
  store_.block().translations.push_back(row);
  store_.offer();
}

void Recorder::candidate(const correlate::Candidate& row) {
  ++candidates_;
  store_.block().candidates.push_back(row);
  store_.offer();
}

void Recorder::unpaired(const correlate::Unpaired& row) {
  ++unpaired_;
  store_.block().unpaired.push_back(row);
  store_.offer();
}

}  // namespace natlens::pipeline
