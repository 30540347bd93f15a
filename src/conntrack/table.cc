#include "table.h"

#include <random>

#include "natlens/conntrack/tracker.h"
#include "natlens/net/address.h"

#include "tuples.h"

namespace natlens::conntrack {
namespace {

constexpr std::uint32_t kFirstSlots = 1U << 12;

__extension__ using Wide = unsigned __int128;

// 64x64 -> 128 bit multiply, folded: both halves of the product depend on all input bits.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t end_hash(const Address& address, std::uint64_t part, std::uint64_t seed) {
  static_assert(sizeof(Address) == 17);
  std::array<std::uint64_t, 2> words{};  // unused bytes of an IPv4 address are zero
  std::memcpy(words.data(), &address, 16);
  return fold(words[0] ^ seed, words[1] ^ (part * 0x9e3779b97f4a7c15U) ^ 0xd6e8feb86659fd93U);
}

}  // namespace

Table::Table(bool hash_zones)
    : slots_(kFirstSlots), mask_(kFirstSlots - 1), hash_zones_(hash_zones), extensions_(1) {
  std::random_device chance;
  seed_ = (std::uint64_t{chance()} << 32) | chance();
}

std::uint64_t Table::hash_of(const Tuple& tuple, std::uint32_t zone) const {
  const auto [src_part, dst_part] = symmetric_parts(tuple);
  const std::uint64_t ends =
      end_hash(tuple.src, src_part, seed_) + end_hash(tuple.dst, dst_part, seed_);
  const std::uint64_t rest = (hash_zones_ ? std::uint64_t{zone} << 8 : 0) | tuple.protocol;
  return fold(ends ^ (seed_ << 1), 0xa0761d6478bd642fU ^ rest);
}

void Table::prefetch_entry(std::uint64_t hash) const {
  const auto tag = static_cast<std::uint32_t>(hash);
  for (std::uint32_t at = tag & mask_; slots_[at].record != kNoRecord; at = (at + 1) & mask_) {
    if (slots_[at].tag == tag) {
      const Entry* entry = &(*this)[slots_[at].record];
      __builtin_prefetch(entry, 1);
      __builtin_prefetch(&entry->tcp, 1);
      __builtin_prefetch(&entry->frames, 1);
      return;
    }
  }
}

bool Table::matches(const Entry& entry, const LookupKey& key, Direction& direction) const {
  // A flow from an endpoint to itself is its own inverse; the kernel's chain has the reply
  // first
  // (__nf_conntrack_hash_insert).
  if (key.tuple == entry.original && entry.zone_of(0) == key.zone_original &&
      !(key.has_inverse && key.tuple == key.inverse)) {
    direction = Direction::kOriginal;
    return true;
  }
  if (entry.zone_of(1) != key.zone_reply) {
    return false;
  }
  direction = Direction::kReply;
  if ((entry.bits & entry_bit::kTranslated) != 0) {
    return extensions_[entry.extension].reply == key.tuple;
  }
  return key.has_inverse && key.inverse == entry.original;
}

Table::Found Table::find(const LookupKey& key) const {
  const auto tag = static_cast<std::uint32_t>(key.hash);
  for (std::uint32_t at = tag & mask_; slots_[at].record != kNoRecord; at = (at + 1) & mask_) {
    if (slots_[at].tag == tag) {
      Found found{slots_[at].record, Direction::kOriginal};
      if (matches((*this)[found.record], key, found.direction)) {
        return found;
      }
    }
  }
  return {};
}

RecordNumber Table::allocate() {
  RecordNumber record = records_;
  if (!free_.empty()) {
    record = free_.back();
    free_.pop_back();
  } else {
    if ((record & kChunkMask) == 0) {
      chunks_.push_back(std::make_unique<Entry[]>(std::size_t{1} << kChunkBits));
    }
    ++records_;
  }
  (*this)[record].clear();
  (*this)[record].bits = entry_bit::kZoneOriginal | entry_bit::kZoneReply;
  return record;
}

