// The connection table: entries in chunks that never move, found by a hash that is the same for
// both directions.
//
// A tuple and its inverse have one hash, so an entry without NAT has one place in the index,
// and the direction is known by comparing: the packet's tuple equals the original one, or its
// inverse does. An entry whose reply tuple was changed (NAT) has a second place, under the
// reply tuple. The index is open addressing with linear probing; a slot holds 32 bits of the
// hash and the record number, so that a probe touches an entry only when these bits agree.
// Deletion shifts back, there are no tombstones. The hash is keyed by chance per table: nothing
// printed depends on its order, and nobody can prepare a capture whose tuples collide.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "natlens/conntrack/records.h"

#include "entry.h"

namespace natlens::conntrack {

// A tuple with its inverse (nf_ct_invert_tuple), as a packet is looked up.
struct LookupKey {
  Tuple tuple;
  Tuple inverse;  // meaningful if has_inverse
  std::uint64_t hash = 0;
  // The packet's zone, as it counts in an entry's original and in its reply tuple.
  std::uint32_t zone_original = 0;
  std::uint32_t zone_reply = 0;
  bool has_inverse = false;
};

// What few entries have.
struct Extension {
  Tuple reply;               // if kTranslated
  std::uint32_t master = 0;  // serial of the master of an expected connection
  std::uint32_t invalid_packets = 0;
  std::uint32_t expectations = 0;                // live ones that name this entry as master
  std::uint8_t helper = 0;                       // HelperKind
  std::array<std::uint32_t, 8> helper_data{};    // the helper's own memory (nf_ct_help data)
  std::array<DirectionCounters, 2> accounted{};  // with nf_conntrack_acct
  std::array<std::uint32_t, 2> silence_ms{};     // TCP: as in Closed
};

class Table {
 public:
  // `hash_zones`: every zone counts in both directions, so it can be part of the hash.
  explicit Table(bool hash_zones);

  struct Found {
    RecordNumber record = kNoRecord;
    Direction direction = Direction::kOriginal;
    explicit operator bool() const { return record != kNoRecord; }
  };

  std::uint64_t hash_of(const Tuple& tuple, std::uint32_t zone) const;
  void prefetch_slot(std::uint64_t hash) const {
    __builtin_prefetch(&slots_[static_cast<std::uint32_t>(hash) & mask_]);
  }
  // Prefetches the entry that find() will most likely look at.
  void prefetch_entry(std::uint64_t hash) const;
  // The entry one of whose tuples is key.tuple, expired or not.
  Found find(const LookupKey& key) const;

  // A cleared entry, not yet findable. Never moves until released.
  RecordNumber allocate();
  void release(RecordNumber record);
  void insert(RecordNumber record);
  void erase(RecordNumber record);
  // Makes `reply` the reply tuple of an entry that is not inserted yet.
  void set_reply(RecordNumber record, const Tuple& reply);

  Entry& operator[](RecordNumber record) {
    return chunks_[record >> kChunkBits][record & kChunkMask];
  }
  const Entry& operator[](RecordNumber record) const {
    return chunks_[record >> kChunkBits][record & kChunkMask];
  }
  Tuple reply_of(const Entry& entry) const;
  Extension& extension(Entry& entry);  // made if there is none
  const Extension* extension_if(const Entry& entry) const {
    return entry.extension == 0 ? nullptr : &extensions_[entry.extension];
  }

  std::uint32_t size() const { return inserted_; }
  // Records ever handed out: every live one is below.
  RecordNumber records() const { return records_; }
  std::size_t memory_bytes() const;

 private:
  struct Slot {
    std::uint32_t tag = 0;
    RecordNumber record = kNoRecord;
  };
  static constexpr unsigned kChunkBits = 10;
  static constexpr RecordNumber kChunkMask = (1U << kChunkBits) - 1;

  bool matches(const Entry& entry, const LookupKey& key, Direction& direction) const;
  void insert_slot(std::uint32_t tag, RecordNumber record);
  void erase_slot(std::uint32_t tag, RecordNumber record);
  void grow();

  std::vector<Slot> slots_;
  std::uint32_t mask_ = 0;
  std::uint32_t used_slots_ = 0;
  std::uint32_t inserted_ = 0;
  std::uint64_t seed_ = 0;
  bool hash_zones_ = true;
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  std::vector<RecordNumber> free_;
  RecordNumber records_ = 0;
  std::vector<Extension> extensions_;  // [0] is not used
  std::vector<std::uint32_t> free_extensions_;
};

}  // namespace natlens::conntrack
