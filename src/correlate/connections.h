// Connections that are alive, or whose decision is pending: a slab of records, found by tap and
// serial through pages of 256 serials each. Serials are dense and grow, so a look-up is two
// loads; a page goes back to the pool when its last connection is released.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/net/address.h"

#include "slab.h"

namespace natlens::correlate {

// What every packet touches comes first.
struct Connection {
  std::int64_t last = 0;      // its last sighting; reference clock, ns
  std::uint64_t counted = 0;  // filter of fingerprints already counted as frequent or not
  std::array<std::uint32_t, 2> packets{};  // by Direction
  std::uint32_t pairs = kNone;             // head of its list of pairs
  std::uint32_t serial = 0;
  std::uint16_t tap = 0;
  std::uint8_t pair_count = 0;
  std::uint8_t depth = 0;  // 0 = outermost IP layer
  bool beginning_seen : 1 = true;
  bool closed : 1 = false;
  bool paired : 1 = false;          // a pair of it was accepted
  bool ambiguous : 1 = false;       // a pair of it passed the threshold, but not the margin
  bool suspected : 1 = false;       // a pair of it had some evidence
  bool blind_original : 1 = false;  // a packet without fingerprint: counts cannot be compared
  bool blind_reply : 1 = false;
  Tuple original;
  std::int64_t opened = 0;  // reference clock, ns

  bool blind(unsigned direction) const { return direction == 0 ? blind_original : blind_reply; }
};

class ConnectionTable {
 public:
  // Slot of a connection, or kNone.
  std::uint32_t find(std::uint16_t tap, std::uint32_t serial) const {
    if (tap >= taps_.size()) return kNone;
    const TapPages& pages = taps_[tap];
    const std::uint32_t page = serial / kPageSlots - pages.first;
    if (page >= pages.pages.size() || pages.pages[page] == kNone) return kNone;
    return pages_[pages.pages[page]].slots[serial % kPageSlots];
  }
  // A new record for (tap, serial); if one exists already, it is returned as it is.
  std::uint32_t open(std::uint16_t tap, std::uint32_t serial);
  // REQUIRES: nothing refers to the slot any more.
  void release(std::uint32_t slot);

  void prefetch_page(std::uint16_t tap, std::uint32_t serial) const {
    if (tap >= taps_.size()) return;
    const TapPages& pages = taps_[tap];
    const std::uint32_t page = serial / kPageSlots - pages.first;
    if (page >= pages.pages.size() || pages.pages[page] == kNone) return;
    prefetch_line(&pages_[pages.pages[page]].slots[serial % kPageSlots]);
  }
  void prefetch(std::uint32_t slot) const {
    if (slot == kNone) return;
    prefetch_line(&slab_[slot]);
    prefetch_line(&slab_[slot].pair_count);
  }

  Connection& operator[](std::uint32_t slot) { return slab_[slot]; }
  const Connection& operator[](std::uint32_t slot) const { return slab_[slot]; }
  std::uint64_t live() const { return slab_.used(); }
  std::size_t bytes() const { return slab_.bytes() + pages_.bytes(); }
  // Slots in use, in order of (tap, serial).
  std::vector<std::uint32_t> all() const;

 private:
  static constexpr std::uint32_t kPageSlots = 256;
  struct Page {
    std::array<std::uint32_t, kPageSlots> slots;
    std::uint32_t used = 0;
  };
  struct TapPages {
    std::uint32_t first = 0;          // number of the first page held
    std::deque<std::uint32_t> pages;  // index into pages_, or kNone
  };

  Slab<Connection> slab_;
  Slab<Page> pages_;
  std::vector<TapPages> taps_;
};

}  // namespace natlens::correlate
