// Encrypted tunnels: (1) the packets that they show in clear make tunnels, lanes and sessions
// (tunnel_table.h); (2) the plain packets of every tap wait in a ring (tunnel_inner.h); (3)
// half a second behind, or a few hundred packets, each lane is aligned with each tap that may
// show its inner packets (tunnel_aligner.h, tunnel_align.h); (4) a connection that ended, and
// was found in a tunnel, is told of with all its carriers.
//
// Of a tap that shows inner packets behind a NAT (the server's far side) the tuples are not
// those inside the tunnel. So where a tunnel's own interface was captured, it alone tells of
// inner connections; where none was, connections from a carrier's own address are left out.
#include "natlens/correlate/tunnels.h"

#include <algorithm>

#include "natlens/net/bytes.h"

#include "tunnel_engine.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;
// A lane waits this long for packets that are late, and keeps the newest half of that open.
constexpr std::int64_t kWait = 500 * kMillisecond;
// ... and while no tap is known to show what is inside: the more there is, the clearer it is.
constexpr std::int64_t kFirstWait = 3 * kSecond;
constexpr std::int64_t kNew = 10 * kSecond;
constexpr int kRehearsals = 2;
constexpr std::size_t kManyOpen = 384;
constexpr std::int64_t kInnerKept = 12 * kSecond;
constexpr std::int64_t kOuterKept = 5 * kSecond;
// A closed connection waits for what its tunnel's far end still shows.
constexpr std::int64_t kSettle = 12 * kSecond;
constexpr std::int64_t kIdle = 60 * kSecond;

// Captures may hold any number: far enough from the ends that differences do not overflow.
std::int64_t bounded(Timestamp time) {
  constexpr std::int64_t kFar = 4'000'000'000'000'000'000;
  return std::clamp(time.ns(), -kFar, kFar);
}

}  // namespace

void TunnelTracker::Impl::reach(std::int64_t time) {
  now = std::max(now, time);
  while (!due.empty() && due.front().time <= now) {
    const std::uint32_t tunnel = due.front().tunnel;
    due.pop_front();
    if (Tunnel* found = table.find(tunnel)) {
      found->due = false;
      process(tunnel, false);
    }
  }
  while (!ended.empty() && (ended.front().due <= now || ended.size() > kMostEnded)) {
    settle(ended.front());
    ended.pop_front();
  }
  if (now - swept > kIdle) sweep();
}

void TunnelTracker::Impl::schedule(std::uint32_t tunnel, std::int64_t time) {
  Tunnel& found = *table.find(tunnel);
  if (found.due) return;
  found.due = true;
  due.push_back({time, tunnel});
}

void TunnelTracker::Impl::process(std::uint32_t number, bool all) {
  for (const unsigned lane : {0U, 1U}) gather(number, lane);
  rehearse(number);
  for (const unsigned lane : {0U, 1U}) align_lane(number, lane, all);
  Tunnel& tunnel = *table.find(number);
  if (tunnel.lanes[0].open() + tunnel.lanes[1].open() != 0) schedule(number, now + kWait);
}

std::int64_t TunnelTracker::Impl::wait_of(std::uint32_t number) {
  if (now - table.find(number)->first > kNew) return kWait;
  const bool accepted =
      number < aligners.size() && std::any_of(aligners[number].begin(), aligners[number].end(),
                                              [](const auto& a) { return a->accepted(); });
  return accepted ? kWait : kFirstWait;
}

// The open packets of a lane in the order in which their sender numbered them.
void TunnelTracker::Impl::gather(std::uint32_t number, unsigned lane) {
  TunnelLane& packets = table.find(number)->lanes[lane];
  auto& of = rows[lane];
  of.clear();
  for (std::size_t i = packets.first_open(); i < packets.packets().size(); ++i) {
    if (!packets.packets()[i].done) of.push_back(&packets.packets()[i]);
  }
  std::sort(of.begin(), of.end(), [&](const OuterPacket* a, const OuterPacket* b) {
    if (a->in_stream != b->in_stream) return b->in_stream;
    if (a->in_stream) return a->place < b->place;
    if (a->session != b->session)
      return table.session(a->session).born < table.session(b->session).born;
    if (a->numbered) return a->counter < b->counter;
    return a->earliest < b->earliest;
  });
}

// Hypotheses about taps of which nothing is decided learn from what there is.
void TunnelTracker::Impl::rehearse(std::uint32_t number) {
  for (std::uint16_t tap = 0; tap < taps.size(); ++tap) {
    if (taps[tap].ring.begin() == taps[tap].ring.end()) continue;
    propose(number, tap);
    Aligners& of = aligners[number];
    for (std::size_t i = 0; i < of.size(); ++i) {
      if (of[i]->tap() != tap || of[i]->accepted() || !awake(*of[i])) continue;
      for (int turn = 0; turn < kRehearsals; ++turn) {
        of[i]->rehearse(context(number, i), {rows[0], rows[1]});
      }
    }
  }
}

void TunnelTracker::Impl::align_lane(std::uint32_t number, unsigned lane, bool all) {
  TunnelLane& packets = table.find(number)->lanes[lane];
  const auto& of = rows[lane];
  std::size_t final_rows = of.size();
  if (!all) {
    const std::int64_t ready = now - wait_of(number) / 2;
    final_rows = of.size() >= kManyOpen ? of.size() / 2 : 0;
    while (final_rows < of.size() && of[final_rows]->earliest <= ready) ++final_rows;
  }
  if (final_rows != 0) {
    for (std::uint16_t tap = 0; tap < taps.size(); ++tap) {
      align_tap(number, tap, lane, final_rows);
    }
  }
  for (OuterPacket* packet : std::span(of).first(final_rows)) {
    ++stats.outer_packets;
    if (packet->link_count != 0) ++stats.linked;
    TunnelSession& session = table.session(packet->session);
    session.last_counter = std::max(session.last_counter, packet->counter);
    session.aligned = true;
    packets.set_done(*packet);
  }
  packets.trim(now - kOuterKept);
}

