// Correlation: which connection at this tap is which one at that tap?
//
// A source NAT rewrites the internal address and port, and leaves the far endpoint, the TCP
// sequence numbers and the payload alone. So: (1) a sighting waits in one index for all taps,
// by its fingerprint, and meets its likes there (matcher.cc, waiting.h); (2) each agreement is
// weighed in bits against chance in this capture (evidence.cc); (3) when a connection has
// closed and the window has passed, its pairs are judged against threshold and rivals
// (judge.cc), put in order along the way (order.cc) and handed out (settle.cc, translate.cc).
//
// Decisions depend on the calls and their order only: what is due by the time of a call is
// settled before the call is looked at, so it does not matter how often advance() is called in
// between.
//
// Invariant: at one pair of taps, a packet is claimed by at most one pair.
#include "natlens/correlate/correlator.h"

#include <algorithm>
#include <deque>

#include "connections.h"
#include "latency.h"
#include "matcher.h"
#include "pair.h"
#include "settle.h"
#include "taps.h"

namespace natlens::correlate {

struct Correlator::Impl {
  Impl(const Options& o, Sink& sink)
      : options(o),
        pairs(connections),
        matcher(options, taps, connections, pairs, latencies, stats),
        settler(options, taps, connections, pairs, latencies, matcher, sink) {}

  struct Due {
    std::uint32_t slot = kNone;
    std::int64_t deadline = 0;
  };

  // The call's moment in the reference clock; one without time takes place now.
  std::int64_t corrected(std::uint16_t tap, Timestamp time) const {
    return time.has_value() ? taps[tap].clock.to_reference(time).ns() : now;
  }
  void settle_until(std::int64_t moment) {
    while (!due.empty() && due.front().deadline <= moment) {
      const std::uint32_t slot = due.front().slot;
      due.pop_front();
      settler.settle(slot);
      stats.live_connections = connections.live();
    }
  }
  void reach(std::int64_t time) {
    settle_until(time);
    now = std::max(now, time);
  }

  Options options;
  Stats stats;
  Taps taps;
  ConnectionTable connections;
  PairTable pairs;
  Latencies latencies;
  Matcher matcher;
  Settler settler;
  std::deque<Due> due;
  std::int64_t now = std::numeric_limits<std::int64_t>::min() / 2;
};

Correlator::Correlator(const Options& options, Sink& sink)
    : impl_(std::make_unique<Impl>(options, sink)) {}
Correlator::~Correlator() = default;

void Correlator::add_tap(const ClockEstimate& clock) {
  impl_->taps.add(clock);
}

void Correlator::set_clock(const ClockEstimate& clock) {
  impl_->taps[clock.tap].clock = clock;
}

void Correlator::open(std::uint16_t tap, const stream::Opened& opened) {
  Impl& s = *impl_;
  const std::int64_t time = s.corrected(tap, opened.entry.time);
  s.reach(time);
  const std::uint32_t slot = s.connections.open(tap, opened.entry.connection);
  Connection& connection = s.connections[slot];
  connection.original = opened.entry.original;
  connection.opened = time;
  connection.last = time;
  connection.depth = opened.depth;
  connection.beginning_seen = opened.entry.beginning_seen;
  TapState& state = s.taps[tap];
  state.first = std::min(state.first, time);
  state.last = std::max(state.last, time);
  s.matcher.count_connection(connection);
  s.stats.live_connections = s.connections.live();
  s.stats.most_live = std::max(s.stats.most_live, s.stats.live_connections);
}

void Correlator::sight(std::uint16_t tap, const stream::Sighting& sighting) {
  Impl& s = *impl_;
  ++s.stats.sightings;
  const std::int64_t time = s.corrected(tap, sighting.time);
  s.reach(time);
  TapState& state = s.taps[tap];
  state.first = std::min(state.first, time);
  state.last = std::max(state.last, time);
  const std::uint32_t slot = s.connections.find(tap, sighting.connection);
  if (slot == kNone || s.connections[slot].closed) return;
  s.matcher.sight(slot, sighting, time, s.now);
}

void Correlator::close(std::uint16_t tap, const conntrack::Closed& closed) {
  Impl& s = *impl_;
  s.reach(s.corrected(tap, closed.time));
  const std::uint32_t slot = s.connections.find(tap, closed.connection);
  if (slot == kNone || s.connections[slot].closed) return;
  s.connections[slot].closed = true;
  s.due.push_back({slot, s.now + s.options.pair_window.count()});
}

void Correlator::advance(Timestamp now) {
  if (now.has_value()) impl_->settle_until(now.ns());
}

void Correlator::finish() {
  Impl& s = *impl_;
  s.settle_until(std::numeric_limits<std::int64_t>::max());
  for (const std::uint32_t slot : s.connections.all()) s.settler.settle(slot);
  s.stats.live_connections = 0;
}

const Stats& Correlator::stats() const {
  impl_->stats.waiting_dropped = impl_->matcher.dropped();
  return impl_->stats;
}

}  // namespace natlens::correlate
