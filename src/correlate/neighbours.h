// Of all pairs of one piece of traffic, which join neighbours, and which span taps between?
//
// A packet passes its taps one after the other, so the connections that saw it form a path, and
// the pairs among them a dense graph over that path. Every pair that spans others closes a
// cycle with shorter ones, and every pair of neighbours is in no such cycle: the neighbours are
// the minimum spanning tree, by hops (TTL) and then by time there and back.
//
// Where hops are equal (a bridge), times of a few microseconds decide, and single connections
// are noisy. So each comparison of two pairs is added up with those of all other connections
// between the same taps, and the sum decides.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "connections.h"
#include "judge.h"
#include "pair.h"

namespace natlens::correlate {

class Neighbours {
 public:
  Neighbours(const Judge& judge, const ConnectionTable& connections, PairTable& pairs)
      : judge_(judge), connections_(connections), pairs_(pairs) {}

  // Marks the long pairs among all that are linked with this connection, open ones too: once
  // the connection is gone, its cycles cannot be seen any more.
  void mark_long(std::uint32_t slot);

 private:
  struct Edge {
    std::uint32_t pair = kNoSlot;
    int hops = 0;
    double length = 0;  // ns
    bool told = false;  // the length rests on packets of both directions
  };
  static constexpr int kRemade = 64;  // hops: more than there are
  static constexpr std::size_t kMostNodes = 24;
  static constexpr std::size_t kMostContests = 4096;

  void collect(std::uint32_t slot);
  double openings_apart(const Pair& pair) const;
  bool shorter(const Edge& edge, const Edge& than);
  bool spans(const Edge& edge);

  const Judge& judge_;
  const ConnectionTable& connections_;
  PairTable& pairs_;
  std::vector<std::uint32_t> nodes_;  // slots
  std::vector<Edge> edges_;
  // By the four taps of two pairs: the sum of (length of the first - length of the second).
  std::map<std::array<std::uint16_t, 4>, double> contests_;
};

}  // namespace natlens::correlate
