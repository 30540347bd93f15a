#include "recorder.h"

#include <algorithm>

#include "natlens/conntrack/tracker.h"

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

Tuple inverse(const Tuple& original) {
  Tuple reply;
  conntrack::invert(original, reply);
  return reply;
}

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

void Recorder::open(std::uint16_t tap, const stream::Opened& opened) {
  const std::uint32_t slot = live_.take();
  Live& live = live_[slot];
  live.opened = opened.entry.time;
  live.zone = opened.entry.zone;
  live.master = opened.entry.master;
  live.ip_bytes = opened.ip_bytes;
  live.tcp_flags = opened.tcp_flags;
  live.src_mac = opened.src_mac;
  live.dst_mac = opened.dst_mac;
  live.ttl = opened.ttl;
  live.tos = opened.tos;
  live.depth = opened.depth;
  live.frame_direction = opened.frame_direction;
  live.beginning_seen = opened.entry.beginning_seen;
  live.stray = opened.is_stray();
  if (inverse(opened.entry.original) != opened.entry.reply) {
    live.reply = replies_.take();
    replies_[live.reply] = opened.entry.reply;
  }
  index_.insert(tap, opened.entry.connection, slot);
  if (!live.stray) ++connections_;
}

// A SYN that is sent again without options says less than the first one.
void Recorder::handshake(std::uint16_t tap, const stream::HandshakeRecord& record) {
  const std::uint32_t slot = index_.find(tap, record.connection);
  if (slot == kNoSlot) return;
  stream::SynOptions& syn = live_[slot].syn[static_cast<std::size_t>(record.direction)];
  if (syn.flags == 0) syn = record.options;
}

void Recorder::event(std::uint16_t tap, const conntrack::Event& event) {
  const std::uint32_t slot = index_.find(tap, event.connection);
  if (slot == kNoSlot) return;
  Live& live = live_[slot];
  const PackedEvent packed = pack(event, live.opened);
  const std::size_t at = live.events % kChunkEvents;
  if (live.events >= kMostEvents) {
    chunks_[live.last_chunk].events[kChunkEvents - 1] = packed;
    return;
  }
  if (at == 0) {
    const std::uint32_t chunk = chunks_.take();
    (live.events == 0 ? live.first_chunk : chunks_[live.last_chunk].next) = chunk;
    live.last_chunk = chunk;
  }
  chunks_[live.last_chunk].events[at] = packed;
  ++live.events;
}

void Recorder::copy_events(const Live& live,
                           const correlate::ClockEstimate& clock,
                           std::vector<store::EventItem>& out) const {
  out.clear();
  std::uint32_t chunk = live.first_chunk;
  for (std::uint32_t i = 0; i < live.events; ++i) {
    if (i != 0 && i % kChunkEvents == 0) chunk = chunks_[chunk].next;
    out.push_back(unpack(chunks_[chunk].events[i % kChunkEvents], live.opened, clock));
  }
}

void Recorder::free_events(const Live& live) {
  std::uint32_t chunk = live.first_chunk;
  for (std::uint32_t i = 0; i < live.events; i += kChunkEvents) {
    const std::uint32_t next = chunks_[chunk].next;
    chunks_.give(chunk);
    chunk = next;
  }
}

// What its first packet told.
void Recorder::describe(const Live& live,
                        const Tuple& original,
                        store::ConnectionRow& row) const {
  row.zone = live.zone;
  row.original = original;
  row.reply = live.reply != kNoSlot ? replies_[live.reply] : inverse(original);
  row.beginning_seen = live.beginning_seen;
  row.master = live.master == 0 ? 0 : store::connection_id(row.tap, live.master);
  row.depth = live.depth;
  row.frame_direction = live.frame_direction;
  row.ttl = live.ttl;
  row.tos = live.tos;
  row.tcp_flags = live.tcp_flags;
  row.ip_bytes = live.ip_bytes;
  row.src_mac = live.src_mac;
  row.dst_mac = live.dst_mac;
}

