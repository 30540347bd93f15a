#include "natlens/replay/inline_log.h"

#include <algorithm>
#include <chrono>

namespace natlens::replay {

void InlineLog::opened(const conntrack::Opened& opened) {
  ++connections_;
  if (log_ != nullptr) fresh_.push_back(opened);
}

void InlineLog::event(const conntrack::Event& event) {
  if (log_ == nullptr) return;
  // The packet that opens a connection is told of when it has passed.
  fresh_.empty() ? log_->event(event) : events_.push_back(event);
}

void InlineLog::closed(const conntrack::Closed& closed) {
  if (log_ == nullptr) return;
  packets_.erase(closed.connection);
  log_->closed(closed);
}

void InlineLog::passed(const ruleset::Passed& passed, unsigned entered) {
  if (log_ == nullptr) return;
  pipeline::SideCounters& side = sides_[entered];
  ++side.packets;
  side.invalid += passed.verdict.packet_class == conntrack::PacketClass::kInvalid ? 1 : 0;
  if (!fresh_.empty()) {
    tell_opened(passed, entered);
  } else if (passed.verdict.connection != 0) {
    for (const std::uint32_t serial : {passed.verdict.connection, passed.second_connection}) {
      if (serial == 0) continue;
      pipeline::RouterPackets& told = packets_[serial];
      told.connection = serial;
      told.last = passed.packet.time;
      conntrack::DirectionCounters& counters =
          told.counters[static_cast<std::size_t>(passed.verdict.direction)];
      ++counters.packets;
      counters.bytes += passed.packet.layer->total_bytes;
    }
  }
}

void InlineLog::tell_opened(const ruleset::Passed& passed, unsigned entered) {
  for (const conntrack::Opened& entry : fresh_) {
    const bool whole = entry.connection == passed.verdict.connection;
    // Behind a NAT64 it is told of with the one in front; where that is older, by itself.
    if (!whole && entry.connection == passed.second_connection && passed.verdict.opened)
      continue;
    pipeline::RouterConnection connection;
    connection.entry = entry;
    connection.before = whole ? passed.before : entry.original;
    connection.entered = static_cast<std::uint8_t>(entered);
    ++sides_[entered].connections;
    const decode::Layer& layer = *passed.packet.layer;
    connection.ttl = layer.ttl;
    connection.tos = layer.tos;
    connection.tcp_flags =
        layer.transport == decode::TransportKind::kTcp ? layer.tcp.flags : std::uint16_t{0};
    connection.ip_bytes = layer.total_bytes;
    const bool left = passed.fate == ruleset::Fate::kForwarded && !passed.out.empty();
    if (whole && left) {
      connection.after = passed.after;
      connection.left = static_cast<std::uint8_t>(passed.out[0].interface);
      connection.second = passed.second_connection;
      connection.rule_line = passed.rule != nullptr ? passed.rule->place.line : 0;
      ++sides_[connection.left].connections;
    }
    log_->opened(connection);
  }
  for (const conntrack::Event& event : events_) log_->event(event);
  fresh_.clear();
  events_.clear();
}

void InlineLog::tick(Timestamp now) {
  if (log_ == nullptr) return;
  if (now >= next_second_) {
    for (const auto& [serial, packets] : packets_) log_->packets(packets);
    packets_.clear();
    next_second_ = now + std::chrono::seconds(1);
  }
  log_->hand_over(now, sides_);
}

}  // namespace natlens::replay