// The hypotheses about a tap: each form of lengths, at either end.
void TunnelTracker::Impl::propose(std::uint32_t number, std::uint16_t tap) {
  if (aligners.size() <= number) aligners.resize(number + 1);
  Aligners& of = aligners[number];
  if (std::any_of(of.begin(), of.end(), [&](const auto& a) { return a->tap() == tap; })) return;
  for (const SizeRule& rule : size_rules(table.find(number)->kind)) {
    for (const unsigned out_lane : {0U, 1U}) {
      of.push_back(std::make_unique<TunnelAligner>(tap, out_lane, rule));
    }
  }
}

void TunnelTracker::Impl::align_tap(std::uint32_t number,
                                    std::uint16_t tap,
                                    unsigned lane,
                                    std::size_t final_rows) {
  if (taps[tap].ring.begin() == taps[tap].ring.end()) return;
  Aligners& of = aligners[number];
  for (std::size_t i = 0; i < of.size(); ++i) {
    if (of[i]->tap() != tap || !awake(*of[i])) continue;
    of[i]->align(context(number, i), lane, rows[lane], final_rows);
  }
  elect(of, tap);
}

TunnelAligner::Context TunnelTracker::Impl::context(std::uint32_t number, std::size_t i) {
  Tap& tap = taps[aligners[number][i]->tap()];
  return {tap.ring,  table,
          number,    static_cast<std::uint32_t>(i),
          tap.slack, now,
          ends_of,   this,
          alignment, options.keep_links};
}

TunnelTracker::TunnelTracker(const TunnelOptions& options, TunnelSink& sink)
    : impl_(std::make_unique<Impl>(options, sink)) {}
TunnelTracker::~TunnelTracker() = default;

void TunnelTracker::add_tap(const ClockEstimate& clock) {
  impl_->taps.resize(std::size_t{clock.tap} + 1);
  impl_->taps[clock.tap].slack =
      std::clamp<std::int64_t>(clock.error_ns, kMillisecond / 2, 50 * kMillisecond);
}

void TunnelTracker::set_device(std::uint16_t tap) {
  impl_->taps[tap].device = true;
}

void TunnelTracker::open(std::uint16_t tap, const stream::Opened& opened) {
  Impl& s = *impl_;
  if (opened.depth != 0) return;
  s.early.push_back({{tap, opened.entry.connection},
                     content_hash(opened.entry.original.src.bytes()),
                     content_hash(opened.entry.original.dst.bytes())});
  if (!s.table.empty()) {
    s.note_opened();
  } else if (s.early.size() > Impl::kMostEarly) {
    s.early.pop_front();
  }
}

void TunnelTracker::sight(std::uint16_t tap, const stream::Sighting& sighting, Timestamp time) {
  if (sighting.ip_bytes == 0 || sighting.continued) return;
  Impl& s = *impl_;
  const std::int64_t at = bounded(time);
  s.reach(at);
  s.taps[tap].ring.add(
      {at, sighting.connection, sighting.frame, sighting.ip_bytes, sighting.direction},
      s.now - kInnerKept, s.table.empty() ? InnerRing::kMostInWait : InnerRing::kMost);
}

void TunnelTracker::packet(std::uint16_t tap,
                           const stream::TunnelPacket& packet,
                           Timestamp time) {
  Impl& s = *impl_;
  const std::int64_t at = bounded(time);
  s.reach(at);
  if (packet.role == stream::TunnelRole::kPiece) {
    s.taps[tap].ring.add({at, packet.connection, packet.frame, packet.bytes, packet.direction},
                         s.now - kInnerKept, InnerRing::kMost);
    return;
  }
  const TunnelTable::Added added = s.table.add(tap, packet, at);
  if (added.tunnel == TunnelTable::kNone) return;
  if (!s.early.empty()) s.note_opened();
  s.ends(tap, packet.connection).carrier = true;
  if (added.packet == nullptr || !added.packet->carries) return;
  if (added.packet->done) {
    const std::uint64_t key = s.table.session(added.packet->session).key;
    for (std::size_t i = 0; i < added.packet->link_count; ++i) {
      const OuterLink& link = added.packet->links[i];
      s.aligners[added.tunnel][link.aligner]->seen_again(
          link, *added.packet, added.packet->seen[added.packet->seen_count - 1U], key,
          s.options.keep_links);
    }
    return;
  }
  if (s.table.find(added.tunnel)->lanes[added.lane].open() >= kManyOpen) {
    s.process(added.tunnel, false);
  } else {
    s.schedule(added.tunnel, at + s.wait_of(added.tunnel));
  }
}

void TunnelTracker::close(std::uint16_t tap, const conntrack::Closed& closed) {
  Impl& s = *impl_;
  if (s.table.empty()) return;
  s.table.close({tap, closed.connection});
  s.ended.push_back({s.now + kSettle,
                     tap,
                     closed.connection,
                     {closed.counters[0].packets, closed.counters[1].packets}});
}

void TunnelTracker::finish() {
  Impl& s = *impl_;
  for (std::uint32_t number = 0; number < s.table.size(); ++number) {
    if (s.table.find(number) != nullptr) s.process(number, true);
  }
  for (const Impl::Ended& ended : s.ended) s.settle(ended);
  s.ended.clear();
  s.stats.left_out = s.table.left_out();
}

const TunnelStats& TunnelTracker::stats() const {
  return impl_->stats;
}

}  // namespace natlens::correlate
