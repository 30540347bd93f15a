// A tunnel that knows what it carries: made-up traffic of a client through an encrypted tunnel,
// as the taps at the tunnel's interface, at the card and behind a NAT would show it. The truth
// is kept beside, packet by packet.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "natlens/correlate/tunnels.h"

namespace natlens::test {

struct TunnelModel {
  enum : std::uint16_t { kInner, kCard, kBeyond, kTaps };

  // How things are.
  double lose_inner = 0;      // captures miss packets: at the tunnel's interface,
  double lose_outer = 0;      // at the card and beyond (each by itself)
  double lose_in_tunnel = 0;  // the sender drops them before they get a number
  double reorder = 0;         // outer packets that come after their successor
  double keepalives = 0.02;   // per packet
  bool equal_lengths = false;
  std::int64_t rekey_every_ns = 0;
  std::int64_t roam_every_ns = 0;  // the NAT gives another port
  std::int64_t hold_ns = 0;        // a stream: records leave together, at multiples of this
  double gap_ms = 4;               // mean time between packets
  std::uint32_t connections = 40;
  std::uint32_t packets = 3000;
  decode::Encapsulation kind = decode::Encapsulation::kWireguard;
  bool numbered = true;
  // Length of the outer packet's payload.
  std::uint32_t (*outer_bytes)(std::uint32_t) = [](std::uint32_t inner) {
    const std::uint32_t padded = (inner + 15) / 16 * 16;
    return 32 + std::min(std::max(padded, inner), std::max(1420U, inner));
  };

  struct Event {
    std::int64_t time = 0;
    std::uint16_t tap = 0;
    std::uint64_t order = 0;
    bool inner = false;
    stream::Sighting sighting;
    stream::TunnelPacket packet;
  };

  std::vector<Event> events;
  // Frame of the inner packet -> number that its outer packet has at card and beyond alike.
  std::map<std::uint32_t, std::uint64_t> number_of;
  std::map<std::pair<std::uint16_t, std::uint32_t>, std::uint64_t> number_at;  // (tap, frame)
  // (inner connection, tap, carrier): packets of it were there.
  std::set<std::tuple<std::uint32_t, std::uint16_t, std::uint32_t>> carriers;
  std::mt19937_64 random;
  std::uint64_t outer_number = 0;
  std::array<std::uint32_t, 2> sequence{0xfffff000U, 7};  // of the streams' next record
  std::array<std::uint32_t, kTaps> frames{};

  explicit TunnelModel(std::uint64_t seed) : random(seed) {}

  bool happens(double chance) {
    return std::uniform_real_distribution<double>(0, 1)(random) < chance;
  }
  std::int64_t around(std::int64_t mean) {
    return static_cast<std::int64_t>(
        std::exponential_distribution<double>(1.0 / static_cast<double>(mean))(random));
  }

  void add_inner(std::int64_t time,
                 std::uint32_t connection,
                 bool reply,
                 std::uint32_t bytes,
                 std::uint64_t number) {
    if (happens(lose_inner)) return;
    Event event;
    event.time = time;
    event.tap = kInner;
    event.inner = true;
    event.sighting.time = Timestamp::from_ns(time);
    event.sighting.connection = connection;
    event.sighting.frame = ++frames[kInner];
    event.sighting.ip_bytes = static_cast<std::uint16_t>(bytes);
    event.sighting.direction =
        reply ? conntrack::Direction::kReply : conntrack::Direction::kOriginal;
    if (number != 0) number_of[event.sighting.frame] = number;
    events.push_back(event);
  }

  void add_outer(std::int64_t time,
                 std::uint16_t tap,
                 bool reply,
                 std::uint32_t payload,
                 std::uint64_t session,
                 std::uint64_t counter,
                 std::uint64_t number,
                 std::uint32_t connection) {
    if (happens(lose_outer)) return;
    Event event;
    event.time = time;
    event.tap = tap;
    stream::TunnelPacket& p = event.packet;
    p.kind = kind;
    p.role = payload > 32 ? stream::TunnelRole::kData : stream::TunnelRole::kKeepalive;
    p.direction = reply ? conntrack::Direction::kReply : conntrack::Direction::kOriginal;
    p.numbered = numbered;
    // Beyond the NAT a new port is a new connection there.
    p.connection = tap == kBeyond && roam_every_ns != 0
                       ? 1000 + static_cast<std::uint32_t>(time / roam_every_ns)
                       : 500;
    p.frame = ++frames[tap];
    p.bytes = payload;
    p.ip_bytes = payload + 28;
    p.time = Timestamp::from_ns(time);
    p.key = numbered ? session * 2 + reply : 0;
    p.counter = numbered ? counter : number * 0x9e3779b97f4a7c15U;
    p.in_stream = hold_ns != 0;
    p.sequence = sequence[reply];
    p.src = 77 + reply;
    p.dst = 78 - reply;
    number_at[{tap, p.frame}] = number;
    if (connection != 0) carriers.insert({connection, tap, p.connection});
    events.push_back(event);
  }

