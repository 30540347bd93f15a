#include "natlens/net/serial_index.h"

#include <cassert>

namespace natlens {

void SerialIndex::insert(std::uint16_t tap, std::uint32_t serial, std::uint32_t number) {
  const std::uint32_t range = range_of(tap, serial);
  if (range >= ranges_.size()) ranges_.resize(range + 1U);
  RangePages& pages = ranges_[range];
  const std::uint32_t wanted = serial / kPageSlots;
  if (pages.pages.empty()) pages.first = wanted;
  while (wanted < pages.first) {
    pages.pages.push_front(kNoSlot);
    --pages.first;
  }
  while (wanted - pages.first >= pages.pages.size()) pages.pages.push_back(kNoSlot);
  std::uint32_t& page = pages.pages[wanted - pages.first];
  if (page == kNoSlot) {
    page = pages_.take();
    pages_[page].slots.fill(kNoSlot);
  }
  std::uint32_t& place = pages_[page].slots[serial % kPageSlots];
  assert(place == kNoSlot);
  place = number;
  ++pages_[page].used;
}

void SerialIndex::erase(std::uint16_t tap, std::uint32_t serial) {
  RangePages& pages = ranges_[range_of(tap, serial)];
  std::uint32_t& page = pages.pages[serial / kPageSlots - pages.first];
  assert(page != kNoSlot);
  pages_[page].slots[serial % kPageSlots] = kNoSlot;
  if (--pages_[page].used != 0) return;
  pages_.give(page);
  page = kNoSlot;
  while (!pages.pages.empty() && pages.pages.front() == kNoSlot) {
    pages.pages.pop_front();
    ++pages.first;
  }
}

std::vector<std::uint32_t> SerialIndex::all() const {
  std::vector<std::uint32_t> out;
  for (const RangePages& range : ranges_) {
    for (const std::uint32_t page : range.pages) {
      if (page == kNoSlot) continue;
      for (const std::uint32_t number : pages_[page].slots) {
        if (number != kNoSlot) out.push_back(number);
      }
    }
  }
  return out;
}

}  // namespace natlens
