#include "waiting.h"

#include <algorithm>
#include <bit>

namespace natlens::correlate {
namespace {

constexpr std::size_t kFirstEntries = std::size_t{1} << 14;
constexpr std::size_t kMostEntries = std::size_t{1} << 30;  // positions are 32 bits

}  // namespace

WaitingIndex::WaitingIndex(std::int64_t window_ns, std::size_t max_bytes)
    : window_(window_ns),
      max_entries_(
          std::clamp(std::bit_floor(max_bytes / (sizeof(Waiting) + sizeof(std::uint32_t))),
                     std::size_t{1024},
                     kMostEntries)) {
  const std::size_t entries = std::min(kFirstEntries, max_entries_);
  ring_.resize(entries);
  heads_.resize(entries);
  mask_ = static_cast<std::uint32_t>(entries - 1);
}

void WaitingIndex::expire(std::int64_t now) {
  while (count_ != 0 && ring_[(head_ - count_) & mask_].time <= now - window_) --count_;
}

void WaitingIndex::link(std::uint32_t position) {
  Waiting& entry = ring_[position & mask_];
  std::uint32_t& bucket = heads_[entry.tag & mask_];
  entry.previous = bucket;
  bucket = position;
}

// Doubles the ring. Entries keep their positions; the buckets are threaded anew, oldest first.
void WaitingIndex::grow() {
  std::vector<Waiting> old(ring_.size() * 2);
  old.swap(ring_);
  const std::uint32_t old_mask = mask_;
  mask_ = static_cast<std::uint32_t>(ring_.size() - 1);
  heads_.assign(ring_.size(), head_);  // age 0: an empty bucket
  for (std::uint32_t position = head_ - count_; position != head_; ++position) {
    ring_[position & mask_] = old[position & old_mask];
    link(position);
  }
}

void WaitingIndex::add(std::uint64_t key, const Waiting& waiting, std::int64_t now) {
  expire(now);
  if (count_ == ring_.size()) {
    if (ring_.size() < max_entries_) {
      grow();
    } else {
      --count_;
      ++dropped_;
    }
  }
  Waiting& entry = ring_[head_ & mask_];
  entry = waiting;
  entry.tag = tag_of(key);
  entry.check = static_cast<std::uint16_t>(key);
  link(head_);
  ++head_;
  ++count_;
}

std::size_t WaitingIndex::bytes() const {
  return ring_.size() * sizeof(Waiting) + heads_.size() * sizeof(std::uint32_t);
}

}  // namespace natlens::correlate
