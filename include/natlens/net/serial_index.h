// From (tap, serial of a connection) to a number, where serials are dense and grow: a few
// loads. They may count from 1 and, besides, from 2^31.
//
// Pages of 256 serials each come from a pool; a page goes back when its last serial is erased,
// so memory follows what is alive.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "natlens/net/slab.h"

namespace natlens {

class SerialIndex {
 public:
  // kNoSlot if there is none.
  std::uint32_t find(std::uint16_t tap, std::uint32_t serial) const {
    const std::uint32_t* place = this->place(tap, serial);
    return place != nullptr ? *place : kNoSlot;
  }
  void prefetch(std::uint16_t tap, std::uint32_t serial) const {
    if (const std::uint32_t* at = place(tap, serial)) prefetch_line(at);
  }
  // REQUIRES: there is none yet; `number` is not kNoSlot.
  void insert(std::uint16_t tap, std::uint32_t serial, std::uint32_t number);
  // REQUIRES: there is one.
  void erase(std::uint16_t tap, std::uint32_t serial);
  // All numbers, in order of (tap, serial).
  std::vector<std::uint32_t> all() const;
  std::size_t bytes() const { return pages_.bytes(); }

 private:
  static constexpr std::uint32_t kPageSlots = 256;
  struct Page {
    std::array<std::uint32_t, kPageSlots> slots;
    std::uint32_t used = 0;
    std::uint32_t number = 0;  // its own, in pages_
  };
  struct RangePages {
    std::uint32_t first = 0;   // number of the first page held
    std::vector<Page*> pages;  // of pages_, which never move; null: nothing there
  };
  static void trim(RangePages& pages);

  // Each of a tap's two ranges has pages of its own.
  static std::uint32_t range_of(std::uint16_t tap, std::uint32_t serial) {
    return tap * 2U + (serial >> 31);
  }
  const std::uint32_t* place(std::uint16_t tap, std::uint32_t serial) const {
    const std::uint32_t range = range_of(tap, serial);
    if (range >= ranges_.size()) return nullptr;
    const RangePages& pages = ranges_[range];
    const std::uint32_t page = serial / kPageSlots - pages.first;
    if (page >= pages.pages.size() || pages.pages[page] == nullptr) return nullptr;
    return &pages.pages[page]->slots[serial % kPageSlots];
  }

  Slab<Page> pages_;
  std::vector<RangePages> ranges_;
};

}  // namespace natlens
