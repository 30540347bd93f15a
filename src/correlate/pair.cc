#include "pair.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace natlens::correlate {

void Pair::extend(const std::array<std::int64_t, 2>& times) {
  const auto micros = [](std::int64_t ns) {
    return static_cast<std::uint16_t>(std::min<std::int64_t>(ns / 1000, UINT16_MAX));
  };
  const std::int64_t early = std::min(times[0], times[1]);
  const std::int64_t late = std::max(times[0], times[1]);
  const bool fresh = end < start;
  // As a rule it is the latest packet of both ends: only the end of the stretch moves.
  if (fresh || early < start + gap(0)) {
    std::array<std::int64_t, 2> first = times;
    for (unsigned e = 0; e < 2 && !fresh; ++e) first[e] = std::min(first[e], first_at(e));
    end1_first = first[1] < first[0];
    start = std::min(first[0], first[1]);
    gap_us[0] = micros(std::max(first[0], first[1]) - start);
  }
  if (fresh || early >= end) {
    end1_last = times[1] > times[0];
    end = late;
    gap_us[1] = micros(late - early);
    return;
  }
  std::array<std::int64_t, 2> last{};
  for (unsigned e = 0; e < 2; ++e) last[e] = std::max(times[e], last_at(e));
  end1_last = last[1] > last[0];
  end = std::max(last[0], last[1]);
  gap_us[1] = micros(end - std::min(last[0], last[1]));
}

// An answer may arrive behind a packet of the next stretch, by the time that it was on its way.
std::int64_t Pair::ends_at(std::uint32_t slot) const {
  const std::int64_t first = first_at(end_of(slot));
  const std::int64_t last = last_at(end_of(slot));
  std::int64_t way = 0;
  for (const DirectionTally& t : tally) {
    if (t.packets != 0) way = std::max({way, t.most_ns, -t.least_ns});
  }
  return last - std::min(way, std::max<std::int64_t>(0, last - first) / 16);
}

bool Pair::contests(const Pair& rival, std::uint32_t slot) const {
  if (tried_for(slot) || rival.tried_for(slot)) return false;
  const std::int64_t mine = first_at(end_of(slot));
  const std::int64_t theirs = rival.first_at(rival.end_of(slot));
  return mine <= theirs ? theirs <= ends_at(slot) : mine <= rival.ends_at(slot);
}

std::uint32_t PairTable::find(std::uint32_t one, std::uint32_t other) const {
  for (std::uint32_t p = connections_[one].pairs; p != kNoSlot;) {
    const Pair& pair = slab_[p];
    const unsigned end = pair.end_of(one);
    if (pair.connection[1 - end] == other && !pair.over && !pair.lost) return p;
    p = pair.next[end];
  }
  return kNoSlot;
}

std::uint32_t PairTable::create(std::uint32_t one, std::uint32_t other) {
  assert(one != other);
  const auto place = [&](std::uint32_t slot) {
    return std::pair(connections_[slot].tap, connections_[slot].serial);
  };
  if (place(other) < place(one)) std::swap(one, other);
  const std::uint32_t number = slab_.take();
  Pair& pair = slab_[number];
  pair.connection = {one, other};
  pair.tap0 = connections_[one].tap;
  pair.tap1 = connections_[other].tap;
  pair.stray = connections_[one].stray || connections_[other].stray;
  for (unsigned end = 0; end < 2; ++end) {
    Connection& connection = connections_[pair.connection[end]];
    pair.next[end] = connection.pairs;
    connection.pairs = number;
    ++connection.pair_count;
  }
  return number;
}

void PairTable::unlink(std::uint32_t number, unsigned end) {
  const std::uint32_t slot = slab_[number].connection[end];
  Connection& connection = connections_[slot];
  std::uint32_t* link = &connection.pairs;
  while (*link != number) {
    assert(*link != kNoSlot);
    Pair& before = slab_[*link];
    link = &before.next[before.end_of(slot)];
  }
  *link = slab_[number].next[end];
  --connection.pair_count;
}

void PairTable::drop(std::uint32_t pair) {
  unlink(pair, 0);
  unlink(pair, 1);
  slab_.give(pair);
  ++drops_;
}

}  // namespace natlens::correlate
