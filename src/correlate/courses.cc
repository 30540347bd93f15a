// Connections without bytes through a proxy.
//
// A user-space NAT or a proxy ends a TCP connection and opens one of its own. Where bytes pass,
// they tell (stream blocks, matcher.cc). Where none passed, because the far end refused, never
// answered, or either side closed at once, there remain: the end that both connections have in
// common, that the second began while the first was waiting, and that both went the same way.
//
// So each TCP connection whose beginning was seen has its course written down, and is found by
// either of its ends and the second in which it began. When one settles without a partner, the
// connections of other taps that it may have become get a pair (proposed by time and outcome),
// and so do, for the rivals' sake, those that these may have come from. A pair by course is
// judged with a lower threshold and margin than one by content (judge.cc), and never certain.
//
// A proxy opens its own connection after the client's. Some answer the client only once the
// far end answered (user-space NATs), others at once (relays that want a request first). Where
// the client's was refused or closed, it had its reasons before, not after.
#include "courses.h"

#include <algorithm>

#include "natlens/decode/records.h"
#include "natlens/net/bytes.h"

#include "kinds.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kSlot = kReaction;  // ns, of the index
// What was still on its way when the other side ended.
constexpr std::int64_t kSlack = 5'000'000;  // ns
constexpr std::size_t kFirstHeads = 1024;
constexpr std::uint8_t kMostPairs = 8;  // of a connection
// The taps are known to have a proxy between them, or to pass TCP on as it is.
constexpr int kRelayPrior = 4;
constexpr int kRouterPrior = -8;
constexpr int kUnknownPrior = -5;
constexpr float kAgreed = 2;
constexpr float kFrontendBits = 4;
constexpr int kGivenUp = -2;  // bits: its client's connection went on with another

// The proxy may try again, or elsewhere, until it is let in; or both address families at once
// (RFC 8305), and close what answered second without a byte.
bool is_attempt(Tie tie, const Course& client, const Course& proxy) {
  if (tie == Tie::kNone) return false;
  if (proxy.answered == 0) return true;
  const bool went_on = client.bytes[0] != 0 && client.bytes[1] != 0;
  return went_on && proxy.ended != 0 && proxy.bytes[0] + proxy.bytes[1] == 0;
}

float said_bits(Tie tie) {
  return tie == Tie::kExact ? kExactBits : tie == Tie::kTarget ? 14.0F : 0.0F;
}

}  // namespace

void Courses::Likely::add(const Found& found) {
  const auto score = [](const Found& f) {
    return f.timing + f.volume + static_cast<float>(f.outcome) + said_bits(f.tie);
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (list[i].slot == found.slot) return;
  }
  std::size_t at = count;
  while (at != 0 && score(list[at - 1]) < score(found)) --at;
  if (at == kMostFound) return;
  count = std::min(count + 1, kMostFound);
  for (std::size_t i = count - 1; i > at; --i) list[i] = list[i - 1];
  list[at] = found;
}

const Courses::Found* Courses::Likely::find(std::uint32_t slot) const {
  const auto* const end = list.begin() + count;
  const auto* const found =
      std::find_if(list.begin(), end, [&](const Found& f) { return f.slot == slot; });
  return found == end ? nullptr : found;
}

Endpoint Courses::endpoint(std::uint32_t slot, unsigned end) const {
  const Tuple& tuple = connections_[slot].original;
  return end == 0 ? Endpoint{tuple.dst, tuple.dst_port} : Endpoint{tuple.src, tuple.src_port};
}

std::uint64_t Courses::key_of(std::uint32_t slot, unsigned chain) const {
  return chain == kByTap ? connections_[slot].tap : key_of(endpoint(slot, chain));
}

// The chain of connections that have this in common and began in this second.
std::uint32_t& Courses::head(unsigned chain, std::uint64_t key, std::int64_t second) {
  const std::uint64_t hash = mix(key, static_cast<std::uint64_t>(second));
  return heads_[chain][(hash ^ hash >> 32) & (heads_[chain].size() - 1)];
}