  void make() {
    std::int64_t time = 1'000'000'000;
    std::array<std::uint64_t, 2> counter{};
    std::array<std::int64_t, 2> last_out{};
    std::uint64_t session = 1;
    std::int64_t keyed = time;
    for (std::uint32_t i = 0; i < packets; ++i) {
      time += around(static_cast<std::int64_t>(gap_ms * 1e6));
      if (rekey_every_ns != 0 && time - keyed > rekey_every_ns) {
        ++session;
        counter = {};
        keyed = time;
      }
      const bool reply = happens(0.5);
      const bool empty = happens(keepalives);
      // Connections live one after the other, some at once.
      const std::uint32_t at = i * connections / packets;
      const std::uint32_t connection =
          1 + std::min(connections - 1, at + static_cast<std::uint32_t>(random() % 3));
      constexpr std::uint32_t kLengths[] = {52, 60, 52, 76, 84, 172, 600, 1420, 1420, 52};
      const std::uint32_t bytes = equal_lengths ? 84 : kLengths[random() % 10];
      const std::int64_t lag = 50'000 + around(60'000);
      const bool dropped = !empty && happens(lose_in_tunnel);
      const std::uint64_t number = dropped ? 0 : ++outer_number;
      // Lanes are first in, first out.
      std::int64_t out =
          std::max(last_out[reply] + (hold_ns == 0 ? 1000 : 0), time + (reply ? -lag : lag));
      if (hold_ns != 0) out = (out + hold_ns - 1) / hold_ns * hold_ns;
      last_out[reply] = out;
      if (!empty) {
        add_inner(reply ? std::max(time, out + 20'000) : time, connection, reply, bytes,
                  number);
      }
      if (dropped) continue;
      const std::uint32_t payload = empty ? 32 : outer_bytes(bytes);
      const std::uint64_t count = counter[reply]++;
      const std::int64_t late = happens(reorder) ? 40'000 + around(40'000) : 0;
      const std::int64_t transit = 400'000;
      const std::uint32_t of = empty ? 0 : connection;
      add_outer(out + late, kCard, reply, payload, session, count, number, of);
      add_outer(out + late + (reply ? -transit : transit), kBeyond, reply, payload, session,
                count, number, of);
      sequence[reply] += 2 + payload;
    }
    for (std::uint64_t n = 0; n < events.size(); ++n) events[n].order = n;
    std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
      return std::tuple(a.time, a.order) < std::tuple(b.time, b.order);
    });
  }

  void run(correlate::TunnelTracker& tracker) const {
    for (std::uint16_t tap = 0; tap < kTaps; ++tap) {
      correlate::ClockEstimate clock;
      clock.tap = tap;
      tracker.add_tap(clock);
    }
    tracker.set_device(kInner);
    for (std::uint32_t c = 1; c <= connections; ++c) {
      stream::Opened opened;
      opened.entry.connection = c;
      opened.entry.original.src = *Address::parse("10.8.0.2");
      opened.entry.original.dst = *Address::parse("192.0.2.1");
      tracker.open(kInner, opened);
    }
    std::map<std::uint32_t, std::array<std::uint64_t, 2>> counts;
    for (const Event& event : events) {
      if (event.inner) {
        ++counts[event.sighting.connection][static_cast<std::size_t>(event.sighting.direction)];
        tracker.sight(event.tap, event.sighting, event.sighting.time);
      } else {
        tracker.packet(event.tap, event.packet, event.packet.time);
      }
    }
    for (const auto& [connection, of] : counts) {
      conntrack::Closed closed;
      closed.connection = connection;
      closed.counters[0].packets = of[0];
      closed.counters[1].packets = of[1];
      tracker.close(kInner, closed);
    }
    tracker.finish();
  }
};

}  // namespace natlens::test