store::ConnectionRow& Recorder::next_row() {
  RowBlock& block = store_.block();
  if (block.connection_count == block.connections.size()) block.connections.emplace_back();
  return block.connections[block.connection_count++];
}

// What its end tells, or how it is now.
void Recorder::fill(const Live& live,
                    const conntrack::Closed& entry,
                    const correlate::ClockEstimate& clock,
                    const FrameNames& names,
                    store::ConnectionRow& row) const {
  describe(live, entry.original, row);
  row.state = entry.state;
  row.status = entry.status;
  row.timeout_seconds = entry.timeout_seconds;
  row.close_reason = entry.reason;
  row.start = clock.to_reference(live.opened);
  row.last = clock.to_reference(entry.last_packet);
  row.end = clock.to_reference(entry.time);
  row.counters = entry.counters;
  row.invalid_packets = entry.invalid_packets;
  row.silence_ms = entry.silence_ms;
  row.gap_ms = entry.gap_ms;
  row.apart_ms = entry.apart_ms;
  row.first_frame = names.name(entry.first_frame);
  row.last_frame = names.name(entry.last_frame);
  row.syn = live.syn;
}

void Recorder::close(std::uint16_t tap,
                     const conntrack::Closed& closed,
                     const correlate::ClockEstimate& clock,
                     const FrameNames& names) {
  const std::uint32_t slot = index_.find(tap, closed.connection);
  if (slot == kNoSlot) return;
  Live& live = live_[slot];
  const std::int64_t id = store::connection_id(tap + 1, closed.connection);
  store::ConnectionRow& row = !live.stray || live.wanted ? next_row() : held_[id];
  row.tap = tap + 1;
  row.id = id;
  fill(live, closed, clock, names, row);
  copy_events(live, clock, row.events);
  free_events(live);
  if (live.reply != kNoSlot) replies_.give(live.reply);
  live_.give(slot);
  index_.erase(tap, closed.connection);
  store_.offer();
}

void Recorder::alive(std::uint16_t tap,
                     const conntrack::Closed& entry,
                     const correlate::ClockEstimate& clock,
                     const FrameNames& names) {
  const std::uint32_t slot = index_.find(tap, entry.connection);
  if (slot == kNoSlot) return;
  store::ConnectionRow& row = next_row();
  row.tap = tap + 1;
  row.id = store::connection_id(tap + 1, entry.connection);
  fill(live_[slot], entry, clock, names, row);
  copy_events(live_[slot], clock, row.events);
  store_.offer();
}

void Recorder::carrier(std::uint16_t tap,
                       const stream::CarrierRecord& record,
                       const correlate::ClockEstimate& clock) {
  store::CarrierRow row;
  row.connection = store::connection_id(tap + 1, record.connection);
  row.carrier = record.carrier == 0 ? 0 : store::connection_id(tap + 1, record.carrier);
  row.direction = record.direction;
  row.encapsulation = record.encapsulation;
  row.key = record.key;
  row.depth = record.depth;
  row.packets = record.packets;
  row.first = clock.to_reference(record.first);
  row.last = clock.to_reference(record.last);
  row.sizes = record.sizes;
  store_.block().carriers.push_back(row);
  store_.offer();
}

void Recorder::carried(const correlate::Carried& record) {
  want(record.inner);
  if (carried_ != record.inner) carried_at_.clear();
  carried_ = record.inner;
  if (std::find(carried_at_.begin(), carried_at_.end(), record.carrier.tap) ==
      carried_at_.end()) {
    carried_at_.push_back(record.carrier.tap);
    ++tunnelled_taps_[{static_cast<std::uint16_t>(record.inner.tap + 1),
                       static_cast<std::uint16_t>(record.carrier.tap + 1)}];
  }
  store::CarrierRow row;
  row.connection = store::connection_id(record.inner.tap + 1, record.inner.serial);
  row.carrier = store::connection_id(record.carrier.tap + 1, record.carrier.serial);
  row.direction = record.direction;
  row.encapsulation = record.kind;
  row.key = record.key;
  row.packets = record.packets;
  row.first = record.first;
  row.last = record.last;
  row.basis = store::CarrierBasis::kAligned;
  row.confidence = record.confidence;
  row.bits = record.bits;
  row.sizes = record.sizes;
  store_.block().carriers.push_back(row);
  store_.offer();
}

