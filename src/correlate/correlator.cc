// Correlation: which connection at this tap is which one at that tap?
//
// A source NAT rewrites the internal address and port, and leaves the far endpoint, the TCP
// sequence numbers and the payload alone. So: (1) a sighting waits in one index for all taps,
// by its fingerprint, and meets its likes there (matcher.cc, waiting.h); (2) each agreement is
// weighed in bits against chance in this capture (evidence.cc); (3) when a connection has
// closed and the window has passed, its pairs are judged against threshold and rivals
// (judge.cc; where no byte passed, pairs by its course: courses.cc), put in order along the way
// (order.cc) and handed out (settle.cc, translate.cc).
//
// Decisions depend on the calls and their order only: what is due by the time of a call is
// settled before the call is looked at, so it does not matter how often advance() is called in
// between.
//
// Invariant: at one pair of taps, a packet is claimed by at most one pair.
#include "natlens/correlate/correlator.h"

#include <algorithm>
#include <deque>

#include "account.h"
#include "connections.h"
#include "courses.h"
#include "event_queue.h"
#include "matcher.h"
#include "pair.h"
#include "settle.h"
#include "taps.h"

namespace natlens::correlate {

struct Correlator::Impl {
  Impl(const Options& o, Sink& sink)
      : options(o),
        pairs(connections),
        accounts(options, taps, connections, pairs, sink),
        matcher(options, taps, connections, pairs, accounts, stats),
        courses(taps, connections, pairs, accounts.latencies(), matcher.weigher()),
        settler(options, taps, connections, pairs, accounts, matcher, courses, sink),
        queue(*this) {}

  struct Due {
    std::uint32_t slot = kNoSlot;
    std::int64_t deadline = 0;
  };

  // What EventQueue asks for.
  void stage1(const Event& event) const {
    connections.prefetch_page(event.tap, event.serial);
    if (event.kind == Event::Kind::kSight) matcher.prefetch(event.tap, event.sighting);
  }
  void stage2(Event& event) const {
    event.slot = connections.find(event.tap, event.serial);
    connections.prefetch(event.slot);
    if (event.kind == Event::Kind::kSight) matcher.prefetch_entry(event.sighting);
  }
  void stage3(const Event& event) const {
    const std::uint32_t slot = connections.find(event.tap, event.serial, event.slot);
    if (slot != kNoSlot) pairs.prefetch(connections[slot].pairs);
    if (event.kind == Event::Kind::kSight) matcher.prefetch_partner(event.sighting);
  }
  void process(const Event& event) {
    if (event.kind == Event::Kind::kSight) {
      sight(event);
    } else if (event.kind == Event::Kind::kOpen) {
      open(event);
    } else {
      close(event);
    }
  }

  // The event's moment in the reference clock; one without time takes place now. Captures may
  // hold any number: beyond the years 1843 to 2096 time stands still, so that differences do
  // not overflow.
  std::int64_t corrected(std::uint16_t tap, Timestamp time) const {
    if (!time.has_value()) return now;
    constexpr std::int64_t kFar = 4'000'000'000'000'000'000;
    return std::clamp(taps[tap].clock.to_reference(time).ns(), -kFar, kFar);
  }
  // Before a connection is settled, all of its packets have left the index.
  void settle_until(std::int64_t moment) {
    matcher.expire(moment);
    while (!due.empty() && due.front().deadline <= moment) {
      const std::uint32_t slot = due.front().slot;
      due.pop_front();
      settler.settle(slot);
    }
  }
  // More connections than there is room for: those that ended first are settled before their
  // window has passed.
  void keep_bound() {
    if (options.max_connections == 0) return;
    while (connections.live() > options.max_connections && !due.empty()) {
      const std::uint64_t before = connections.live();
      settle_until(due.front().deadline);
      stats.settled_early += before - connections.live();
    }
  }
  void reach(std::int64_t time) {
    settle_until(time);
    now = std::max(now, time);
  }

  // A source tells of all that its next packets will open before it shows the first of them, so
  // this may lie ahead: time goes on with what is seen, not with what is announced.
  void open(const Event& event) {
    const std::int64_t time = corrected(event.tap, event.time);
    taps[event.tap].first = std::min(taps[event.tap].first, time);
    const std::uint32_t slot = connections.open(event.tap, event.serial);
    courses.forget(slot);
    Connection& connection = connections[slot];
    connection.original = event.original;
    connection.opened = time;
    connection.last = time;
    connection.first_frame = event.frame;
    connection.depth = event.depth;
    connection.beginning_seen = event.beginning_seen;
    connection.stray = event.serial >= stream::kFirstStray;
    if (!connection.stray) {
      matcher.count_connection(connection);
      courses.open(slot);
    }
    stats.most_live = std::max(stats.most_live, connections.live());
    keep_bound();
  }