void Courses::link(std::uint32_t number, unsigned chain) {
  Course& course = courses_[number];
  std::uint32_t& first =
      head(chain, key_of(course.slot, chain), connections_[course.slot].opened / kSlot);
  course.next[chain] = first;
  course.before[chain] = kNoSlot;
  if (first != kNoSlot) courses_[first].before[chain] = number;
  first = number;
}

void Courses::unlink(std::uint32_t number, unsigned chain) {
  const Course& course = courses_[number];
  const std::uint32_t next = course.next[chain];
  const std::uint32_t before = course.before[chain];
  if (next != kNoSlot) courses_[next].before[chain] = before;
  if (before != kNoSlot) {
    courses_[before].next[chain] = next;
  } else {
    head(chain, key_of(course.slot, chain), connections_[course.slot].opened / kSlot) = next;
  }
}

// Chains stay short: as many buckets as courses.
void Courses::make_room() {
  if (courses_.used() < heads_[0].size()) return;
  for (unsigned chain = 0; chain < kChains; ++chain) {
    std::vector<std::uint32_t> old(std::max(kFirstHeads, heads_[chain].size() * 2), kNoSlot);
    old.swap(heads_[chain]);
    for (std::uint32_t course : old) {
      while (course != kNoSlot) {
        const std::uint32_t next = courses_[course].next[chain];
        link(course, chain);
        course = next;
      }
    }
  }
}

void Courses::open(std::uint32_t slot) {
  Connection& connection = connections_[slot];
  if (connection.original.protocol != protocol::kTcp || !connection.beginning_seen) return;
  if (taps_.size() < 2 || connection.course != kNoSlot) return;
  make_room();
  connection.course = courses_.take();
  courses_[connection.course].slot = slot;
  for (unsigned chain = 0; chain < kChains; ++chain) link(connection.course, chain);
}

void Courses::forget(std::uint32_t slot) {
  const std::uint32_t number = connections_[slot].course;
  if (number == kNoSlot) return;
  for (unsigned chain = 0; chain < kChains; ++chain) unlink(number, chain);
  if (courses_[number].volume != kNoSlot) volumes_.give(courses_[number].volume);
  requests_.forget(connections_[slot].tap, connections_[slot].serial);
  courses_.give(number);
  connections_[slot].course = kNoSlot;
}

void Courses::sight(std::uint32_t slot, const stream::Sighting& sighting, std::int64_t time) {
  using stream::SightingKind;
  const std::uint32_t number = connections_[slot].course;
  if (number == kNoSlot || sighting.kind == SightingKind::kIcmpError) return;
  if (sighting.kind != SightingKind::kTcpAck && recognised(slot)) return forget(slot);
  Course& course = courses_[number];
  const auto direction = static_cast<std::size_t>(sighting.direction);
  constexpr std::uint16_t kEnds = decode::tcp_flag::kFin | decode::tcp_flag::kRst;
  if (sighting.kind == SightingKind::kTcpHandshake) {
    course.first_byte[direction] = sighting.seq + 1;
    if (direction == 1 && course.answered == 0 && course.ended == 0) course.answered = time;
  } else if (sighting.kind == SightingKind::kTcpData) {
    const std::uint32_t upto =
        sighting.seq + sighting.payload_bytes - course.first_byte[direction];
    if (upto < UINT32_MAX / 2 && upto > course.bytes[direction]) {
      course.bytes[direction] = upto;
      note_bytes(course, direction, time);
    }
  }
  if ((sighting.tcp_flags & kEnds) != 0 && course.ended == 0) course.ended = time;
}

// The far end's answer is the proxy's word from the request on.
void Courses::say(std::uint32_t slot, const stream::Statement& statement, std::int64_t time) {
  using stream::StatementKind;
  const Connection& connection = connections_[slot];
  if (statement.kind != StatementKind::kResolved && connection.course == kNoSlot) return;
  if (!requests_.say(connection.tap, statement, time)) return;
  Course& course = courses_[connection.course];
  if (statement.kind == StatementKind::kConnect) {
    course.answered = course.ended = 0;
  } else if (statement.kind == StatementKind::kRefused) {
    course.ended = time;
  } else if (statement.kind != StatementKind::kClient) {
    course.answered = time;
  }
}

