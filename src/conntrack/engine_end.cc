// How entries end, and what is told of them then or while they live.
#include <algorithm>

#include "engine.h"

namespace natlens::conntrack {

// Ends an entry before its time.
void Engine::destroy(RecordNumber record, CloseReason reason, std::uint32_t frame) {
  const Entry& entry = table_[record];
  const bool carries = values_.kernel.destroy_carries_state;
  emit(entry, EventKind::kDestroy, frame, carries ? seconds_left(entry) : 0,
       carries && has_states(entry.original.protocol));
  wheel_.disarm(record);
  close(record, reason, now_, entry.timeout_seconds);
}

void Engine::expire() {
  for (;;) {
    const RecordNumber record = wheel_.next_expired(now_);
    if (record == kNoRecord) {
      return;
    }
    const Entry& entry = table_[record];
    emit(entry, EventKind::kDestroy, 0, 0,
         values_.kernel.destroy_carries_state && has_states(entry.original.protocol));
    close(record, CloseReason::kExpired, entry.expiry, entry.timeout_seconds);
  }
}

Closed Engine::told(const Entry& entry,
                    CloseReason reason,
                    Timestamp when,
                    std::uint32_t timeout) const {
  Closed closed;
  closed.connection = entry.serial;
  closed.status = entry.status;
  closed.original = entry.original;
  closed.time = when;
  closed.last_packet = entry.last_packet;
  closed.timeout_seconds = timeout;
  closed.first_frame = entry.first_frame;
  closed.last_frame = entry.last_frame;
  closed.reason = reason;
  if (tells_silences(entry)) {
    closed.silence_ms = entry.udp.silence_ms;
    closed.gap_ms = entry.udp.gap_ms;
    closed.apart_ms = entry.udp.apart_ms;
  }
  closed.state = has_states(entry.original.protocol) ? entry.state : std::uint8_t{0};
  for (unsigned d = 0; d < 2; ++d) {
    closed.counters[d] = {entry.packets[d], entry.bytes(d)};
    if (entry.original.protocol == protocol::kTcp &&
        (entry.tcp.flags[d] & tcp_side::kWindowScale) != 0) {
      closed.window_scale[d] = static_cast<std::int8_t>(entry.tcp.scale(d));
    }
  }
  if (const Extension* extension = table_.extension_if(entry)) {
    if (entry.original.protocol == protocol::kTcp) closed.silence_ms = extension->silence_ms;
    closed.invalid_packets = extension->invalid_packets;
    closed.accounted = extension->accounted;
  }
  return closed;
}

void Engine::close(RecordNumber record,
                   CloseReason reason,
                   Timestamp when,
                   std::uint32_t timeout) {
  const Entry& entry = table_[record];
  const Closed closed = told(entry, reason, when, timeout);
  if (reason != CloseReason::kEnd) {
    master_gone(record);
  }
  if (!adjustments_.empty()) {
    adjustments_.erase(entry.serial);
  }
  sink_.closed(closed);
  table_.erase(record);
  table_.release(record);
}

void Engine::advance(Timestamp now) {
  clock(now, 0);
}

void Engine::finish(Timestamp now) {
  clock(now, 0);
  std::vector<std::pair<std::uint32_t, RecordNumber>> live;
  live.reserve(table_.size());
  for (RecordNumber record = 0; record < table_.records(); ++record) {
    if (table_[record].serial != 0) {
      live.emplace_back(table_[record].serial, record);
    }
  }
  std::sort(live.begin(), live.end());
  for (const auto& [serial, record] : live) {
    wheel_.disarm(record);
    close(record, CloseReason::kEnd, now_, seconds_left(table_[record]));
  }
}

std::uint32_t Engine::alive(std::uint32_t from,
                            std::size_t most,
                            Timestamp since,
                            const std::function<void(const Closed&)>& use) const {
  std::size_t told_of = 0;
  for (RecordNumber record = from; record < table_.records(); ++record) {
    const Entry& entry = table_[record];
    if (entry.serial == 0 || entry.last_packet < since) continue;
    if (told_of++ == most) return record;
    use(told(entry, CloseReason::kEnd, now_, seconds_left(entry)));
  }
  return 0;
}

}  // namespace natlens::conntrack
