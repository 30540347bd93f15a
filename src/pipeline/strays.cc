#include "strays.h"

#include <algorithm>

#include "natlens/decode/decoder.h"

namespace natlens::pipeline {
namespace {

// Retries of a segment that nobody tracks come within seconds; later ones begin a new flow.
constexpr Nanoseconds kLife = std::chrono::seconds(10);

// What the packet is about, in its own direction: for an ICMP error an answer to what it
// quotes.
struct About {
  Tuple tuple;
  bool known = false;
};

About about(const conntrack::Packet& packet, conntrack::InvalidReason reason) {
  About out;
  if (reason == conntrack::InvalidReason::kNotFirst) {
    out.tuple = decode::tuple_of(*packet.layer);
    out.known = true;
  } else if (reason == conntrack::InvalidReason::kErrorUnrelated && packet.quoted != nullptr) {
    out.known = conntrack::invert(decode::tuple_of(*packet.quoted), out.tuple);
  }
  return out;
}

}  // namespace

StrayFlows::Flow* StrayFlows::find(const Tuple& tuple,
                                   std::uint32_t zone,
                                   conntrack::Direction& direction) {
  Tuple inverse;
  direction = conntrack::Direction::kOriginal;
  auto at = index_.find(Key{tuple, zone});
  if (at == index_.end() && conntrack::invert(tuple, inverse)) {
    direction = conntrack::Direction::kReply;
    at = index_.find(Key{inverse, zone});
  }
  return at == index_.end() ? nullptr : &flows_[at->second - first_];
}

bool StrayFlows::claim(const conntrack::Packet& packet,
                       conntrack::Verdict& verdict,
                       conntrack::Opened& entry) {
  if (verdict.connection != 0) return false;
  const bool error = verdict.invalid.reason == conntrack::InvalidReason::kErrorUnrelated;
  const About what = about(packet, verdict.invalid.reason);
  if (!what.known) return false;
  Flow* flow = find(what.tuple, packet.zone, verdict.direction);
  if (flow == nullptr) {
    Tuple inverse;
    if (flows_.size() >= kMostFlows || !conntrack::invert(what.tuple, inverse)) return false;
    entry = {};
    entry.original = error ? inverse : what.tuple;
    entry.reply = error ? what.tuple : inverse;
    entry.connection = next_serial_++;
    entry.frame = packet.frame;
    entry.zone = packet.zone;
    entry.time = packet.time;
    entry.beginning_seen = false;
    index_.emplace(Key{entry.original, packet.zone}, first_ + flows_.size());
    flow = &flows_.emplace_back();
    flow->key = {entry.original, packet.zone};
    flow->begun = packet.time;
    flow->end.connection = entry.connection;
    flow->end.original = entry.original;
    flow->end.first_frame = packet.frame;
    flow->end.reason = conntrack::CloseReason::kUntracked;
    verdict.opened = true;
    verdict.direction = error ? conntrack::Direction::kReply : conntrack::Direction::kOriginal;
  }
  verdict.connection = flow->end.connection;
  flow->end.last_packet = packet.time;
  flow->end.last_frame = packet.frame;
  ++flow->end.invalid_packets;
  if (!error) {  // an error belongs to the flow, but is no packet of it
    auto& counters = flow->end.counters[static_cast<std::size_t>(verdict.direction)];
    ++counters.packets;
    counters.bytes += packet.layer->total_bytes;
  }
  return true;
}

void StrayFlows::close_front(Timestamp now, std::vector<conntrack::Closed>& out) {
  Flow& flow = flows_.front();
  flow.end.time = now;
  out.push_back(flow.end);
  index_.erase(flow.key);
  flows_.pop_front();
  ++first_;
}

void StrayFlows::expire(Timestamp now, std::vector<conntrack::Closed>& out) {
  while (!flows_.empty() && now - flows_.front().begun >= kLife) {
    close_front(std::max(flows_.front().end.last_packet, flows_.front().begun + kLife), out);
  }
}

void StrayFlows::finish(Timestamp now, std::vector<conntrack::Closed>& out) {
  expire(now, out);
  while (!flows_.empty()) close_front(now, out);
}

}  // namespace natlens::pipeline