void Courses::relay_starts(std::uint32_t slot, const stream::Sighting& sighting) {
  if (connections_[slot].course == kNoSlot) return;
  Course& course = courses_[connections_[slot].course];
  const auto direction = static_cast<std::size_t>(sighting.direction);
  course.first_byte[direction] = sighting.seq;
  course.bytes[direction] = 0;
  if (course.volume != kNoSlot) volumes_[course.volume][direction].clear();
}

// Every other tap has its packets: nobody opened it anew.
bool Courses::recognised(std::uint32_t slot) {
  const Connection& connection = connections_[slot];
  std::size_t found = 0;
  pairs_.each(slot, [&](std::uint32_t, const Pair& pair) {
    if (!pair.provisional) return;
    TapPair& taps = taps_.pair(pair.tap0, pair.tap1);
    if (pair.passed()) {
      ++found;
      taps.passes = true;
    } else if (pair.field(EvidenceField::kTcpStream) > 0) {
      taps.relays = true;
      learn_frontend(pair);
    }
  });
  return found + 1 >= taps_.size() && connection.course != kNoSlot;
}

// Where both ends differ: who asks a proxy under an address of its own.
void Courses::learn_frontend(const Pair& pair) {
  const SharedEnds shared = shared_ends(connections_[pair.connection[0]].original,
                                        connections_[pair.connection[1]].original);
  if (pair.reversed || shared.src || shared.dst || pair.field(EvidenceField::kSaid) > 0) return;
  frontends_.learn(endpoint(pair.connection[0], 0), endpoint(pair.connection[1], 0));
}

bool Courses::has_partner(std::uint32_t slot, std::uint16_t tap) const {
  bool out = false;
  pairs_.each(slot, [&](std::uint32_t, const Pair& pair) {
    if (pair.provisional && pair.tap(1 - pair.end_of(slot)) == tap) out = true;
  });
  return out;
}

// Can the two be one connection that a proxy opened anew, and what speaks for it?
bool Courses::weigh(std::uint32_t one, std::uint32_t other, Found& out) const {
  const bool earlier = connections_[one].opened <= connections_[other].opened;
  const Connection& client = connections_[earlier ? one : other];
  const Connection& proxy = connections_[earlier ? other : one];
  if (!taps_.related(client.tap, proxy.tap)) return false;
  out.tie = requests_.tie(client, proxy);
  const SharedEnds shared = shared_ends(client.original, proxy.original);
  out.frontend =
      out.tie == Tie::kNone && !shared.src && !shared.dst &&
      frontends_.lead(endpoint(earlier ? one : other, 0), endpoint(earlier ? other : one, 0));
  if (out.tie == Tie::kNone &&
      (client.tap == proxy.tap || !(shared.src || shared.dst || out.frontend)))
    return false;
  const Request* asked = requests_.of(client);
  const bool waits = asked != nullptr && asked->target.port != 0;
  const std::int64_t error = taps_.error_ns(client.tap, proxy.tap);
  const std::int64_t gap = proxy.opened - (waits ? asked->time : client.opened);
  if (out.tie != Tie::kExact && (gap > kReaction || gap < -error)) return false;
  const Course& before = courses_[client.course];
  const Course& after = courses_[proxy.course];
  const bool attempt = is_attempt(out.tie, before, after);
  const auto busy = [&](const Connection& own, const Connection& its) {
    return has_partner(connections_.find(own.tap, own.serial), its.tap);
  };
  if (busy(proxy, client) || (!attempt && busy(client, proxy))) return false;
  if (out.tie != Tie::kExact && before.ended != 0 &&
      proxy.opened > before.ended + kSlack + error)
    return false;
  out.slot = other;
  out.timing = closeness(gap, error);
  out.outcome = outcome_bits(before, after, error);
  if (gap <= error) out.outcome = std::max(out.outcome, outcome_bits(after, before, error));
  if (out.tie == Tie::kExact) out.outcome = std::max(out.outcome, 0);
  if (attempt && out.outcome == kNever) out.outcome = kGivenUp;
  // A frontend answers its client first, and sends it away when it is refused.
  if (out.frontend && after.answered == 0 && out.outcome > kNever)
    out.outcome = before.ended != 0 ? std::max(out.outcome, 0) : kNever;
  return out.outcome > kNever;
}

