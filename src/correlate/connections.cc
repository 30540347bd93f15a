#include "connections.h"

#include <cassert>

namespace natlens::correlate {

std::uint32_t ConnectionTable::open(std::uint16_t tap, std::uint32_t serial) {
  if (const std::uint32_t known = find(tap, serial); known != kNone) return known;
  if (tap >= taps_.size()) taps_.resize(tap + 1U);
  TapPages& pages = taps_[tap];
  const std::uint32_t number = serial / kPageSlots;
  if (pages.pages.empty()) pages.first = number;
  while (number < pages.first) {
    pages.pages.push_front(kNone);
    --pages.first;
  }
  while (number - pages.first >= pages.pages.size()) pages.pages.push_back(kNone);
  std::uint32_t& page = pages.pages[number - pages.first];
  if (page == kNone) {
    page = pages_.take();
    pages_[page].slots.fill(kNone);
  }
  const std::uint32_t slot = slab_.take();
  pages_[page].slots[serial % kPageSlots] = slot;
  ++pages_[page].used;
  slab_[slot].tap = tap;
  slab_[slot].serial = serial;
  return slot;
}

void ConnectionTable::release(std::uint32_t slot) {
  const Connection& connection = slab_[slot];
  TapPages& pages = taps_[connection.tap];
  std::uint32_t& page = pages.pages[connection.serial / kPageSlots - pages.first];
  assert(page != kNone);
  pages_[page].slots[connection.serial % kPageSlots] = kNone;
  if (--pages_[page].used == 0) {
    pages_.give(page);
    page = kNone;
    while (!pages.pages.empty() && pages.pages.front() == kNone) {
      pages.pages.pop_front();
      ++pages.first;
    }
  }
  slab_.give(slot);
}

std::vector<std::uint32_t> ConnectionTable::all() const {
  std::vector<std::uint32_t> out;
  for (const TapPages& tap : taps_) {
    for (const std::uint32_t page : tap.pages) {
      if (page == kNone) continue;
      for (const std::uint32_t slot : pages_[page].slots) {
        if (slot != kNone) out.push_back(slot);
      }
    }
  }
  return out;
}

}  // namespace natlens::correlate
