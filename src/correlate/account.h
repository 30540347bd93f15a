// Packet accounting: what became of each packet between the two ends of a pair. See account.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "natlens/correlate/correlator.h"
#include "natlens/net/slab.h"
#include "natlens/stream/records.h"

#include "connections.h"
#include "fates.h"
#include "latency.h"
#include "pair.h"
#include "ranges.h"
#include "taps.h"
#include "waiting.h"

namespace natlens::correlate {

// What is not as usual in one direction of a pair. Arrays are by end.
struct Deviation {
  enum Kind : std::uint8_t { kOnly0, kOnly1, kAgain, kLate, kChanged, kKinds };

  std::array<std::uint32_t, 2> only{};
  std::array<std::uint32_t, 2> again{};
  std::array<std::uint32_t, 2> unknown{};
  std::array<std::uint32_t, 2> dont_fragment_only{};
  std::array<std::uint64_t, 2> only_bytes{};
  std::array<FateList, kKinds> fates;
  std::uint32_t why_unknown = 0;  // bits by NoVerdict
  std::uint32_t late = 0;
  std::uint32_t ttl_changes = 0;
  std::uint32_t tos_changes = 0;
  std::uint32_t id_changes = 0;
  std::uint32_t ranges = kNoSlot;
  std::array<std::uint8_t, 2> tos{};  // of the first packet whose TOS byte differs
  std::int8_t ttl_least = 0;          // end 1 minus end 0; if ttl_changes
  std::int8_t ttl_most = 0;
};

// Which way a direction's packets go, for the summary.
struct Way {
  unsigned direction = 0;  // of end 0
  unsigned inside = 0;     // end
  unsigned later = 1;      // end that sees these packets second
  bool later_known = false;
};

class Accounts final : public Leaving {
 public:
  Accounts(const Options& options,
           Taps& taps,
           ConnectionTable& connections,
           PairTable& pairs,
           Sink& sink);

  // Every sighting, before it is looked up.
  void seen(std::uint32_t slot, const stream::Sighting& sighting);
  // How a packet is like its partner.
  struct Likeness {
    bool several = false;  // others of that connection are like it: their order says nothing
    bool altered = false;  // somebody wrote other bytes into it
  };
  // The sighting and a waiting one are the same packet.
  void matched(std::uint32_t slot,
               const stream::Sighting& sighting,
               std::int64_t time,
               const Waiting& entry,
               Likeness likeness,
               std::uint32_t pair);
  // Leaving: nobody has claimed it, nor ever will.
  void left(const Waiting& entry, bool pushed_out) override;

  Latencies& latencies() { return latencies_; }

  // REQUIRES: all packets of one of the two connections have left the index.
  PacketAccount summary(const Pair& pair, const Way& way) const;
  // Hands the fates of a direction to the sink.
  void hand_out_fates(Pair& pair, const Way& way, std::uint64_t translation);
  // Frees what the pair holds here.
  void release(Pair& pair);

 private:
  struct Covered {
    // By end.
    std::array<SequenceRanges, 2> at;
    std::array<std::int64_t, 2> since{};  // frames from here on are judged by their bytes
  };
  Deviation& deviation(DirectionTally& tally);
  void count_ttl(const stream::Sighting& sighting,
                 const Waiting& entry,
                 unsigned mine,
                 DirectionTally& tally);
  void compare_headers(const RawFate& fate,
                       const stream::Sighting& sighting,
                       const Waiting& entry,
                       const Pair& pair,
                       DirectionTally& tally);
  void check_order(RawFate fate, const Waiting& entry, DirectionTally& tally);
  void start_ranges(std::uint32_t slot,
                    const stream::Sighting& sighting,
                    std::int64_t time,
                    const Waiting& entry,
                    Pair& pair,
                    unsigned direction);
  const SequenceRanges* ranges_for(const Waiting& entry,
                                   const DirectionTally& tally,
                                   unsigned end) const;
  void left_alone(const Waiting& entry, Pair& pair, unsigned end, bool pushed_out);
  void count_missing(const Waiting& entry, unsigned end, std::uint32_t bytes, Deviation& odd);
  bool unsure(const Waiting& entry, const Pair& pair) const;
  bool gone(const Waiting& entry, const Pair& pair, unsigned end, NoVerdict& why) const;
  void link(std::uint32_t slot, const stream::Sighting& sighting, const Waiting& entry) const;
  void summarize(const Pair& pair, const Way& way, PacketAccount& out) const;
  PacketFate name_frame(const Pair& pair, const Way& way, const RawFate& raw) const;
  ConnectionRef ref(std::uint32_t slot) const {
    return {connections_[slot].tap, connections_[slot].serial};
  }

  const Options& options_;
  Taps& taps_;
  ConnectionTable& connections_;
  PairTable& pairs_;
  Sink& sink_;
  Latencies latencies_;
  Slab<Deviation> deviations_;
  Slab<Covered> covered_;
  FateLog fates_;
  std::vector<RawFate> taken_;  // reused
};

}  // namespace natlens::correlate
