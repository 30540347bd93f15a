// Matching: a sighting looks up the waiting ones with its fingerprint, newest first.
//
// At each tap it agrees with, a connection that is its partner already (a provisional pair)
// takes the packet, and no other may: a packet is in at most one pair per two taps. Without a
// partner there, every connection that could be one gets the vote, and the rivals' evidence
// decides later. Of several equal packets of one connection the most recent one counts, which
// is the right one for retransmissions whether or not the earlier copies got through.
#include "matcher.h"

#include <algorithm>

#include "natlens/net/bytes.h"

#include "kinds.h"
#include "sightings.h"

namespace natlens::correlate {
namespace {

constexpr std::size_t kMaxRivals = 4;              // votes per sighting and tap
constexpr std::int64_t kForwarding = 100'000'000;  // ns that a router holds a packet, at most
// The same IP packet so soon after itself is a copy of it, and no repetition by its sender.
constexpr std::int64_t kCopy = 20'000'000;              // ns
constexpr std::int64_t kCopyWithoutId = 1'000'000;      // ns; identification 0 says nothing
constexpr std::int64_t kLongestIdle = 180'000'000'000;  // a UDP stream's timeout, ns

// Two streams may carry the same bytes though nobody copies one to the other, but not when one
// began after the other had ended; `kStreamSlack` is for clocks and for what was still on its
// way.
constexpr std::int64_t kStreamSlack = 50'000'000;  // ns
bool overlap(const Connection& one, const Connection& other) {
  return one.opened <= other.last + kStreamSlack && other.opened <= one.last + kStreamSlack;
}

// One asks who asks the other: a third one, not back.
bool passes_on(const Tuple& one, const Tuple& other) {
  return (one.dst == other.src) != (other.dst == one.src);
}

bool counts_frequency(stream::SightingKind kind) {
  return kind != stream::SightingKind::kTcpData && kind != stream::SightingKind::kTcpAck;
}
std::uint16_t short_digest(std::uint64_t digest) {
  if (digest == 0) return 0;
  const auto low = static_cast<std::uint16_t>(digest >> 7);
  return low != 0 ? low : std::uint16_t{1};
}

}  // namespace

Matcher::Matcher(const Options& options,
                 Taps& taps,
                 ConnectionTable& connections,
                 PairTable& pairs,
                 Accounts& accounts,
                 Stats& stats)
    : options_(options),
      taps_(taps),
      connections_(connections),
      pairs_(pairs),
      accounts_(accounts),
      stats_(stats),
      weigher_(taps),
      judge_(options, taps, pairs),
      waiting_(options.pair_window.count(), kForwarding, options.memory_bytes / 2, accounts) {}

std::uint64_t Matcher::key_of(const stream::Sighting& sighting) {
  if (!is_datagram(sighting.kind)) return sighting.fingerprint;
  if (sighting.cut) cuts_ = true;
  if (!cuts_) return sighting.fingerprint;
  // A proxy takes the header off, the datagram is the same.
  const auto kind = sighting.kind == stream::SightingKind::kRelayed
                        ? stream::SightingKind::kDatagram
                        : sighting.kind;
  return sighting.ack == 0 ? 0 : mix(sighting.ack, static_cast<std::uint64_t>(kind));
}

void Matcher::prefetch(std::uint16_t tap, const stream::Sighting& sighting) const {
  waiting_.prefetch_bucket(sighting.fingerprint);
  if (counts_frequency(sighting.kind)) weigher_.prefetch(tap, sighting.fingerprint);
}

// Echo sequences count up from 1 everywhere, so equal data under equal sequences is one
// agreement, however long two pings go on side by side: the data alone is the evidence.
std::uint64_t Matcher::evidence_key(const stream::Sighting& sighting, std::uint64_t key) {
  if (sighting.kind == stream::SightingKind::kDnsQuestion) return sighting.payload_digest;
  if (sighting.kind != stream::SightingKind::kIcmpEcho) return key;
  return mix(sighting.payload_digest, sighting.payload_bytes);
}

void Matcher::sight(std::uint32_t slot,
                    const stream::Sighting& shown,
                    std::int64_t time,
                    std::int64_t now) {
  Connection& connection = connections_[slot];
  if (connection.renumbered) renumbered_ = connections_.known_numbers(slot).applied(shown);
  const stream::Sighting& sighting = connection.renumbered ? renumbered_ : shown;
  const auto direction = static_cast<unsigned>(sighting.direction);
  connection.last = std::max(connection.last, time);
  if (beside(sighting.kind) && recognised(slot)) return;
  if (!sighting.continued) ++connection.packets[direction];
  if (sighting.kind == stream::SightingKind::kTcpHandshake) {
    connection.isn[direction] = shown.seq;
    connection.set_isn(direction);
  }
  accounts_.seen(slot, sighting);
  Current current;
  current.key = key_of(sighting);
  if (current.key == 0) {
    connection.set_blind(direction);
    return;
  }
  current.evidence = evidence_key(sighting, current.key);
  current.sighting = &sighting;
  current.time = time;
  current.now = now;
  current.drops = pairs_.drops();
  current.slot = slot;
  current.tap = connection.tap;
  current.digest = short_digest(sighting.payload_digest);
  Candidates candidates;
  collect(current, candidates);
  if (counts_frequency(sighting.kind) && !current.seen_before &&
      (connection.counted & filter_bit(current.evidence)) == 0) {
    connection.counted |= filter_bit(current.evidence);
    weigher_.count_fingerprint(current.tap, current.evidence);
  }
  for (std::size_t i = 0; i < candidates.count; ++i) {
    if (!candidates.list[i].done) at_tap(current, candidates, i);
  }
  if (candidates.count != 0) ++stats_.matched;
  wait(current);
}

void Matcher::collect(Current& current, Candidates& out) {
  waiting_.each(current.key, current.now, [&](Waiting& entry) {
    if (entry.connection == current.slot) {
      note_own(current, entry);
      return true;
    }
    Candidate candidate{};
    if (!fits(current, entry, candidate)) return true;
    for (std::size_t i = 0; i < out.count; ++i) {
      if (out.list[i].entry->connection != entry.connection) continue;
      prefer(current, entry, out.list[i]);
      return true;
    }
    out.list[out.count++] = candidate;
    return out.count < kMaxCandidates;
  });
}

// The connection showed such a packet before: another one like it, or this very packet.
void Matcher::note_own(Current& current, const Waiting& entry) {
  current.seen_before = true;
  const stream::Sighting& sighting = *current.sighting;
  const std::int64_t since = current.time - entry.time;
  if (entry.ip_id != short_id(sighting.ip_id) || entry.ttl != sighting.ttl) return;
  if (since <= (entry.ip_id == 0 ? kCopyWithoutId : kCopy)) current.again = true;
}

// Of several packets that are alike the one with the same IP identification is it, and of the
// copies of one packet the first.
void Matcher::prefer(const Current& current, const Waiting& older, Candidate& listed) {
  listed.several = true;
  const std::uint16_t id = short_id(current.sighting->ip_id);
  const Waiting& newer = *listed.entry;
  const bool copy = (newer.flags & Waiting::kAgain) != 0 && newer.ip_id == older.ip_id;
  if (copy || (newer.ip_id != id && older.ip_id == id)) {
    listed.entry = const_cast<Waiting*>(&older);
  }
}

bool Matcher::fits(const Current& current, const Waiting& entry, Candidate& out) const {
  const stream::Sighting& sighting = *current.sighting;
  const Connection& mine = connections_[current.slot];
  const Connection& other = connections_[entry.connection];
  if ((entry.claimed & tap_bit(current.tap)) != 0) return false;
  if (entry.digest != 0 && current.digest != 0 && entry.digest != current.digest) {
    if (!is_altered(current, entry)) return false;
    out.altered = true;
  }
  const bool same_tap = mine.tap == other.tap;
  if (other.stray && (mine.stray || same_tap)) return false;
  if (mine.stray && same_tap) return false;
  const bool shape = sighting.kind == stream::SightingKind::kTcpShape;
  const bool block = sighting.kind == stream::SightingKind::kTcpBlock;
  if (shape && same_tap) return false;
  if ((block || shape) && !overlap(mine, other)) return false;
  const bool question = sighting.kind == stream::SightingKind::kDnsQuestion;
  if ((question || block) && same_tap && !passes_on(mine.original, other.original))
    return false;
  // One link shows a packet twice only if a router forwarded it: its TTL is lower.
  if (same_tap && !question && !block &&
      (sighting.ttl >= entry.ttl || current.time - entry.time > kForwarding)) {
    return false;
  }
  if (is_datagram(sighting.kind) && entry.ip_id != 0 && sighting.ip_id != 0 &&
      entry.ip_id != short_id(sighting.ip_id) &&
      (same_tap || taps_.pair(mine.tap, other.tap).keeps_ids())) {
    return false;
  }
  out.entry = const_cast<Waiting*>(&entry);
  out.tap = other.tap;
  out.reversed = entry.direction() != static_cast<unsigned>(sighting.direction);
  out.pair = pairs_.find(current.slot, entry.connection);
  if (out.pair != kNoSlot) return pairs_[out.pair].reversed == out.reversed;
  return (question ? may_pass_question(mine.original, other.original)
                   : may_be_same(mine.original, other.original)) &&
         may_run(mine, other, out.reversed);
}

// Can the two run in the same sense, or in opposite ones (`reversed`), where one tap took an
// answer for the beginning? Ends that they share tell; else it takes a tap that began to
// capture, or tracking that picked the connection up, in the middle.
bool Matcher::may_run(const Connection& one, const Connection& other, bool reversed) const {
  const auto share = [](const SharedEnds& ends) { return ends.src || ends.dst; };
  const bool straight = share(shared_ends(one.original, other.original));
  if (straight || one.tap == other.tap) return !reversed;
  if (share(shared_ends(one.original, turned(other.original)))) return reversed;
  if (!reversed || !one.beginning_seen || !other.beginning_seen) return true;
  const auto late = [&](const Connection& x, const Connection& y) {
    const std::int64_t began = taps_[x.tap].first;
    return x.opened - began < kLongestIdle && y.opened < began;
  };
  return late(one, other) || late(other, one);
}

// All candidates at the tap of candidate `from`.
void Matcher::at_tap(Current& current, Candidates& candidates, std::size_t from) {
  const std::uint16_t tap = candidates.list[from].tap;
  Candidate* partner = nullptr;
  for (std::size_t i = from; i < candidates.count; ++i) {
    Candidate& c = candidates.list[i];
    if (c.tap != tap) continue;
    c.done = true;
    if (c.pair == kNoSlot || !pairs_[c.pair].provisional) continue;
    if (partner == nullptr || pairs_[c.pair].total > pairs_[partner->pair].total) partner = &c;
  }
  if (partner == nullptr) {
    partner = vote_all(current, candidates, from);
    if (partner == nullptr) return;
    end_earlier_stretches(partner->pair);
  } else if (!agree(current, *partner)) {
    return;
  }
  Waiting& entry = *partner->entry;
  entry.claimed |= tap_bit(current.tap);
  if (current.sighting->kind == stream::SightingKind::kTcpShape) claim_whole(current, entry);
  const bool ranged = connections_[entry.connection].ranged;
  if (!ranged && everywhere(entry.claimed, tap)) entry.flags |= Waiting::kTaken;
  current.claimed |= tap_bit(tap);
}

// The taps of `claimed` and the packet's own are all there are. Never so where taps share bits.
bool Matcher::everywhere(std::uint16_t claimed, std::uint16_t own) const {
  if (taps_.size() > 16) return false;
  return (claimed | tap_bit(own)) == (1U << taps_.size()) - 1;
}

// Nobody is the partner yet: every candidate gets the vote. Returns the one that became it.
Matcher::Candidate* Matcher::vote_all(Current& current,
                                      Candidates& candidates,
                                      std::size_t from) {
  const std::uint16_t tap = candidates.list[from].tap;
  std::size_t votes = 0;
  for (std::size_t i = from; i < candidates.count && votes < kMaxRivals; ++i) {
    Candidate& c = candidates.list[i];
    if (c.tap == tap && agree(current, c)) ++votes;
  }
  // Rivals may have pushed each other out, so pairs are looked up again.
  for (std::size_t i = from; i < candidates.count; ++i) {
    Candidate& c = candidates.list[i];
    if (c.tap != tap) continue;
    c.pair = pairs_.find(current.slot, c.entry->connection);
    if (c.pair != kNoSlot && pairs_[c.pair].provisional) return &c;
  }
  return nullptr;
}

// Every other tap has a partner of this connection whose packets are the same.
bool Matcher::recognised(std::uint32_t slot) const {
  std::uint16_t taps = 0;
  pairs_.each(slot, [&](std::uint32_t, const Pair& pair) {
    if (pair.provisional && (pair.untouched() || pair.renumbered))
      taps |= tap_bit(pair.tap(1 - pair.end_of(slot)));
  });
  return taps != 0 && everywhere(taps, connections_[slot].tap);
}

void Matcher::wait(const Current& current) {
  const stream::Sighting& sighting = *current.sighting;
  Waiting entry;
  entry.time = current.time;
  entry.digest = current.digest;
  entry.connection = current.slot;
  entry.ip_id = short_id(sighting.ip_id);
  entry.claimed = current.claimed;
  entry.payload_bytes =
      static_cast<std::uint16_t>(std::min<std::uint32_t>(sighting.payload_bytes, UINT16_MAX));
  entry.ttl = sighting.ttl;
  entry.flags = static_cast<std::uint8_t>(sighting.direction);
  entry.frame = sighting.frame;
  entry.seq = sighting.seq - sighting.offset;
  entry.tos = sighting.tos;
  entry.kind = static_cast<std::uint8_t>(sighting.kind);
  if (sighting.continued) entry.flags |= Waiting::kContinued;
  if (sighting.dont_fragment) entry.flags |= Waiting::kDontFragment;
  if (current.again) entry.flags |= Waiting::kAgain;
  const bool ranged = connections_[current.slot].ranged;
  if (!ranged && everywhere(current.claimed, current.tap)) entry.flags |= Waiting::kTaken;
  waiting_.add(current.key, entry, current.now);
}

}  // namespace natlens::correlate
