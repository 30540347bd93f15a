#include "router_rows.h"

#include <algorithm>

#include "natlens/conntrack/tracker.h"

namespace natlens::pipeline {
namespace {

using correlate::ConnectionRef;
using correlate::TranslationKind;

// What is seen at the same side twice (a hairpin) needs two names.
constexpr std::uint32_t kSecondSeen = 0x80000000U;

std::uint32_t serial_after(const RouterConnection& c) {
  if (c.second != 0) return c.second;
  return c.left == c.entered ? c.entry.connection | kSecondSeen : c.entry.connection;
}

bool passed_on(const RouterConnection& c) {
  return c.left != RouterConnection::kNowhere && (c.left != c.entered || c.before != c.after);
}

TranslationKind kind_of(const RouterConnection& c, std::uint32_t status) {
  const bool source = c.before.src != c.after.src || c.before.src_port != c.after.src_port;
  const bool target = c.before.dst != c.after.dst || c.before.dst_port != c.after.dst_port;
  if (c.before.src.family() != c.after.src.family()) {
    const Tuple& inside = c.entered == 0 ? c.before : c.after;
    return inside.src.is_v6() ? TranslationKind::kNat64 : TranslationKind::kNat46;
  }
  if (c.entered == c.left) return TranslationKind::kHairpin;
  if (!source && !target) return TranslationKind::kRouted;
  constexpr std::uint32_t kNat = conntrack::status::kSrcNat | conntrack::status::kDstNat;
  if (c.before.src.is_v6() && (status & kNat) == 0) return TranslationKind::kNpt;
  return !target   ? TranslationKind::kSnat
         : !source ? TranslationKind::kDnat
                   : TranslationKind::kTwice;
}

// Where `inside` of a translation is where the connection left (docs/schema.md).
bool inside_is_after(TranslationKind kind, const RouterConnection& c) {
  switch (kind) {
    case TranslationKind::kDnat:
      return true;
    case TranslationKind::kNat64:
    case TranslationKind::kNat46:
    case TranslationKind::kNpt:
      return c.entered == 1;
    default:
      return false;
  }
}

void set_tuple(store::ConnectionRow& row, const Tuple& tuple) {
  row.original = tuple;
  if (!conntrack::invert(tuple, row.reply)) row.reply = {};
}

}  // namespace

void RouterRows::opened(const RouterConnection& connection) {
  Live& live = live_[connection.entry.connection];
  live = {};
  live.opened = connection;
  live.last = connection.entry.time;
  live.counters[0] = {1, connection.ip_bytes};
  live.part = connection.second != 0 ? Part::kBefore : Part::kBoth;
  mark(connection.entry.connection, live);
  if (connection.second == 0) return;
  Live after = live;
  after.part = Part::kAfter;
  after.changed = false;
  mark(connection.second, live_[connection.second] = std::move(after));
}

void RouterRows::mark(std::uint32_t serial, Live& live) {
  if (!live.changed) changed_.push_back(serial);
  live.changed = true;
}

void RouterRows::event(const conntrack::Event& event) {
  const auto found = live_.find(event.connection);
  if (found == live_.end()) return;
  Live& live = found->second;
  live.status = event.status;
  live.timeout_seconds = event.timeout_seconds;
  if (event.has_state) live.state = event.state;
  const store::EventItem item{event.time.ns(), event.frame, event.timeout_seconds,
                              event.kind,      event.state, event.has_state,
                              event.status};
  if (live.events.size() < kMostEvents) {
    live.events.push_back(item);
  } else {
    live.events.back() = item;
  }
  mark(event.connection, live);
}

void RouterRows::packets(const RouterPackets& packets) {
  const auto found = live_.find(packets.connection);
  if (found == live_.end()) return;
  Live& live = found->second;
  for (std::size_t d = 0; d < 2; ++d) {
    live.counters[d].packets += packets.counters[d].packets;
    live.counters[d].bytes += packets.counters[d].bytes;
  }
  live.last = packets.last;
  mark(packets.connection, live);
}

void RouterRows::closed(const conntrack::Closed& closed) {
  const auto found = live_.find(closed.connection);
  if (found == live_.end()) return;
  write(found->second, &closed);
  live_.erase(found);
}

void RouterRows::write_changed() {
  const std::size_t end = std::min(changed_.size(), next_changed_ + kMostAtOnce);
  for (; next_changed_ < end; ++next_changed_) {
    const auto found = live_.find(changed_[next_changed_]);
    if (found == live_.end() || !found->second.changed) continue;
    found->second.changed = false;
    write(found->second, nullptr);
  }
  if (next_changed_ == changed_.size()) {
    changed_.clear();
    next_changed_ = 0;
  }
}

void RouterRows::fill(const Live& live, const conntrack::Closed* closed) {
  const RouterConnection& c = live.opened;
  row_.zone = c.entry.zone;
  row_.beginning_seen = c.entry.beginning_seen;
  row_.start = c.entry.time;
  row_.ttl = c.ttl;
  row_.tos = c.tos;
  row_.tcp_flags = c.tcp_flags;
  row_.ip_bytes = c.ip_bytes;
  row_.events = live.events;
  row_.state = live.state;
  row_.status = live.status;
  row_.timeout_seconds = live.timeout_seconds;
  row_.close_reason = conntrack::CloseReason::kEnd;
  row_.last = row_.end = live.last;
  row_.counters = live.counters;
  row_.invalid_packets = 0;
  row_.silence_ms = row_.gap_ms = row_.apart_ms = {};
  if (closed == nullptr) return;
  row_.state = closed->state;
  row_.status = closed->status;
  row_.timeout_seconds = closed->timeout_seconds;
  row_.close_reason = closed->reason;
  row_.last = closed->last_packet;
  row_.end = closed->time;
  row_.counters = closed->counters;
  row_.invalid_packets = closed->invalid_packets;
  row_.silence_ms = closed->silence_ms;
  row_.gap_ms = closed->gap_ms;
  row_.apart_ms = closed->apart_ms;
}

void RouterRows::write(const Live& live, const conntrack::Closed* closed) {
  const RouterConnection& c = live.opened;
  fill(live, closed);
  const auto master = c.entry.master == 0 ? live_.end() : live_.find(c.entry.master);
  if (live.part != Part::kAfter) {
    row_.tap = c.entered + 1;
    row_.id = store::connection_id(row_.tap, c.entry.connection);
    row_.master = master == live_.end()
                      ? 0
                      : store::connection_id(master->second.opened.entered + 1, c.entry.master);
    set_tuple(row_, c.before);
    writer_.connection(row_);
  }
  if (!passed_on(c)) return;
  if (live.part != Part::kBefore) {
    row_.tap = c.left + 1;
    row_.id = store::connection_id(row_.tap, serial_after(c));
    row_.master = 0;
    row_.ttl = static_cast<std::uint8_t>(c.ttl - (c.ttl > 0 ? 1 : 0));
    set_tuple(row_, c.after);
    writer_.connection(row_);
  }
  if (live.part != Part::kAfter) write_translation(live, row_.last);
}

void RouterRows::write_translation(const Live& live, Timestamp end) {
  const RouterConnection& c = live.opened;
  constexpr float kBits = 1000;  // nothing is left to chance
  correlate::Translation row;
  row.serial = c.entry.connection;
  row.kind = kind_of(c, row_.status);
  row.confidence = correlate::Confidence::kCertain;
  row.inside = {c.entered, c.entry.connection};
  row.outside = {c.left, serial_after(c)};
  const bool turned = inside_is_after(row.kind, c);
  if (turned) std::swap(row.inside, row.outside);
  row.entered = turned ? correlate::FirstSeen::kOutside : correlate::FirstSeen::kInside;
  row.start = c.entry.time;
  row.end = end;
  row.bits = row.margin_bits = kBits;
  row.evidence_count = 1;
  row.evidence[0] = {correlate::EvidenceField::kEngine, kBits, 1, c.rule_line};
  for (std::size_t d = 0; d < 2; ++d) {
    row.packets[d].both = row_.counters[d].packets;
    row.packets[d].known = true;
    row.packets[d].ttl_known = true;
    row.packets[d].ttl_delta = -1;
  }
  writer_.translation(row);
}

}  // namespace natlens::pipeline
