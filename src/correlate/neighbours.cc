#include "neighbours.h"

#include <algorithm>
#include <cstdlib>

#include "order.h"
#include "translate.h"

namespace natlens::correlate {

void Neighbours::collect(std::uint32_t slot) {
  nodes_.assign(1, slot);
  edges_.clear();
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    const std::uint32_t node = nodes_[n];
    pairs_.each(node, [&](std::uint32_t p, const Pair& pair) {
      const std::uint32_t other = pair.other(node);
      const auto known = std::find(nodes_.begin(), nodes_.end(), other);
      if (known != nodes_.end() && known - nodes_.begin() < static_cast<std::ptrdiff_t>(n))
        return;
      if (pair.lost || !judge_.acceptable(p)) return;
      if (known == nodes_.end()) {
        if (nodes_.size() == kMostNodes) return;
        nodes_.push_back(other);
      }
      const unsigned opener = opener_direction(pair, connections_);
      // What was opened anew was so in turn, whatever its packets then took; a TTL that
      // somebody wrote himself counts no hops, and where packets kept theirs the way is
      // shorter.
      const bool anew = pair.made_anew();
      const Hops hops = hops_of(pair, opener);
      edges_.push_back({p, anew || hops.resent ? kRemade : std::abs(hops.count),
                        anew ? openings_apart(pair) : apart(pair, opener),
                        distance_of(pair, opener).known});
    });
  }
}

double Neighbours::openings_apart(const Pair& pair) const {
  const std::int64_t gap =
      connections_[pair.connection[0]].opened - connections_[pair.connection[1]].opened;
  return static_cast<double>(std::abs(gap));
}

bool Neighbours::shorter(const Edge& edge, const Edge& than) {
  if (edge.hops != than.hops) return edge.hops < than.hops;
  const Pair& one = pairs_[edge.pair];
  const Pair& other = pairs_[than.pair];
  std::array<std::uint16_t, 4> key{one.tap0, one.tap1, other.tap0, other.tap1};
  double difference = edge.length - than.length;
  if (key[0] != key[2] || key[1] != key[3]) {
    const bool turn = std::pair(key[0], key[1]) > std::pair(key[2], key[3]);
    if (turn) key = {key[2], key[3], key[0], key[1]};
    auto contest = contests_.find(key);
    if (contest == contests_.end() && edge.told && than.told &&
        contests_.size() < kMostContests) {
      contest = contests_.emplace(key, 0).first;
    }
    if (contest != contests_.end()) {
      if (edge.told && than.told) contest->second += turn ? -difference : difference;
      difference = turn ? -contest->second : contest->second;
    }
  }
  return difference != 0 ? difference < 0 : edge.pair < than.pair;
}

// Is there a way between the edge's ends over shorter edges of the same time?
bool Neighbours::spans(const Edge& edge) {
  const Pair& pair = pairs_[edge.pair];
  std::vector<std::uint32_t> reached{pair.connection[0]};
  std::vector<std::uint32_t> usable;
  for (const Edge& e : edges_) {
    if (e.pair == edge.pair || !pairs_[e.pair].overlaps(pair) || !shorter(e, edge)) continue;
    usable.push_back(e.pair);
  }
  for (std::size_t n = 0; n < reached.size(); ++n) {
    for (const std::uint32_t p : usable) {
      const Pair& step = pairs_[p];
      if (step.connection[0] != reached[n] && step.connection[1] != reached[n]) continue;
      const std::uint32_t next = step.other(reached[n]);
      if (next == pair.connection[1]) return true;
      if (std::find(reached.begin(), reached.end(), next) == reached.end())
        reached.push_back(next);
    }
  }
  return false;
}

void Neighbours::mark_long(std::uint32_t slot) {
  if (connections_[slot].pair_count < 2 && connections_[slot].pairs != kNoSlot) {
    const Pair& only = pairs_[connections_[slot].pairs];
    if (connections_[only.other(slot)].pair_count < 2) return;
  }
  collect(slot);
  if (edges_.size() < 3) return;
  for (const Edge& edge : edges_) {
    if (spans(edge)) pairs_[edge.pair].is_long = true;
  }
}

}  // namespace natlens::correlate