  void sight(const Event& event) {
    const stream::Sighting& sighting = event.sighting;
    const std::int64_t time = corrected(event.tap, sighting.time);
    reach(time);
    taps[event.tap].captured(time);
    const std::uint32_t slot = connections.find(event.tap, event.serial, event.slot);
    if (slot == kNoSlot || connections[slot].closed) return;
    if (sighting.kind == stream::SightingKind::kRelayStart)
      return courses.relay_starts(slot, sighting);
    matcher.sight(slot, sighting, time, now);
    courses.sight(slot, sighting, time);
  }

  void close(const Event& event) {
    reach(corrected(event.tap, event.time));
    const std::uint32_t slot = connections.find(event.tap, event.serial, event.slot);
    if (slot == kNoSlot || connections[slot].closed) return;
    connections[slot].closed = true;
    due.push_back({slot, now + options.pair_window.count()});
  }

  Options options;
  Stats stats;
  Taps taps;
  ConnectionTable connections;
  PairTable pairs;
  Accounts accounts;
  Matcher matcher;
  Courses courses;
  Settler settler;
  EventQueue<Impl> queue;
  std::deque<Due> due;
  std::int64_t told = std::numeric_limits<std::int64_t>::min();  // up to when, by tell_open()
  std::int64_t now = std::numeric_limits<std::int64_t>::min() / 4;
};

Correlator::Correlator(const Options& options, Sink& sink)
    : impl_(std::make_unique<Impl>(options, sink)) {}
Correlator::~Correlator() = default;

void Correlator::add_tap(const ClockEstimate& clock) {
  impl_->taps.add(clock);
}

void Correlator::set_clock(const ClockEstimate& clock) {
  impl_->queue.flush();
  impl_->taps[clock.tap].clock = clock;
}

void Correlator::open(std::uint16_t tap, const stream::Opened& opened) {
  Event& event = impl_->queue.next();
  event.kind = Event::Kind::kOpen;
  event.tap = tap;
  event.serial = opened.entry.connection;
  event.original = opened.entry.original;
  event.time = opened.entry.time;
  event.frame = opened.entry.frame;
  event.depth = opened.depth;
  event.beginning_seen = opened.entry.beginning_seen;
  impl_->queue.pushed();
}

void Correlator::sight(std::uint16_t tap, const stream::Sighting& sighting) {
  ++impl_->stats.sightings;
  Event& event = impl_->queue.next();
  event.kind = Event::Kind::kSight;
  event.tap = tap;
  event.serial = sighting.connection;
  event.sighting = sighting;
  impl_->queue.pushed();
}

void Correlator::say(std::uint16_t tap, const stream::Statement& statement) {
  impl_->queue.flush();
  const std::int64_t time = impl_->corrected(tap, statement.time);
  const std::uint32_t slot = impl_->connections.find(tap, statement.connection);
  if (slot == kNoSlot) return;
  impl_->courses.say(slot, statement, time);
  impl_->matcher.say(slot, statement);
}

void Correlator::close(std::uint16_t tap, const conntrack::Closed& closed) {
  Event& event = impl_->queue.next();
  event.kind = Event::Kind::kClose;
  event.tap = tap;
  event.serial = closed.connection;
  event.time = closed.time;
  impl_->queue.pushed();
}

void Correlator::end(std::uint16_t tap) {
  impl_->queue.flush();
  impl_->taps[tap].ended = true;
}

void Correlator::advance(Timestamp now) {
  impl_->queue.flush();
  if (now.has_value()) impl_->settle_until(now.ns());
}

void Correlator::tell_open() {
  Impl& s = *impl_;
  s.queue.flush();
  const std::int64_t now = s.now;
  for (const std::uint32_t slot : s.connections.all()) s.settler.tell(slot, s.told);
  s.told = now;
}

void Correlator::finish() {
  Impl& s = *impl_;
  s.queue.flush();
  for (std::uint16_t tap = 0; tap < s.taps.size(); ++tap) s.taps[tap].ended = true;
  s.settle_until(std::numeric_limits<std::int64_t>::max());
  for (const std::uint32_t slot : s.connections.all()) s.settler.settle(slot);
}

const Stats& Correlator::stats() const {
  impl_->stats.waiting_dropped = impl_->matcher.dropped();
  impl_->stats.live_connections = impl_->connections.live();
  return impl_->stats;
}

}  // namespace natlens::correlate