void Recorder::tunnelled(const correlate::Tunnelled& row) {
  store_.block().tunnelled.push_back(row);
  store_.offer();
}

void Recorder::linked(const correlate::TunnelLink& row) {
  link({row.inner, row.frame, row.carrier, row.carrier_frame});
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

void Recorder::statement(std::uint16_t tap,
                         const stream::Statement& statement,
                         const correlate::ClockEstimate& clock,
                         const FrameNames& names) {
  store::StatementRow row;
  row.tap = tap + 1;
  row.connection = store::connection_id(tap + 1, statement.connection);
  row.frame = names.name(statement.frame);
  row.time = clock.to_reference(statement.time);
  row.statement = statement;
  store_.block().statements.push_back(row);
  store_.offer();
}

void Recorder::note(std::uint16_t tap,
                    const stream::PacketNote& note,
                    const correlate::ClockEstimate& clock,
                    const FrameNames& names) {
  store::NoteRow row;
  row.tap = tap + 1;
  row.connection = note.connection == 0 ? 0 : store::connection_id(tap + 1, note.connection);
  row.frame = names.name(note.frame);
  row.other_frame = names.name(note.other_frame);
  row.time = clock.to_reference(note.time);
  row.note = note;
  store_.block().notes.push_back(row);
  store_.offer();
}

void Recorder::want(correlate::ConnectionRef connection) {
  const std::uint32_t slot = index_.find(connection.tap, connection.serial);
  if (slot != kNoSlot) live_[slot].wanted = true;
  if (held_.empty()) return;
  const auto held = held_.find(store::connection_id(connection.tap + 1, connection.serial));
  if (held == held_.end()) return;
  next_row() = std::move(held->second);
  held_.erase(held);
}

void Recorder::settled(correlate::ConnectionRef connection) {
  if (held_.empty()) return;
  held_.erase(store::connection_id(connection.tap + 1, connection.serial));
}

void Recorder::translation(const correlate::Translation& row) {
  want(row.inside);
  want(row.outside);
  ++translations_;
  store_.block().translations.push_back(row);
  store_.offer();
}

void Recorder::provisional(const correlate::Translation& row) {
  store_.block().translations.push_back(row);
  store_.offer();
}

void Recorder::taken_back(std::uint64_t serial) {
  store_.block().taken_back.push_back(serial);
}

void Recorder::link(const correlate::PacketLink& row) {
  store_.block().links.push_back({row, frames_[row.connection.tap]->name(row.frame),
                                  frames_[row.other.tap]->name(row.other_frame)});
  store_.offer();
}

void Recorder::icmp_error(std::uint16_t tap,
                          const stream::Sighting& sighting,
                          const correlate::ClockEstimate& clock) {
  store::IcmpErrorRow row;
  row.connection = store::connection_id(tap + 1, sighting.connection);
  row.frame = frames_[tap]->name(sighting.frame);
  row.time = clock.to_reference(sighting.time);
  row.type = static_cast<std::uint8_t>(sighting.seq >> 8);
  row.code = static_cast<std::uint8_t>(sighting.seq);
  store_.block().icmp_errors.push_back(row);
  store_.offer();
}

void Recorder::sequence_change(const correlate::SequenceChange& row) {
  store_.block().sequence_changes.push_back(row);
}

void Recorder::fate(const correlate::PacketFate& row) {
  store_.block().fates.push_back({row, frames_[row.connection.tap]->name(row.frame),
                                  frames_[row.other.tap]->name(row.other_frame)});
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
