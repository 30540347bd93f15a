#include "natlens/net/serial_index.h"

#include <algorithm>
#include <cassert>

namespace natlens {

void SerialIndex::insert(std::uint16_t tap, std::uint32_t serial, std::uint32_t number) {
  const std::uint32_t range = range_of(tap, serial);
  if (range >= ranges_.size()) ranges_.resize(range + 1U);
  RangePages& pages = ranges_[range];
  const std::uint32_t wanted = serial / kPageSlots;
  if (pages.pages.empty()) pages.first = wanted;
  if (wanted < pages.first) {
    pages.pages.insert(pages.pages.begin(), pages.first - wanted, nullptr);
    pages.first = wanted;
  }
  if (wanted - pages.first >= pages.pages.size()) pages.pages.resize(wanted - pages.first + 1U);
  Page*& page = pages.pages[wanted - pages.first];
  if (page == nullptr) {
    const std::uint32_t taken = pages_.take();
    page = &pages_[taken];
    page->number = taken;
    page->slots.fill(kNoSlot);
  }
  std::uint32_t& place = page->slots[serial % kPageSlots];
  assert(place == kNoSlot);
  place = number;
  ++page->used;
}

void SerialIndex::erase(std::uint16_t tap, std::uint32_t serial) {
  RangePages& pages = ranges_[range_of(tap, serial)];
  Page*& page = pages.pages[serial / kPageSlots - pages.first];
  assert(page != nullptr);
  page->slots[serial % kPageSlots] = kNoSlot;
  if (--page->used != 0) return;
  pages_.give(page->number);
  page = nullptr;
  trim(pages);
}

// Empty pages at the front go once they are as many as the others, so that each moves a bounded
// number of times.
void SerialIndex::trim(RangePages& pages) {
  const auto begin = pages.pages.begin();
  const auto kept = std::find_if(begin, pages.pages.end(), [](const Page* p) { return p; });
  const auto empty = static_cast<std::size_t>(kept - begin);
  if (empty < pages.pages.size() - empty) return;
  pages.pages.erase(begin, kept);
  pages.first += static_cast<std::uint32_t>(empty);
}

std::vector<std::uint32_t> SerialIndex::all() const {
  std::vector<std::uint32_t> out;
  for (const RangePages& range : ranges_) {
    for (const Page* page : range.pages) {
      if (page == nullptr) continue;
      for (const std::uint32_t number : page->slots) {
        if (number != kNoSlot) out.push_back(number);
      }
    }
  }
  return out;
}

}  // namespace natlens