void Courses::join(std::uint32_t one, const Found& found) {
  if (const std::uint32_t known = pairs_.find(one, found.slot); known != kNoSlot) {
    if (pairs_[known].by_volume && found.by_volume) join_volume(found, pairs_[known]);
    return;
  }
  if (found.by_volume && found.volume <= 0) return;
  if (connections_[one].pair_count >= kMostPairs) return;
  if (connections_[found.slot].pair_count >= kMostPairs) return;
  Pair& pair = pairs_[pairs_.create(one, found.slot)];
  const Connection& first = connections_[pair.connection[0]];
  const Connection& second = connections_[pair.connection[1]];
  const TapPair& taps = taps_.pair(pair.tap0, pair.tap1);
  weigher_.weigh_ends(first, second, pair);
  const int known = taps.passes == taps.relays ? kUnknownPrior
                    : taps.relays              ? kRelayPrior
                                               : kRouterPrior;
  const int ends = found.tie != Tie::kNone || found.frontend ? 0 : pair.prior;
  if (found.frontend) pair.field(EvidenceField::kFarEndpoint) = kFrontendBits;
  pair.prior =
      static_cast<std::int8_t>(ends + known + found.outcome - static_cast<int>(kAgreed));
  pair.field(EvidenceField::kTcpOutcome) = kAgreed;
  pair.field(EvidenceField::kTiming) = found.timing;
  pair.field(EvidenceField::kSaid) = said_bits(found.tie);
  if (found.by_volume) join_volume(found, pair);
  const bool straight = first.opened <= second.opened;
  const Course& client = courses_[(straight ? first : second).course];
  const Course& proxy = courses_[(straight ? second : first).course];
  pair.value = static_cast<std::uint32_t>(client.outcome()) << 8 |
               static_cast<std::uint32_t>(proxy.outcome());
  // Attempts are made one after the other, or at once; else each has the other for itself.
  const bool attempt = is_attempt(found.tie, client, proxy);
  pair.attempt = !attempt ? 0U : straight ? 2U : 1U;
  const Connection& opened_anew = connections_[proxy.slot];
  pair.start = attempt ? opened_anew.opened : std::min(first.opened, second.opened);
  pair.end = attempt ? opened_anew.last : std::max(first.last, second.last);
  latencies_.add(pair.tally[0], second.opened - first.opened);
  pair.tally[0].packets = 1;
  for (DirectionTally& tally : pair.tally) tally.recut = true;  // packets of the proxy's own
  pair.sum();
}

// Pairs whose bytes agree and that are tied by what was said.
void Courses::tie(std::uint32_t slot) {
  pairs_.each(slot, [&](std::uint32_t p, const Pair& found) {
    if (found.passed() || found.field(EvidenceField::kSaid) > 0) return;
    const Connection& one = connections_[found.connection[0]];
    const Connection& other = connections_[found.connection[1]];
    const Tie tied = std::max(requests_.tie(one, other), requests_.tie(other, one));
    if (tied == Tie::kNone) return;
    Pair& pair = pairs_[p];
    pair.field(EvidenceField::kSaid) = said_bits(tied);
    pair.prior = std::max<std::int8_t>(pair.prior, 0);  // the other end is not just any other
    pair.sum();
  });
}

// The pairs of a connection, of those that it may have become, and of those that these may have
// come from.
void Courses::propose(std::uint32_t slot) {
  if (connections_[slot].course == kNoSlot) return;
  tie(slot);
  const Likely mine = likely(slot, true);
  for (std::size_t i = 0; i < mine.count; ++i) {
    const Likely theirs = likely(mine.list[i].slot);
    const Found found = agreed(mine.list[i], slot, theirs);
    count_fit(slot, found);
    join(slot, found);
    for (std::size_t j = 0; j < theirs.count; ++j) {
      const Likely rivals = likely(theirs.list[j].slot);
      join(mine.list[i].slot, agreed(theirs.list[j], mine.list[i].slot, rivals));
      for (std::size_t k = 0; k < rivals.count; ++k) join(theirs.list[j].slot, rivals.list[k]);
    }
  }
}

}  // namespace natlens::correlate
