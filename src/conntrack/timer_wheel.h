// Timeouts of entries in O(1), exact to the nanosecond, in a fixed order.
//
// A hierarchical wheel: time is cut into ticks of 2^26 ns (67 ms), and five levels of 256 slots
// hold lists of entries, level by how far away their tick is. Refreshing an entry usually costs
// nothing here: a later expiry leaves the entry where it is filed, and when that slot comes
// round it is filed anew. Only an earlier expiry moves it. When the wheel enters a tick, the
// entries that really expire within it go to a small sorted list (expiry, then serial), from
// which they are handed out exactly when the clock passes them.
//
// Invariant: an entry is filed under a tick that is not after that of its expiry.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "table.h"

namespace natlens::conntrack {

class TimerWheel {
 public:
  explicit TimerWheel(Table& table) : table_(table) {
    for (auto& level : heads_) {
      level.fill(kNoRecord);
    }
  }

  // Files a new entry by its expiry. REQUIRES: it is not filed.
  void arm(RecordNumber record);
  // The entry's expiry has changed.
  void changed(RecordNumber record);
  // The entry ends otherwise.
  void disarm(RecordNumber record);

  // True if next_expired() may have something to do at `now`: one comparison in the usual case.
  bool due(Timestamp now) const { return now >= next_; }
  // The next entry whose expiry is not after `now`, in order of expiry and serial, unfiled;
  // kNoRecord if there is none. The wheel's clock stands at `now` then.
  RecordNumber next_expired(Timestamp now);

 private:
  static constexpr unsigned kTickBits = 26;
  static constexpr unsigned kLevelBits = 8;
  static constexpr unsigned kSlots = 1U << kLevelBits;
  static constexpr unsigned kLevels = 5;
  static constexpr RecordNumber kHead = 0x80000000U;   // timer_prev of a list's first: | place
  static constexpr RecordNumber kInDue = 0xfffffffeU;  // timer_prev of an entry in due_

  struct Due {
    Timestamp expiry;
    std::uint32_t serial;
    RecordNumber record;
  };

  static std::uint64_t tick_of(Timestamp time) {
    return (static_cast<std::uint64_t>(time.ns()) ^ (std::uint64_t{1} << 63)) >> kTickBits;
  }
  void file(RecordNumber record, std::uint64_t tick);
  void unlink(RecordNumber record);
  void add_due(RecordNumber record);
  bool step(std::uint64_t target);
  void empty_slot(unsigned level, unsigned slot);
  int next_slot(unsigned level, unsigned after) const;
  void set_next();

  Table& table_;
  std::uint64_t current_ = 0;  // tick
  Timestamp next_ = Timestamp::none();
  std::vector<Due> due_;  // last expires first
  std::array<std::array<RecordNumber, kSlots>, kLevels> heads_;
  std::array<std::array<std::uint64_t, kSlots / 64>, kLevels> occupied_{};
};

}  // namespace natlens::conntrack
