// The end of a connection: its pairs are judged, put in order along the way, counted, and
// handed out. See settle.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/correlate/correlator.h"

#include "account.h"
#include "connections.h"
#include "courses.h"
#include "matcher.h"
#include "neighbours.h"
#include "pair.h"
#include "provisional.h"
#include "taps.h"

namespace natlens::correlate {

class Settler {
 public:
  Settler(const Options& options,
          Taps& taps,
          ConnectionTable& connections,
          PairTable& pairs,
          Accounts& accounts,
          const Matcher& matcher,
          Courses& courses,
          Sink& sink)
      : options_(options),
        taps_(taps),
        connections_(connections),
        pairs_(pairs),
        accounts_(accounts),
        matcher_(matcher),
        courses_(courses),
        sink_(sink),
        neighbours_(matcher.judge(), connections, pairs) {}

  // REQUIRES: no sighting of the connection waits any more. Frees it and all its pairs.
  void settle(std::uint32_t slot);
  // Of a connection that goes on: its translations as they stand, if they have a packet at
  // `since` or later (reference clock). See settle_open.cc.
  void tell(std::uint32_t slot, std::int64_t since);

 private:
  struct Judged {
    std::uint32_t pair = kNoSlot;
    float margin = 0;
    bool enough = false;
    bool accepted = false;
    bool handed_out = false;
  };
  Provisional::Ends ends_of(const Pair& pair) const;
  std::uint64_t serial_of(std::uint32_t pair);
  void take_back(std::uint32_t pair, bool handed_out);
  void judge(std::uint32_t slot);
  void defeat_rivals(std::uint32_t pair);
  bool superfluous(std::uint32_t stray) const;
  bool defeated(std::uint32_t pair) const;
  void hand_out();
  void hand_out_changes(const Pair& pair, unsigned inside, std::uint64_t translation);
  void hand_out_candidates(std::uint32_t slot);
  void explain_unpaired(const Connection& connection);
  bool other_taps_captured(const Connection& connection) const;

  const Options& options_;
  Taps& taps_;
  ConnectionTable& connections_;
  PairTable& pairs_;
  Accounts& accounts_;
  const Matcher& matcher_;
  Courses& courses_;
  Sink& sink_;
  Neighbours neighbours_;
  std::uint64_t serial_ = 0;
  Provisional provisional_;
  std::vector<std::uint32_t> open_;  // pairs to tell of
  std::vector<Judged> judged_;  // of the connection at hand, by start, then other connection
};

}  // namespace natlens::correlate
