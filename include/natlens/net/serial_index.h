// From (tap, serial of a connection) to a number, where serials are dense and grow: two loads.
//
// Pages of 256 serials each come from a pool; a page goes back when its last serial is erased,
// so memory follows what is alive.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
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
  };
  struct TapPages {
    std::uint32_t first = 0;          // number of the first page held
    std::deque<std::uint32_t> pages;  // in pages_, or kNoSlot
  };

  const std::uint32_t* place(std::uint16_t tap, std::uint32_t serial) const {
    if (tap >= taps_.size()) return nullptr;
    const TapPages& pages = taps_[tap];
    const std::uint32_t page = serial / kPageSlots - pages.first;
    if (page >= pages.pages.size() || pages.pages[page] == kNoSlot) return nullptr;
    return &pages_[pages.pages[page]].slots[serial % kPageSlots];
  }

  Slab<Page> pages_;
  std::vector<TapPages> taps_;
};

}  // namespace natlens