void Table::release(RecordNumber record) {
  Entry& entry = (*this)[record];
  if (entry.extension != 0) {
    extensions_[entry.extension] = Extension();
    free_extensions_.push_back(entry.extension);
  }
  entry.serial = 0;
  entry.extension = 0;
  free_.push_back(record);
}

Extension& Table::extension(Entry& entry) {
  if (entry.extension == 0) {
    if (free_extensions_.empty()) {
      entry.extension = static_cast<std::uint32_t>(extensions_.size());
      extensions_.emplace_back();
    } else {
      entry.extension = free_extensions_.back();
      free_extensions_.pop_back();
    }
  }
  return extensions_[entry.extension];
}

Tuple Table::reply_of(const Entry& entry) const {
  if ((entry.bits & entry_bit::kTranslated) != 0) {
    return extensions_[entry.extension].reply;
  }
  Tuple reply;
  invert(entry.original, reply);
  return reply;
}

void Table::set_reply(RecordNumber record, const Tuple& reply) {
  Entry& entry = (*this)[record];
  extension(entry).reply = reply;
  entry.bits |= entry_bit::kTranslated;
}

void Table::insert(RecordNumber record) {
  const Entry& entry = (*this)[record];
  ++inserted_;
  insert_slot(static_cast<std::uint32_t>(hash_of(entry.original, entry.zone)), record);
  if ((entry.bits & entry_bit::kTranslated) != 0) {
    insert_slot(static_cast<std::uint32_t>(hash_of(reply_of(entry), entry.zone)), record);
  }
}

void Table::erase(RecordNumber record) {
  const Entry& entry = (*this)[record];
  --inserted_;
  erase_slot(static_cast<std::uint32_t>(hash_of(entry.original, entry.zone)), record);
  if ((entry.bits & entry_bit::kTranslated) != 0) {
    erase_slot(static_cast<std::uint32_t>(hash_of(reply_of(entry), entry.zone)), record);
  }
}

void Table::insert_slot(std::uint32_t tag, RecordNumber record) {
  if (std::uint64_t{used_slots_ + 1} * 4 > std::uint64_t{mask_ + 1} * 3) {
    grow();
  }
  std::uint32_t at = tag & mask_;
  while (slots_[at].record != kNoRecord) {
    at = (at + 1) & mask_;
  }
  slots_[at] = {tag, record};
  ++used_slots_;
}

void Table::erase_slot(std::uint32_t tag, RecordNumber record) {
  std::uint32_t hole = tag & mask_;
  while (slots_[hole].record != record || slots_[hole].tag != tag) {
    hole = (hole + 1) & mask_;
  }
  // Move back whatever would no longer be reached over the hole.
  for (std::uint32_t at = (hole + 1) & mask_; slots_[at].record != kNoRecord;
       at = (at + 1) & mask_) {
    const std::uint32_t home = slots_[at].tag & mask_;
    if (((at - home) & mask_) >= ((at - hole) & mask_)) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  }
  slots_[hole] = {};
  --used_slots_;
}

void Table::grow() {
  std::vector<Slot> old(std::size_t{mask_ + 1} * 2);
  old.swap(slots_);
  mask_ = mask_ * 2 + 1;
  for (const Slot& slot : old) {
    if (slot.record != kNoRecord) {
      std::uint32_t at = slot.tag & mask_;
      while (slots_[at].record != kNoRecord) {
        at = (at + 1) & mask_;
      }
      slots_[at] = slot;
    }
  }
}

std::size_t Table::memory_bytes() const {
  return slots_.capacity() * sizeof(Slot) + chunks_.size() * (sizeof(Entry) << kChunkBits) +
         free_.capacity() * sizeof(RecordNumber) + extensions_.capacity() * sizeof(Extension);
}

}  // namespace natlens::conntrack
