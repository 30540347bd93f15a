#include "timer_wheel.h"

#include <algorithm>
#include <bit>

namespace natlens::conntrack {
namespace {

// The last entry of a sorted due list expires first.
template <typename Due>
bool later(const Due& a, const Due& b) {
  return a.expiry != b.expiry ? a.expiry > b.expiry : a.serial > b.serial;
}

}  // namespace

void TimerWheel::arm(RecordNumber record) {
  const std::uint64_t tick = tick_of(table_[record].expiry);
  if (tick <= current_) {
    add_due(record);
  } else {
    file(record, tick);
  }
}

void TimerWheel::changed(RecordNumber record) {
  const Entry& entry = table_[record];
  const std::uint64_t tick = tick_of(entry.expiry);
  if (entry.timer_prev == kNoRecord) {
    return;  // not filed yet: arm() will see the new expiry
  }
  if (entry.timer_prev == kInDue) {
    if (tick <= current_) {
      add_due(record);  // the older place in due_ is recognised by its other expiry
    }
    return;
  }
  // Filed ticks lie within 2^31 of the clock, see file().
  if (static_cast<std::int32_t>(static_cast<std::uint32_t>(tick) - entry.timer_tick) < 0 ||
      tick <= current_) {
    unlink(record);
    arm(record);
  }
}

void TimerWheel::disarm(RecordNumber record) {
  Entry& entry = table_[record];
  if (entry.timer_prev != kInDue && entry.timer_prev != kNoRecord) {
    unlink(record);
  }
  entry.timer_prev = kNoRecord;  // a place in due_ is skipped when its turn comes
}

void TimerWheel::file(RecordNumber record, std::uint64_t tick) {
  // Far expiries (years) are filed nearer and filed anew then, so that 32 bits tell the order.
  tick = std::min(tick, current_ + (std::uint64_t{1} << 30));
  const auto highest = static_cast<unsigned>(63 - std::countl_zero(tick ^ current_));
  const unsigned level = highest / kLevelBits;
  const auto slot = static_cast<unsigned>(tick >> (level * kLevelBits)) & (kSlots - 1);
  Entry& entry = table_[record];
  RecordNumber& head = heads_[level][slot];
  entry.timer_tick = static_cast<std::uint32_t>(tick);
  entry.timer_next = head;
  entry.timer_prev = kHead | (level * kSlots + slot);
  if (head != kNoRecord) {
    table_[head].timer_prev = record;
  }
  head = record;
  occupied_[level][slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::unlink(RecordNumber record) {
  Entry& entry = table_[record];
  if (entry.timer_next != kNoRecord) {
    table_[entry.timer_next].timer_prev = entry.timer_prev;
  }
  if ((entry.timer_prev & kHead) != 0) {
    const unsigned place = entry.timer_prev & ~kHead;
    const unsigned level = place / kSlots;
    const unsigned slot = place % kSlots;
    heads_[level][slot] = entry.timer_next;
    if (entry.timer_next == kNoRecord) {
      occupied_[level][slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    }
  } else {
    table_[entry.timer_prev].timer_next = entry.timer_next;
  }
  entry.timer_next = entry.timer_prev = kNoRecord;
}

void TimerWheel::add_due(RecordNumber record) {
  Entry& entry = table_[record];
  entry.timer_prev = kInDue;
  const Due due{entry.expiry, entry.serial, record};
  due_.insert(std::upper_bound(due_.begin(), due_.end(), due, later<Due>), due);
  set_next();
}

void TimerWheel::set_next() {
  // No later than the start of the next tick, and no later than the first that is due.
  const std::uint64_t start = (current_ + 1) << kTickBits;
  next_ = start == 0
              ? Timestamp::max()
              : Timestamp::from_ns(static_cast<std::int64_t>(start ^ (std::uint64_t{1} << 63)));
  if (!due_.empty()) {
    next_ = std::min(next_, due_.back().expiry);
  }
}

RecordNumber TimerWheel::next_expired(Timestamp now) {
  for (;;) {
    while (!due_.empty() && due_.back().expiry <= now) {
      const Due due = due_.back();
      due_.pop_back();
      Entry& entry = table_[due.record];
      if (entry.serial != due.serial || entry.timer_prev != kInDue) {
        continue;  // ended meanwhile
      }
      entry.timer_prev = kNoRecord;
      if (entry.expiry == due.expiry) {
        set_next();
        return due.record;
      }
      arm(due.record);
    }
    if (!step(tick_of(now))) {
      set_next();
      return kNoRecord;
    }
  }
}

// Moves the clock to the next slot that holds anything, but not beyond `target`, and empties
// it. False: the clock stands at `target`.
bool TimerWheel::step(std::uint64_t target) {
  if (target <= current_) {
    return false;
  }
  for (unsigned level = 0; level < kLevels; ++level) {
    const unsigned shift = level * kLevelBits;
    const auto here = static_cast<unsigned>(current_ >> shift) & (kSlots - 1);
    const int slot = next_slot(level, here);
    if (slot >= 0) {
      const std::uint64_t above = current_ >> (shift + kLevelBits) << (shift + kLevelBits);
      const std::uint64_t start = above | (static_cast<std::uint64_t>(slot) << shift);
      if (start > target) {
        break;
      }
      current_ = start;
      empty_slot(level, static_cast<unsigned>(slot));
      return true;
    }
  }
  current_ = target;
  return false;
}

void TimerWheel::empty_slot(unsigned level, unsigned slot) {
  RecordNumber record = heads_[level][slot];
  heads_[level][slot] = kNoRecord;
  occupied_[level][slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  while (record != kNoRecord) {
    Entry& entry = table_[record];
    const RecordNumber next = entry.timer_next;
    if (next != kNoRecord) {
      __builtin_prefetch(&table_[next].frames);
    }
    entry.timer_next = kNoRecord;
    const std::uint64_t tick = tick_of(entry.expiry);
    if (tick <= current_) {
      entry.timer_prev = kInDue;
      due_.push_back({entry.expiry, entry.serial, record});
    } else {
      file(record, tick);
    }
    record = next;
  }
  std::sort(due_.begin(), due_.end(), later<Due>);
}

// The first slot after `after` that holds anything, or -1.
int TimerWheel::next_slot(unsigned level, unsigned after) const {
  for (unsigned word = after / 64; word < kSlots / 64; ++word) {
    std::uint64_t bits = occupied_[level][word];
    if (word == after / 64) {
      bits &= after % 64 == 63 ? 0 : ~std::uint64_t{0} << (after % 64 + 1);
    }
    if (bits != 0) {
      return static_cast<int>(word * 64 + static_cast<unsigned>(std::countr_zero(bits)));
    }
  }
  return -1;
}

}  // namespace natlens::conntrack
