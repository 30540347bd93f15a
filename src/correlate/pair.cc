#include "pair.h"

#include <cassert>
#include <utility>

namespace natlens::correlate {

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
}

}  // namespace natlens::correlate
