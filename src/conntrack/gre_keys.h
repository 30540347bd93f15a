// The call ids of PPTP calls: a GRE packet of version 1 carries only the receiver's id, the
// other half of its tuple is looked up here (gre_keymap_lookup of nf_conntrack_proto_gre.c).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "natlens/net/address.h"

namespace natlens::conntrack {

class GreKeys {
 public:
  bool empty() const { return calls_.empty(); }

  // `call`: a GRE tuple with both keys. A master has at most one call of each direction; false
  // if it has another one.
  bool add(std::uint32_t master, unsigned direction, const Tuple& call) {
    for (const Call& c : calls_) {
      if (c.master == master && c.direction == direction) {
        return c.tuple == call;
      }
    }
    calls_.push_back({call, master, direction});
    return true;
  }
  void remove_of(std::uint32_t master) {
    std::erase_if(calls_, [&](const Call& c) { return c.master == master; });
  }
  std::vector<Tuple> calls_of(std::uint32_t master) const {
    std::vector<Tuple> out;
    for (const Call& c : calls_) {
      if (c.master == master) {
        out.push_back(c.tuple);
      }
    }
    return out;
  }
  // The source key for a packet's tuple; 0: none known.
  std::uint16_t source_key(const Tuple& tuple) const {
    const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const Call& c) {
      return c.tuple.dst_port == tuple.dst_port && c.tuple.src == tuple.src &&
             c.tuple.dst == tuple.dst;
    });
    return found == calls_.end() ? std::uint16_t{0} : found->tuple.src_port;
  }

 private:
  struct Call {
    Tuple tuple;
    std::uint32_t master;
    unsigned direction;
  };
  std::vector<Call> calls_;  // few: one pair per PPTP control connection with a call
};

}  // namespace natlens::conntrack
