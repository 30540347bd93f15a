#include "tunnel_table.h"

#include <algorithm>

#include "natlens/net/bytes.h"

namespace natlens::correlate {

namespace {

constexpr std::int64_t kSilence = 1'000'000'000;

std::uint64_t name_of_key(decode::Encapsulation kind, std::uint64_t key) {
  return mix(key, static_cast<std::uint64_t>(kind));
}

}  // namespace

using stream::TunnelPacket;
using stream::TunnelRole;

// A segment that comes late is less than a window behind. All else is ahead: bytes that no tap
// showed, or another connection.
std::int64_t TunnelLane::place_of(std::uint32_t sequence) {
  constexpr std::uint32_t kMostBehind = 1U << 20;
  const std::uint32_t behind = sequence_ - sequence;
  if (behind <= kMostBehind) return place_ - behind;
  place_ += sequence - sequence_;
  sequence_ = sequence;
  return place_;
}

OuterPacket* TunnelLane::add(const TunnelPacket& packet,
                             std::uint32_t session,
                             const OuterSeen& seen) {
  const std::uint64_t identity = mix(mix(session, packet.counter), packet.bytes);
  const auto [known, added] = known_.try_emplace(identity, base_ + packets_.size());
  if (added) {
    OuterPacket& made = packets_.emplace_back();
    made.counter = packet.counter;
    made.session = session;
    made.earliest = made.latest = seen.time;
    made.bytes = packet.bytes;
    made.ip_bytes = packet.ip_bytes;
    made.numbered = packet.numbered;
    made.in_stream = packet.in_stream;
    if (made.in_stream) made.place = place_of(packet.sequence);
    made.carries = packet.role == TunnelRole::kData;
    made.done = !made.carries;
    if (made.carries) ++open_;
  }
  OuterPacket& found = packets_[static_cast<std::size_t>(known->second - base_)];
  const auto shown = std::span(found.seen).first(found.seen_count);
  if (found.seen_count == found.seen.size() ||
      std::any_of(shown.begin(), shown.end(), [&](const auto& s) { return s.tap == seen.tap; }))
    return nullptr;
  found.seen[found.seen_count++] = seen;
  if (packet.in_fragments) found.in_fragments = true;
  found.earliest = std::min(found.earliest, seen.time);
  found.latest = std::max(found.latest, seen.time);
  return &found;
}

std::size_t TunnelLane::first_open() {
  first_open_ = std::max(first_open_, base_);
  while (first_open_ - base_ < packets_.size() && packets_[first_open_ - base_].done) {
    ++first_open_;
  }
  return static_cast<std::size_t>(first_open_ - base_);
}

void TunnelLane::set_done(OuterPacket& packet) {
  packet.done = true;
  --open_;
}

void TunnelLane::trim(std::int64_t before) {
  while (!packets_.empty()) {
    OuterPacket& front = packets_.front();
    const bool aged = front.done && front.latest < before;
    if (!aged && packets_.size() <= kMost) return;
    if (!front.done) set_done(front);
    known_.erase(mix(mix(front.session, front.counter), front.bytes));
    packets_.pop_front();
    ++base_;
  }
}

std::uint32_t TunnelTable::make(decode::Encapsulation kind, std::int64_t time) {
  std::uint32_t number = kNone;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
  } else if (tunnels_.size() < kMostTunnels) {
    number = size();
    tunnels_.emplace_back();
  } else {
    return kNone;
  }
  tunnels_[number] = std::make_unique<Tunnel>();
  tunnels_[number]->kind = kind;
  tunnels_[number]->first = tunnels_[number]->last = time;
  return number;
}

std::uint32_t TunnelTable::session(std::uint64_t name,
                                   std::uint64_t key,
                                   std::uint32_t tunnel,
                                   std::uint8_t lane) {
  if (const auto known = session_of_.find(name); known != session_of_.end()) {
    return known->second;
  }
  if (session_of_.size() == kMostSessions) return kNone;
  const std::uint32_t number = sessions_.take();
  TunnelSession& made = sessions_[number];
  made.key = key;
  made.names.push_back(name);
  made.born = ++born_;
  made.tunnel = tunnel;
  made.lane = lane;
  session_of_.emplace(name, number);
  tunnels_[tunnel]->sessions.push_back(number);
  return number;
}

std::uint32_t TunnelTable::known_session(std::uint64_t name, const TunnelPacket& packet) {
  if (const auto known = session_of_.find(name); known != session_of_.end()) {
    return known->second;
  }
  if (packet.numbered) return kNone;
  const auto seen = recent_.find(packet.counter);
  if (seen == recent_.end() || sessions_[seen->second].tunnel == kNone) return kNone;
  session_of_.emplace(name, seen->second);
  sessions_[seen->second].names.push_back(name);
  return seen->second;
}

std::uint32_t TunnelTable::remember(const TunnelPacket& packet, std::uint32_t session) {
  if (packet.numbered) return session;
  const auto [known, added] = recent_.try_emplace(packet.counter, session);
  if (!added) return sessions_[known->second].tunnel == kNone ? session : known->second;
  recent_order_.push_back(packet.counter);
  if (recent_order_.size() <= kMostRecent) return session;
  recent_.erase(recent_order_.front());
  recent_order_.pop_front();
  return session;
}

// The first packet in a new carrier may be read before the one that it is in the old one:
// clocks err. Then the next one shows that two sessions are one.
std::uint32_t TunnelTable::join(std::uint32_t one, std::uint32_t other) {
  const bool first =
      older(sessions_[one].tunnel, sessions_[other].tunnel) == sessions_[one].tunnel;
  const std::uint32_t kept = first ? one : other;
  TunnelSession& gone = sessions_[first ? other : one];
  for (const std::uint64_t name : gone.names) {
    session_of_[name] = kept;
    sessions_[kept].names.push_back(name);
  }
  gone.names.clear();
  return kept;
}

