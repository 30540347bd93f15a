// Sightings that wait for their partner: one index over all taps, from fingerprint to the
// sightings of the last pair window.
//
// A ring in order of arrival, with hash chains threaded through it, newest first, as LZ77 does:
// a bucket holds the position of the newest entry, each entry that of the one before. Nothing
// is ever removed from a chain: a position older than the ring's tail is dead, and ends it. So
// neither adding nor expiring touches more than one entry, and nothing is allocated while the
// ring keeps its size.
//
// A full ring first lets those go that nobody can want any more: every tap has its copy, and a
// second one at the same tap would have come by now. So what it holds is what is still missing
// somewhere, not what passed. It doubles when that fills half of it, up to a bound; then the
// oldest are pushed out, and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "natlens/net/slab.h"

namespace natlens::correlate {

struct Waiting {
  std::int64_t time = 0;         // reference clock, ns
  std::uint32_t tag = 0;         // bits 32..63 of the fingerprint; the bucket is made of them
  std::uint16_t check = 0;       // bits 0..15 of the fingerprint
  std::uint16_t digest = 0;      // 0 = not known
  std::uint32_t connection = 0;  // slot
  std::uint32_t previous = 0;    // position of the next older entry of the bucket
  std::uint16_t ip_id = 0;       // 0 = none
  std::uint16_t claimed = 0;     // bit tap % 16: taken by a partner at that tap
  std::uint16_t payload_bytes = 0;  // of the frame; saturated
  std::uint8_t ttl = 0;
  std::uint8_t flags = 0;   // kReply...
  std::uint32_t frame = 0;  // ordinal
  std::uint32_t seq = 0;    // TCP data: where the frame's payload begins
  std::uint8_t tos = 0;
  std::uint8_t kind = 0;  // stream::SightingKind
  static constexpr std::uint8_t kReply = 1;
  static constexpr std::uint8_t kContinued = 2;
  static constexpr std::uint8_t kTaken = 4;  // a partner at every other tap has it
  static constexpr std::uint8_t kDontFragment = 8;
  static constexpr std::uint8_t kAgain = 16;  // the tap showed this very packet before

  unsigned direction() const { return flags & kReply; }
};
static_assert(sizeof(Waiting) == 48);

// Told of each entry that leaves the index while somebody may still have wanted it.
class Leaving {
 public:
  virtual ~Leaving() = default;
  // `pushed_out`: before its time, by the bound on memory.
  virtual void left(const Waiting& entry, bool pushed_out) = 0;
};

inline std::uint16_t tap_bit(std::uint16_t tap) {
  return static_cast<std::uint16_t>(1U << (tap % 16U));
}

class WaitingIndex {
 public:
  // Entries wait for `window_ns`; those that are taken for `taken_ns`, or somewhat longer.
  // `leaving` is not owned and outlives the index.
  WaitingIndex(std::int64_t window_ns,
               std::int64_t taken_ns,
               std::size_t max_bytes,
               Leaving& leaving);

  // Newest first over the entries that may carry `key`, until `use` returns false. Entries of
  // other keys are skipped, those out of the window (now - window or before) too.
  template <typename Use>
  void each(std::uint64_t key, std::int64_t now, Use&& use) {
    const std::uint32_t tag = tag_of(key);
    const auto check = static_cast<std::uint16_t>(key);
    std::uint32_t position = heads_[tag & mask_];
    std::uint32_t age = head_ - position;
    for (int steps = 0; age != 0 && age <= count_ && steps < kMaxSteps; ++steps) {
      Waiting& entry = ring_[position & mask_];
      const bool same = entry.tag == tag && entry.check == check;
      if (same && entry.time > now - window_ && !use(entry)) return;
      const std::uint32_t next_age = head_ - entry.previous;
      if (next_age <= age) return;
      age = next_age;
      position = entry.previous;
    }
  }

  void prefetch_bucket(std::uint64_t key) const { prefetch_line(&heads_[tag_of(key) & mask_]); }
  void prefetch_entry(std::uint64_t key) const {
    prefetch_line(&ring_[heads_[tag_of(key) & mask_] & mask_]);
  }
  // The connection of the newest entry of the bucket, whatever its fingerprint; kNoSlot if
  // none.
  std::uint32_t newest(std::uint64_t key) const {
    const std::uint32_t position = heads_[tag_of(key) & mask_];
    const std::uint32_t age = head_ - position;
    return age != 0 && age <= count_ ? ring_[position & mask_].connection : kNoSlot;
  }

  // Adds one (tag, check and previous are filled here). `now` is the latest moment so far.
  void add(std::uint64_t key, const Waiting& waiting, std::int64_t now);

  // Lets those go whose window has passed.
  void expire(std::int64_t now);

  // Claims what else waits of an entry's frame and was added before it; of the frame that was
  // added last.
  void claim_before(const Waiting& entry, std::uint16_t taps);
  void claim_newest(std::uint32_t connection, std::uint32_t frame, std::uint16_t taps);

  std::uint64_t dropped() const { return dropped_; }
  std::size_t bytes() const;

 private:
  // Chains are cut after this many steps: payloads all alike must not make a packet cost more.
  static constexpr int kMaxSteps = 64;

  static std::uint32_t tag_of(std::uint64_t key) {
    return static_cast<std::uint32_t>(key >> 32);
  }
  void claim_back(std::uint32_t position,
                  std::uint32_t connection,
                  std::uint32_t frame,
                  std::uint16_t taps);
  void make_room(std::int64_t now);
  void compact(std::int64_t now);
  void grow();
  void thread();
  void link(std::uint32_t position);

  std::int64_t window_;
  std::int64_t taken_;
  std::size_t max_entries_;
  Leaving& leaving_;
  std::vector<Waiting> ring_;
  std::vector<std::uint32_t> heads_;  // by bucket: position; dead ones are told by their age
  std::uint32_t mask_ = 0;
  std::uint32_t head_ = 0;       // position of the next entry
  std::uint32_t count_ = 0;      // entries alive: head_ - count_ is the tail
  std::uint32_t compacted_ = 0;  // position of the next entry when it was done last
  std::uint64_t dropped_ = 0;
};

}  // namespace natlens::correlate
