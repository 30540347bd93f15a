// Small random worlds for correlation, and an obviously right, slow judge of them.
//
// A world is a NAT with a tap on each side and a few connections that send datagrams with
// payloads from a small set. The judge knows all packets at once: it counts, for each pair of
// connections of the two taps, the packets that can be matched one to one (same payload,
// identification and direction, close in time), and says which pairs nothing else can explain.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "natlens/correlate/correlator.h"
#include "natlens/net/bytes.h"

namespace natlens::test {

struct RandomPacket {
  std::int64_t time = 0;
  std::uint16_t tap = 0;
  std::uint32_t connection = 0;
  std::uint64_t payload = 0;
  bool reply = false;
};

struct RandomWorld {
  std::vector<RandomPacket> packets;               // in order of time
  std::map<std::uint32_t, std::uint32_t> partner;  // connection at tap 0 -> at tap 1
  std::vector<Tuple> tuples[2];                    // by tap and serial - 1
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(mix(seed, 0xd1ce)) {}
  std::uint64_t below(std::uint64_t bound) {
    state_ = mix(state_, ++turn_);
    return state_ % bound;
  }

 private:
  std::uint64_t state_;
  std::uint64_t turn_ = 0;
};

// `connections` flows of up to six datagrams in two seconds; payloads from `values` values; a
// tenth is visible on one side only; a twentieth of the packets is lost in between.
inline RandomWorld random_world(std::uint64_t seed,
                                std::uint32_t connections,
                                std::uint64_t values) {
  Dice dice(seed);
  RandomWorld world;
  std::uint32_t serials[2] = {0, 0};
  for (std::uint32_t c = 0; c < connections; ++c) {
    const std::uint64_t where = dice.below(20);
    const bool seen[2] = {where != 0, where != 1};
    std::uint32_t serial[2] = {0, 0};
    for (int tap = 0; tap < 2; ++tap) {
      if (!seen[tap]) continue;
      serial[tap] = ++serials[tap];
      Tuple t;
      t.src = tap == 0 ? Address::v4(0x0a000000U + c + 1) : Address::v4(0xc6336401U);
      t.dst = Address::v4(0xcb007100U + c % 5);
      t.protocol = protocol::kUdp;
      t.src_port = static_cast<std::uint16_t>(tap == 0 ? 5000 : 20000 + c);
      t.dst_port = 53;
      world.tuples[tap].push_back(t);
    }
    if (seen[0] && seen[1]) world.partner[serial[0]] = serial[1];
    const std::uint64_t count = 1 + dice.below(6);
    auto time = static_cast<std::int64_t>(dice.below(2'000'000'000));
    for (std::uint64_t n = 0; n < count; ++n, time += 50'000'000) {
      const std::uint64_t payload = dice.below(values) + 1;
      const bool reply = n != 0 && dice.below(2) == 0;
      const bool lost = dice.below(20) == 0;
      const int first = reply ? 1 : 0;
      for (int leg = 0; leg < (lost ? 1 : 2); ++leg) {
        const int tap = leg == 0 ? first : 1 - first;
        if (!seen[tap]) continue;
        world.packets.push_back({time + leg * 300'000, static_cast<std::uint16_t>(tap),
                                 serial[tap], payload, reply});
      }
    }
  }
  std::stable_sort(
      world.packets.begin(), world.packets.end(),
      [](const RandomPacket& a, const RandomPacket& b) { return a.time < b.time; });
  return world;
}

// The pairs (tap 0, tap 1) that share a packet nobody else could claim: a payload and direction
// that within five seconds no other connection of either tap sent.
inline std::set<std::pair<std::uint32_t, std::uint32_t>> undisputed(const RandomWorld& world) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> out;
  for (const RandomPacket& one : world.packets) {
    if (one.tap != 0) continue;
    std::set<std::uint32_t> senders[2];
    for (const RandomPacket& other : world.packets) {
      if (other.payload == one.payload && other.reply == one.reply) {
        senders[other.tap].insert(other.connection);
      }
    }
    if (senders[0].size() == 1 && senders[1].size() == 1) {
      out.emplace(one.connection, *senders[1].begin());
    }
  }
  return out;
}

// Feeds a world, in order, and finishes. `advance_every`: tell the time after so many packets.
inline void play(const RandomWorld& world,
                 correlate::Correlator& correlator,
                 std::size_t advance_every = 1000) {
  const std::int64_t base = 1'800'000'000'000'000'000;
  for (std::uint16_t tap = 0; tap < 2; ++tap) {
    correlate::ClockEstimate clock;
    clock.tap = tap;
    clock.matches = 10;
    clock.anchor = Timestamp::from_ns(base);
    correlator.add_tap(clock);
  }
  std::set<std::pair<std::uint16_t, std::uint32_t>> open;
  std::size_t fed = 0;
  for (const RandomPacket& p : world.packets) {
    const Timestamp time = Timestamp::from_ns(base + p.time);
    if (open.emplace(p.tap, p.connection).second) {
      stream::Opened opened;
      opened.entry.connection = p.connection;
      opened.entry.time = time;
      opened.entry.original = world.tuples[p.tap][p.connection - 1];
      correlator.open(p.tap, opened);
    }
    stream::Sighting s;
    s.time = time;
    s.connection = p.connection;
    s.kind = stream::SightingKind::kDatagram;
    s.fingerprint = mix(p.payload, 1);
    s.payload_digest = mix(p.payload, 2);
    s.payload_bytes = 40;
    s.ttl = static_cast<std::uint8_t>((p.tap == 0) != p.reply ? 64 : 63);
    s.direction = p.reply ? conntrack::Direction::kReply : conntrack::Direction::kOriginal;
    correlator.sight(p.tap, s);
    if (++fed % advance_every == 0) correlator.advance(time);
  }
  for (const auto& [tap, connection] : open) {
    conntrack::Closed closed;
    closed.connection = connection;
    closed.time = Timestamp::from_ns(base + 10'000'000'000);
    correlator.close(tap, closed);
  }
  correlator.finish();
}

}  // namespace natlens::test