std::uint32_t TunnelTable::older(std::uint32_t a, std::uint32_t b) const {
  return std::pair(tunnels_[a]->first, a) < std::pair(tunnels_[b]->first, b) ? a : b;
}

// A handshake names the sessions that are to come: towards its sender `other_key`, and the one
// that it answers, the other way.
void TunnelTable::announce(const TunnelPacket& packet,
                           const Carrier& carrier,
                           std::int64_t time) {
  const bool original = packet.direction == conntrack::Direction::kOriginal;
  const auto lane = static_cast<std::uint8_t>(carrier.lane_of_original ^ !original);
  const auto back = static_cast<std::uint8_t>(lane ^ 1U);
  Tunnel& tunnel = *tunnels_[carrier.tunnel];
  if (packet.role == TunnelRole::kAnnounce && tunnel.announced <= tunnel.last_data &&
      (tunnel.last_data == INT64_MIN || time - tunnel.last_data > kSilence)) {
    tunnel.announced = time;
  }
  if (packet.role == TunnelRole::kAnswer) {
    session(name_of_key(packet.kind, packet.key), packet.key, carrier.tunnel, lane);
  }
  session(name_of_key(packet.kind, packet.other_key), packet.other_key, carrier.tunnel, back);
}

// Two tunnels that turn out to be one: what points to the younger is led to the older.
void TunnelTable::unite(std::uint32_t number, Carrier& carrier, std::uint8_t reply) {
  TunnelSession& session = sessions_[number];
  const std::uint32_t kept = older(session.tunnel, carrier.tunnel);
  if (kept == session.tunnel) {
    --tunnels_[carrier.tunnel]->carriers;
    ++tunnels_[kept]->carriers;
    carrier = {kept, std::uint8_t(session.lane ^ reply)};
  } else {
    session.tunnel = kept;
    session.lane = std::uint8_t(carrier.lane_of_original ^ reply);
    tunnels_[kept]->sessions.push_back(number);
  }
}

TunnelTable::Added TunnelTable::add(std::uint16_t tap,
                                    const TunnelPacket& packet,
                                    std::int64_t time) {
  const std::uint64_t carrier_name = name_of({tap, packet.connection});
  const auto reply =
      static_cast<std::uint8_t>(packet.direction != conntrack::Direction::kOriginal);
  const bool data = packet.role == TunnelRole::kData || packet.role == TunnelRole::kKeepalive;
  const std::uint64_t key_name = name_of_key(packet.kind, packet.key);
  const std::uint64_t name =
      packet.numbered ? key_name : mix(mix(carrier_name, reply), key_name);
  std::uint32_t named = kNone;
  if (data || packet.role == TunnelRole::kAnswer) named = known_session(name, packet);
  auto carrier = carriers_.find(carrier_name);
  if (carrier == carriers_.end()) {
    const std::uint32_t tunnel =
        named != kNone ? sessions_[named].tunnel : make(packet.kind, time);
    if (tunnel == kNone) {
      ++left_out_;
      return {};
    }
    const std::uint8_t lane = named != kNone ? sessions_[named].lane : reply;
    carrier =
        carriers_.emplace(carrier_name, Carrier{tunnel, std::uint8_t(lane ^ reply)}).first;
    ++tunnels_[tunnel]->carriers;
  } else if (named != kNone && sessions_[named].tunnel != carrier->second.tunnel) {
    unite(named, carrier->second, reply);
  }
  Tunnel& tunnel = *tunnels_[carrier->second.tunnel];
  tunnel.last = std::max(tunnel.last, time);
  tunnel.add_end(packet.src);
  tunnel.add_end(packet.dst);
  if (!data) {
    if (packet.role != TunnelRole::kOther) announce(packet, carrier->second, time);
    return {carrier->second.tunnel};
  }
  std::uint32_t number =
      session(name, packet.key, carrier->second.tunnel,
              static_cast<std::uint8_t>(carrier->second.lane_of_original ^ reply));
  if (number == kNone) {
    ++left_out_;
    return {carrier->second.tunnel};
  }
  if (const std::uint32_t same = remember(packet, number); same != number) {
    number = join(same, number);
    if (sessions_[number].tunnel != carrier->second.tunnel)
      unite(number, carrier->second, reply);
  }
  Tunnel& joined = *tunnels_[carrier->second.tunnel];
  const std::uint8_t lane = sessions_[number].lane;
  sessions_[number].first = std::min(sessions_[number].first, time);
  joined.last_data = std::max(joined.last_data, time);
  OuterPacket* found = joined.lanes[lane].add(
      packet, number, {time, packet.connection, packet.frame, tap, reply != 0});
  return {carrier->second.tunnel, lane, found};
}

void TunnelTable::close(ConnectionRef carrier) {
  const auto found = carriers_.find(name_of(carrier));
  if (found == carriers_.end()) return;
  --tunnels_[found->second.tunnel]->carriers;
  carriers_.erase(found);
}

void TunnelTable::release(std::uint32_t tunnel) {
  for (const std::uint32_t number : tunnels_[tunnel]->sessions) {
    if (sessions_[number].tunnel != tunnel) continue;
    for (const std::uint64_t name : sessions_[number].names) session_of_.erase(name);
    sessions_[number].tunnel = kNone;
    sessions_.give(number);
  }
  tunnels_[tunnel].reset();
  free_.push_back(tunnel);
}

}  // namespace natlens::correlate
