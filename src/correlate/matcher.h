// A sighting arrives: which waiting ones agree with it, and what does that say of their pairs?
// See matcher.cc.
#pragma once

#include <cstdint>

#include "natlens/correlate/correlator.h"
#include "natlens/stream/records.h"

#include "account.h"
#include "connections.h"
#include "evidence.h"
#include "judge.h"
#include "pair.h"
#include "promises.h"
#include "taps.h"
#include "waiting.h"

namespace natlens::correlate {

class Matcher {
 public:
  Matcher(const Options& options,
          Taps& taps,
          ConnectionTable& connections,
          PairTable& pairs,
          Accounts& accounts,
          Stats& stats);

  // REQUIRES: `slot` is the sighting's connection. `time` is in the reference clock, `now` the
  // latest moment so far.
  void sight(std::uint32_t slot,
             const stream::Sighting& shown,
             std::int64_t time,
             std::int64_t now);
  // Before sight(), one after the other, each when the one before had time: the index's bucket,
  // its newest entry, that entry's connection.
  void prefetch(std::uint16_t tap, const stream::Sighting& sighting) const;
  void prefetch_entry(const stream::Sighting& sighting) const {
    waiting_.prefetch_entry(sighting.fingerprint);
  }
  void prefetch_partner(const stream::Sighting& sighting) const {
    connections_.prefetch(waiting_.newest(sighting.fingerprint));
  }
  void count_connection(const Connection& connection) { weigher_.count_connection(connection); }
  // Something was said in the connection: of its pairs, and of those to come.
  void say(std::uint32_t slot, const stream::Statement& statement);
  // What a pair's best vote is worth now that more was counted; lowers its bits if less.
  void reweigh(Pair& pair) const;
  const Judge& judge() const { return judge_; }
  const Weigher& weigher() const { return weigher_; }
  // Lets packets go whose window has passed; accounting is told of those that stayed alone.
  void expire(std::int64_t now) { waiting_.expire(now); }
  std::uint64_t dropped() const { return waiting_.dropped(); }
  std::size_t bytes() const { return waiting_.bytes(); }

 private:
  // The sighting at hand.
  struct Current {
    const stream::Sighting* sighting = nullptr;
    std::uint64_t key = 0;       // looked up in the index
    std::uint64_t evidence = 0;  // whose frequency counts, and which votes once per pair
    std::int64_t time = 0;
    std::int64_t now = 0;
    std::uint64_t drops = 0;  // of pairs, when the candidates' were looked up
    std::uint32_t slot = kNoSlot;
    std::uint16_t tap = 0;
    std::uint16_t digest = 0;
    std::uint16_t claimed = 0;
    bool seen_before = false;  // by this connection, within the window
    bool again = false;        // ... the very same IP packet, just now
  };
  struct Candidate {
    Waiting* entry;
    std::uint32_t pair;
    std::uint16_t tap;
    bool reversed;
    bool done;
    bool several;  // packets of that connection are like it
    bool altered;  // the same packet with other bytes
  };
  static constexpr std::size_t kMaxCandidates = 16;
  struct Candidates {
    std::array<Candidate, kMaxCandidates> list;  // the first `count` are set
    std::size_t count = 0;
  };

  std::uint64_t key_of(const stream::Sighting& sighting);
  static std::uint64_t evidence_key(const stream::Sighting& sighting, std::uint64_t key);
  void collect(Current& current, Candidates& out);
  static void note_own(Current& current, const Waiting& entry);
  static void prefer(const Current& current, const Waiting& older, Candidate& listed);
  bool fits(const Current& current, const Waiting& entry, Candidate& out) const;
  bool may_run(const Connection& one, const Connection& other, bool reversed) const;
  void at_tap(Current& current, Candidates& candidates, std::size_t from);
  Candidate* vote_all(Current& current, Candidates& candidates, std::size_t from);
  // Writes the agreement down; false if there is no room for a new pair.
  bool agree(const Current& current, Candidate& candidate);
  std::uint32_t pair_for(const Current& current, const Candidate& candidate);
  bool make_room(std::uint32_t slot, float ends);
  void compare_ids(const Current& current, const Waiting& entry, const Pair& pair);
  void vote(const Current& current, const Candidate& candidate, Pair& pair);
  void refresh(std::uint32_t pair);
  float promised_bits(const Pair& pair, const Connection& one, const Connection& other) const;
  void end_earlier_stretches(std::uint32_t pair);
  bool is_altered(const Current& current, const Waiting& entry) const;
  void learn_beginning(const Current& current, const Waiting& entry, Pair& pair);
  void learn_change(const Current& current, const Waiting& entry, Pair& pair);
  void use_numbers(Pair& pair, std::int64_t now);
  void turn_numbers(std::uint32_t slot);
  void claim_whole(const Current& current, const Waiting& shape);
  bool recognised(std::uint32_t slot) const;
  bool everywhere(std::uint16_t claimed, std::uint16_t own) const;
  void wait(const Current& current);

  const Options& options_;
  Taps& taps_;
  ConnectionTable& connections_;
  PairTable& pairs_;
  Accounts& accounts_;
  Stats& stats_;
  Weigher weigher_;
  Promises promises_;
  Judge judge_;
  WaitingIndex waiting_;
  stream::Sighting renumbered_;  // the one at hand, in its partner's numbers
  bool cuts_ =
      false;  // some tap cuts payloads: datagrams are compared by length and first bytes
};

}  // namespace natlens::correlate
