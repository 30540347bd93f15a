// Connections that are alive, or whose decision is pending: a slab of records, found by tap and
// serial.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/conntrack/records.h"
#include "natlens/net/address.h"
#include "natlens/net/serial_index.h"
#include "natlens/net/slab.h"

#include "numbers.h"

namespace natlens::correlate {

// What every packet touches is its first cache line.
struct alignas(64) Connection {
  std::int64_t last = 0;      // its last sighting; reference clock, ns
  std::uint64_t counted = 0;  // filter of fingerprints already counted as frequent or not
  std::array<std::uint32_t, 2> packets{};  // by Direction
  std::array<std::uint32_t, 2> high{};     // by Direction: behind the last byte of TCP data
  std::uint32_t pairs = kNoSlot;           // head of its list of pairs
  std::uint32_t serial = 0;
  std::uint32_t course = kNoSlot;  // how it went, where a proxy may have opened it anew
  std::uint16_t tap = 0;
  std::uint8_t pair_count = 0;
  std::uint8_t depth = 0;       // 0 = outermost IP layer
  std::uint16_t paired_at = 0;  // tap_bit() of the other taps of accepted pairs
  bool isn_original : 1 = false;
  bool isn_reply : 1 = false;
  bool stray : 1 = false;  // packets that opened no entry at their tap
  bool beginning_seen : 1 = true;
  bool closed : 1 = false;
  bool paired : 1 = false;          // a pair of it was accepted
  bool ambiguous : 1 = false;       // a pair of it passed the threshold, but not the margin
  bool suspected : 1 = false;       // a pair of it had some evidence
  bool blind_original : 1 = false;  // a packet without fingerprint: counts cannot be compared
  bool blind_reply : 1 = false;
  bool ranged : 1 = false;       // a pair of it counts by sequence ranges
  bool renumbered : 1 = false;   // numbers() says how
  bool has_numbers : 1 = false;  // ... or will, once it is complete
  // By Direction: packets that left the index before a pair was known.
  std::array<std::uint16_t, 2> alone{};
  std::uint32_t first_frame = 0;       // ordinal of the frame that opened it
  std::array<std::uint32_t, 2> isn{};  // by Direction: of its SYN, if there was one
  Tuple original;
  std::int64_t opened = 0;  // reference clock, ns

  bool has_isn(unsigned direction) const { return direction == 0 ? isn_original : isn_reply; }
  void set_isn(unsigned direction) {
    if (direction == 0) {
      isn_original = true;
    } else {
      isn_reply = true;
    }
  }
  void set_blind(unsigned direction) {
    if (direction == 0) {
      blind_original = true;
    } else {
      blind_reply = true;
    }
  }
  // One of its pairs had enough evidence but not the margin, or some evidence at least.
  void doubt(bool enough) {
    if (enough) {
      ambiguous = true;
    } else {
      suspected = true;
    }
  }
  bool blind(unsigned direction) const { return direction == 0 ? blind_original : blind_reply; }
};

class ConnectionTable {
 public:
  // Slot of a connection, or kNoSlot.
  std::uint32_t find(std::uint16_t tap, std::uint32_t serial) const {
    return index_.find(tap, serial);
  }
  // The same, where `slot` is what was found some time ago: no look-up if it still holds.
  std::uint32_t find(std::uint16_t tap, std::uint32_t serial, std::uint32_t slot) const {
    if (slot == kNoSlot) return find(tap, serial);
    const Connection& held = slab_[slot];
    return held.serial == serial && held.tap == tap ? slot : find(tap, serial);
  }
  // How the connection's TCP numbers become those of a partner, where a box shifts them; a new
  // one if there is none. Valid until the next call for another slot.
  NumberMap& numbers(std::uint32_t slot) {
    slab_[slot].has_numbers = true;
    return numbers_[slot];
  }
  const NumberMap& known_numbers(std::uint32_t slot) const { return numbers_.at(slot); }

  // A new record for (tap, serial); if one exists already, it is returned as it is.
  std::uint32_t open(std::uint16_t tap, std::uint32_t serial);
  // REQUIRES: nothing refers to the slot any more.
  void release(std::uint32_t slot);

  void prefetch_page(std::uint16_t tap, std::uint32_t serial) const {
    index_.prefetch(tap, serial);
  }
  void prefetch(std::uint32_t slot) const {
    if (slot == kNoSlot) return;
    prefetch_line(&slab_[slot]);
  }

  Connection& operator[](std::uint32_t slot) { return slab_[slot]; }
  const Connection& operator[](std::uint32_t slot) const { return slab_[slot]; }
  std::uint64_t live() const { return slab_.used(); }
  std::size_t bytes() const { return slab_.bytes() + index_.bytes(); }
  // Slots in use, in order of (tap, serial).
  std::vector<std::uint32_t> all() const { return index_.all(); }

 private:
  Slab<Connection> slab_;
  absl::flat_hash_map<std::uint32_t, NumberMap> numbers_;  // by slot; few
  SerialIndex index_;
};

}  // namespace natlens::correlate
