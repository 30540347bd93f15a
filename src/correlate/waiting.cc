#include "waiting.h"

#include <algorithm>
#include <bit>

namespace natlens::correlate {
namespace {

constexpr std::size_t kFirstEntries = std::size_t{1} << 14;
constexpr std::size_t kMostEntries = std::size_t{1} << 30;  // positions are 32 bits

}  // namespace

WaitingIndex::WaitingIndex(std::int64_t window_ns,
                           std::int64_t taken_ns,
                           std::size_t max_bytes,
                           Leaving& leaving)
    : window_(window_ns),
      taken_(taken_ns),
      max_entries_(
          std::clamp(std::bit_floor(max_bytes / (sizeof(Waiting) + sizeof(std::uint32_t))),
                     std::size_t{1024},
                     kMostEntries)),
      leaving_(leaving) {
  const std::size_t entries = std::min(kFirstEntries, max_entries_);
  ring_.resize(entries);
  heads_.resize(entries);
  mask_ = static_cast<std::uint32_t>(entries - 1);
}

void WaitingIndex::expire(std::int64_t now) {
  while (count_ != 0) {
    const Waiting& oldest = ring_[(head_ - count_) & mask_];
    if (oldest.time > now - window_) return;
    --count_;
    if ((oldest.flags & Waiting::kTaken) == 0) leaving_.left(oldest, false);
  }
}

void WaitingIndex::link(std::uint32_t position) {
  Waiting& entry = ring_[position & mask_];
  std::uint32_t& bucket = heads_[entry.tag & mask_];
  entry.previous = bucket;
  bucket = position;
}

// The buckets anew, oldest entry first.
void WaitingIndex::thread() {
  heads_.assign(ring_.size(), head_);  // age 0: an empty bucket
  for (std::uint32_t position = head_ - count_; position != head_; ++position) link(position);
}

// Doubles the ring. Entries keep their positions.
void WaitingIndex::grow() {
  std::vector<Waiting> old(ring_.size() * 2);
  old.swap(ring_);
  const std::uint32_t old_mask = mask_;
  mask_ = static_cast<std::uint32_t>(ring_.size() - 1);
  for (std::uint32_t position = head_ - count_; position != head_; ++position) {
    ring_[position & mask_] = old[position & old_mask];
  }
  thread();
}

// Moves what is still wanted up to the head, newest first, so that nothing is overwritten that
// has not moved yet.
void WaitingIndex::compact(std::int64_t now) {
  std::uint32_t to = head_;
  for (std::uint32_t age = 1; age <= count_; ++age) {
    const Waiting& entry = ring_[(head_ - age) & mask_];
    if ((entry.flags & Waiting::kTaken) != 0 && entry.time <= now - taken_) continue;
    --to;
    if (to != head_ - age) ring_[to & mask_] = entry;
  }
  count_ = head_ - to;
  compacted_ = head_;
  thread();
}

// A full ring is looked through at most once per quarter of its size.
void WaitingIndex::make_room(std::int64_t now) {
  if (head_ - compacted_ >= ring_.size() / 4) compact(now);
  if (count_ > ring_.size() / 2 && ring_.size() < max_entries_) {
    grow();
  } else if (count_ == ring_.size()) {
    const Waiting& oldest = ring_[(head_ - count_) & mask_];
    if ((oldest.flags & Waiting::kTaken) == 0) leaving_.left(oldest, true);
    --count_;
    ++dropped_;
  }
}

void WaitingIndex::add(std::uint64_t key, const Waiting& waiting, std::int64_t now) {
  expire(now);
  if (count_ == ring_.size()) make_room(now);
  Waiting& entry = ring_[head_ & mask_];
  entry = waiting;
  entry.tag = tag_of(key);
  entry.check = static_cast<std::uint16_t>(key);
  link(head_);
  ++head_;
  ++count_;
}

void WaitingIndex::claim_back(std::uint32_t position,
                              std::uint32_t connection,
                              std::uint32_t frame,
                              std::uint16_t taps) {
  for (std::uint32_t age = head_ - position; age != 0 && age <= count_; ++age) {
    Waiting& entry = ring_[(head_ - age) & mask_];
    if (entry.connection != connection || entry.frame != frame) return;
    entry.claimed |= taps;
  }
}

void WaitingIndex::claim_before(const Waiting& entry, std::uint16_t taps) {
  const auto place = static_cast<std::uint32_t>(&entry - ring_.data());
  const std::uint32_t age = ((head_ - 1 - place) & mask_) + 1;
  claim_back(head_ - age - 1, entry.connection, entry.frame, taps);
}

void WaitingIndex::claim_newest(std::uint32_t connection,
                                std::uint32_t frame,
                                std::uint16_t taps) {
  claim_back(head_ - 1, connection, frame, taps);
}

std::size_t WaitingIndex::bytes() const {
  return ring_.size() * sizeof(Waiting) + heads_.size() * sizeof(std::uint32_t);
}

}  // namespace natlens::correlate
