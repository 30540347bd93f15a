#include "fates.h"

#include <algorithm>

namespace natlens::correlate {

void FateLog::add_first(FateList& list, const RawFate& fate) {
  std::uint32_t* link = &list.first;
  for (std::uint32_t i = kChunk; i <= list.count && *link != kNoSlot; i += kChunk) {
    link = &chunks_[*link].next;
  }
  if (*link == kNoSlot) {
    const std::uint32_t chunk = chunks_.take();
    *link = chunk;
  }
  chunks_[*link].fates[list.count % kChunk] = fate;
}

void FateLog::add(FateList& list, const RawFate& fate) {
  const bool full = chunks_.bytes() + rings_.bytes() >= max_bytes_;
  if (list.count < kFirst) {
    if (full && list.count % kChunk == 0) return;
    add_first(list, fate);
  } else {
    if (list.last == kNoSlot && full) return;
    if (list.last == kNoSlot) list.last = rings_.take();
    rings_[list.last][(list.count - kFirst) % kLast] = fate;
  }
  ++list.count;
}

void FateLog::take(FateList& list, std::vector<RawFate>& out) {
  std::uint32_t chunk = list.first;
  for (std::uint32_t i = 0; chunk != kNoSlot;) {
    for (std::uint32_t k = 0; k < kChunk && i < std::min(list.count, kFirst); ++k, ++i) {
      out.push_back(chunks_[chunk].fates[k]);
    }
    const std::uint32_t next = chunks_[chunk].next;
    chunks_.give(chunk);
    chunk = next;
  }
  if (list.last != kNoSlot) {
    const std::uint32_t after = list.count - kFirst;
    const std::uint32_t kept = std::min(after, kLast);
    for (std::uint32_t i = after - kept; i < after; ++i) {
      out.push_back(rings_[list.last][i % kLast]);
    }
    rings_.give(list.last);
  }
  list = {};
}

}  // namespace natlens::correlate
