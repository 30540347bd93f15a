// Flows of which a tap shows only packets that open no entry: an answer whose question the
// capture missed (a lone RST, a lone SYN+ACK, an ICMP error about an unknown packet).
//
// Tracking refuses such a packet, and so would Linux; but it proves that traffic crossed, and
// the other tap may have the whole connection. So the packets of one tuple become a flow with a
// serial of its own, which correlation may pair with that connection and with nothing else.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/conntrack/tracker.h"
#include "natlens/stream/records.h"

namespace natlens::pipeline {

// Belongs to a tap, whose packets it gets in order. A flow ends a fixed time after it began, as
// its packets are few; beyond `kMostFlows` at once none is begun. Only refused packets cost.
class StrayFlows {
 public:
  static constexpr std::size_t kMostFlows = 4096;

  // True if the refused packet belongs to such a flow: `verdict` then names it, with `opened`
  // set where the packet began it (and `entry` filled).
  bool claim(const conntrack::Packet& packet,
             conntrack::Verdict& verdict,
             conntrack::Opened& entry);
  // Appends the flows whose time is over by `now`.
  void expire(Timestamp now, std::vector<conntrack::Closed>& out);
  // Appends all.
  void finish(Timestamp now, std::vector<conntrack::Closed>& out);

 private:
  struct Key {
    Tuple tuple;
    std::uint32_t zone = 0;
    bool operator==(const Key&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), hash(key.tuple, key.zone));
    }
  };
  struct Flow {
    Key key;
    Timestamp begun;
    conntrack::Closed end;
  };

  // The flow of the tuple, and in which direction the tuple is its own; nullptr if none.
  Flow* find(const Tuple& tuple, std::uint32_t zone, conntrack::Direction& direction);
  void close_front(Timestamp now, std::vector<conntrack::Closed>& out);

  absl::flat_hash_map<Key, std::uint64_t> index_;  // number of the flow
  std::deque<Flow> flows_;                         // in order of beginning
  std::uint64_t first_ = 0;                        // number of the front
  std::uint32_t next_serial_ = stream::kFirstStray;
};

}  // namespace natlens::pipeline
