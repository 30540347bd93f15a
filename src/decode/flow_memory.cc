#include "flow_memory.h"

#include <algorithm>

namespace natlens::decode {

FlowMemory::Entry* FlowMemory::find(std::uint64_t key) {
  if (entries_ == nullptr) return nullptr;
  Bucket& bucket = (*entries_)[key % kBuckets];
  for (std::size_t i = 0; i < kWays; ++i) {
    if (bucket[i].key != key || bucket[i].reading.kind == Encapsulation::kNone) continue;
    std::rotate(bucket.begin(), bucket.begin() + static_cast<std::ptrdiff_t>(i),
                bucket.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return bucket.data();
  }
  return nullptr;
}

FlowMemory::Entry& FlowMemory::seen_again(std::uint64_t key, Reading reading) {
  if (entries_ == nullptr) entries_ = std::make_unique<std::array<Bucket, kBuckets>>();
  Entry* entry = find(key);
  if (entry == nullptr) {
    Bucket& bucket = (*entries_)[key % kBuckets];
    std::rotate(bucket.begin(), bucket.end() - 1, bucket.end());
    entry = bucket.data();
    *entry = Entry{.key = key, .reading = reading};
  }
  if (entry->reading != reading) *entry = Entry{.key = key, .reading = reading};
  if (entry->count != 0xff) ++entry->count;
  entry->misfits = 0;
  return *entry;
}

}  // namespace natlens::decode
