// Calls that wait a moment, so that the memory they need is on its way before they are worked
// on.
//
// With hundreds of thousands of connections every packet touches cold memory four times: the
// page of its serial, its connection, its bucket of the index with the entry behind it, its
// pair. One by one these cost more than everything else. So calls go through a short queue, in
// order, and at set distances before its turn each one has the next thing prefetched. Nothing
// else depends on the queue: the outcome is that of the calls made at once.
#pragma once

#include <array>
#include <cstdint>

#include "natlens/conntrack/records.h"
#include "natlens/net/slab.h"
#include "natlens/stream/records.h"

namespace natlens::correlate {

struct Event {
  enum class Kind : std::uint8_t { kSight, kOpen, kClose };

  stream::Sighting sighting;  // kSight
  Tuple original;             // kOpen
  Timestamp time;             // kOpen, kClose: the tap's clock
  std::uint32_t serial = 0;
  std::uint32_t slot =
      kNoSlot;              // of the connection, as found on the way; may have changed since
  std::uint32_t frame = 0;  // kOpen
  std::uint16_t tap = 0;
  std::uint8_t depth = 0;      // kOpen
  bool beginning_seen = true;  // kOpen
  Kind kind = Kind::kSight;
};

// `Target` has stage1(event), stage2(event), stage3(event), which prefetch and may note down
// what they found, and process(event).
template <typename Target>
class EventQueue {
 public:
  explicit EventQueue(Target& target) : target_(target) {}

  // Room for one more event, to be filled, then pushed().
  Event& next() { return ring_[head_ % kSize]; }
  void pushed() {
    target_.stage1(ring_[head_ % kSize]);
    ++head_;
    if (head_ - tail_ > kStage2) target_.stage2(ring_[(head_ - 1 - kStage2) % kSize]);
    if (head_ - tail_ > kStage3) target_.stage3(ring_[(head_ - 1 - kStage3) % kSize]);
    if (head_ - tail_ > kProcess) target_.process(ring_[tail_++ % kSize]);
  }
  void flush() {
    while (tail_ != head_) target_.process(ring_[tail_++ % kSize]);
  }

 private:
  static constexpr std::uint32_t kSize = 32;
  static constexpr std::uint32_t kStage2 = 8;
  static constexpr std::uint32_t kStage3 = 16;
  static constexpr std::uint32_t kProcess = 24;

  Target& target_;
  std::array<Event, kSize> ring_;
  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;
};

}  // namespace natlens::correlate
