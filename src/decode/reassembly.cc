#include "reassembly.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>

namespace natlens::decode {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBlockBytes = 2048;
constexpr std::size_t kUnit = 8;  // fragment offsets count in these
constexpr std::size_t kUnitsPerBlock = kBlockBytes / kUnit;
constexpr std::size_t kMaxPayload = 65535;
constexpr std::size_t kBlocksPerDatagram = (kMaxPayload + kBlockBytes) / kBlockBytes;
constexpr std::size_t kMaxDatagrams = 1024;
constexpr std::uint16_t kNil = 0xffff;

struct Key {
  Address src;
  Address dst;
  std::uint8_t protocol = 0;  // IPv4 only: the id is per protocol there
  std::uint8_t depth = 0;
  std::uint32_t id = 0;
  std::uint32_t zone = 0;
  bool operator==(const Key&) const = default;
};
static_assert(std::has_unique_object_representations_v<Key>);

std::size_t bucket_of(const Key& key) {
  return content_hash({reinterpret_cast<const std::uint8_t*>(&key), sizeof key}) %
         kMaxDatagrams;
}

}  // namespace

struct Reassembler::Block {
  std::array<std::uint64_t, kUnitsPerBlock / 64> present;  // a bit per unit
  std::array<std::uint8_t, kBlockBytes> data;
};

struct Reassembler::Datagram {
  Key key;
  Timestamp created;
  std::uint32_t units_present = 0;
  std::uint32_t end = 0;           // highest byte seen, wire
  std::uint32_t captured_end = 0;  // bytes from here on may be missing: a fragment was cut
  bool last_seen = false;          // `end` is final
  std::uint8_t protocol = 0;       // as the first fragment says
  std::uint16_t header_bytes = 0;  // 0: the first fragment is missing
  std::uint16_t header_block = kNil;
  std::uint16_t next_in_bucket = kNil;
  std::uint16_t older = kNil;  // list by creation
  std::uint16_t newer = kNil;
  std::array<std::uint16_t, kBlocksPerDatagram> block{};
};

// All memory of fragments under way. Free blocks and free datagrams are stacks of indices.
struct Reassembler::Pool {
  explicit Pool(std::size_t block_count) : blocks(new Block[block_count]) {
    free_blocks = std::make_unique<std::uint16_t[]>(block_count);
    for (std::size_t i = 0; i < block_count; ++i) {
      free_blocks[free_block_count++] = static_cast<std::uint16_t>(block_count - 1 - i);
    }
    for (std::size_t i = 0; i < kMaxDatagrams; ++i) {
      free_datagrams[i] = static_cast<std::uint16_t>(kMaxDatagrams - 1 - i);
    }
    buckets.fill(kNil);
  }

  std::uint16_t take_block() {
    const std::uint16_t index = free_blocks[--free_block_count];
    blocks[index].present.fill(0);
    return index;
  }
  void give_block(std::uint16_t& index) {
    if (index == kNil) return;
    free_blocks[free_block_count++] = index;
    index = kNil;
  }

  Datagram* find(const Key& key, std::size_t bucket) {
    for (std::uint16_t i = buckets[bucket]; i != kNil; i = datagrams[i].next_in_bucket) {
      if (datagrams[i].key == key) return &datagrams[i];
    }
    return nullptr;
  }

  // REQUIRES: free_datagram_count > 0.
  Datagram& create(const Key& key, std::size_t bucket, Timestamp now) {
    const std::uint16_t index = free_datagrams[--free_datagram_count];
    Datagram& datagram = datagrams[index];
    datagram = Datagram{};
    datagram.key = key;
    datagram.created = now;
    datagram.captured_end = static_cast<std::uint32_t>(kMaxPayload);
    datagram.block.fill(kNil);
    datagram.next_in_bucket = buckets[bucket];
    buckets[bucket] = index;
    datagram.older = newest;
    if (newest != kNil) datagrams[newest].newer = index;
    newest = index;
    if (oldest == kNil) oldest = index;
    return datagram;
  }

  void destroy(Datagram& datagram) {
    const auto index = static_cast<std::uint16_t>(&datagram - datagrams.data());
    std::uint16_t* link = &buckets[bucket_of(datagram.key)];
    while (*link != index) link = &datagrams[*link].next_in_bucket;
    *link = datagram.next_in_bucket;
    (datagram.older == kNil ? oldest : datagrams[datagram.older].newer) = datagram.newer;
    (datagram.newer == kNil ? newest : datagrams[datagram.newer].older) = datagram.older;
    give_block(datagram.header_block);
    for (auto& block : datagram.block) give_block(block);
    free_datagrams[free_datagram_count++] = index;
  }

  std::unique_ptr<Block[]> blocks;
  std::unique_ptr<std::uint16_t[]> free_blocks;
  std::size_t free_block_count = 0;
  std::array<Datagram, kMaxDatagrams> datagrams;
  std::array<std::uint16_t, kMaxDatagrams> free_datagrams;
  std::size_t free_datagram_count = kMaxDatagrams;
  std::array<std::uint16_t, kMaxDatagrams> buckets;
  std::uint16_t oldest = kNil;
  std::uint16_t newest = kNil;
};

namespace {

// The bits of word `word` (64 units each) that lie in [first, last).
std::uint64_t unit_mask(std::size_t word, std::size_t first, std::size_t last) {
  const std::size_t begin = std::max(first, word * 64) - word * 64;
  const std::size_t count = std::min(last, word * 64 + 64) - word * 64 - begin;
  return (count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1) << begin;
}

}  // namespace

Reassembler::Reassembler(std::size_t max_bytes) : max_bytes_(max_bytes) {}
Reassembler::~Reassembler() = default;

// What the frame says about where the datagram ends must agree with what is known
// (ip_frag_queue).
bool Reassembler::accept_end(Datagram& datagram, std::uint32_t end, bool more) {
  if (!more) {
    if (end < datagram.end || (datagram.last_seen && end != datagram.end)) return false;
    datagram.last_seen = true;
    datagram.end = end;
  } else if (end > datagram.end) {
    if (datagram.last_seen) return false;
    datagram.end = end;
  }
  return true;
}

// Makes room by giving up the oldest datagrams, never `keep`.
bool Reassembler::reserve(Datagram& keep, std::size_t blocks) {
  while (pool_->free_block_count < blocks) {
    Datagram* victim = &pool_->datagrams[pool_->oldest];
    if (victim == &keep) {
      if (keep.newer == kNil) return false;
      victim = &pool_->datagrams[keep.newer];
    }
    give_up(*victim);
  }
  return true;
}

void Reassembler::store(Datagram& datagram, const Fragment& fragment) {
  const std::size_t offset = fragment.layer.fragment_offset;
  for (std::size_t done = 0; done < fragment.data.size();) {
    const std::size_t at = offset + done;
    const std::size_t n = std::min(kBlockBytes - at % kBlockBytes, fragment.data.size() - done);
    Block& block = pool_->blocks[datagram.block[at / kBlockBytes]];
    std::memcpy(block.data.data() + at % kBlockBytes, fragment.data.data() + done, n);
    done += n;
  }
  if (fragment.data.size() < fragment.wire_bytes) {
    datagram.captured_end = std::min(datagram.captured_end,
                                     static_cast<std::uint32_t>(offset + fragment.data.size()));
  }
  if (offset == 0) {
    datagram.header_block = pool_->take_block();
    datagram.header_bytes = static_cast<std::uint16_t>(fragment.header.size());
    datagram.protocol = fragment.protocol;
    std::memcpy(pool_->blocks[datagram.header_block].data.data(), fragment.header.data(),
                fragment.header.size());
  }
}

// Linux cuts an IPv4 fragment that is not the last to whole units, and refuses such an IPv6
// one.
Reassembler::Fragment Reassembler::whole_units(Fragment fragment) {
  if (fragment.layer.version == 4 && fragment.layer.more_fragments) {
    fragment.wire_bytes &= ~std::uint32_t{kUnit - 1};
    fragment.data =
        fragment.data.first(std::min<std::size_t>(fragment.data.size(), fragment.wire_bytes));
  }
  return fragment;
}

Reassembler::Outcome Reassembler::insert(Datagram& datagram, const Fragment& fragment) {
  const std::size_t offset = fragment.layer.fragment_offset;
  const std::size_t end = offset + fragment.wire_bytes;
  const bool more = fragment.layer.more_fragments;
  // An empty fragment, one whose end cannot be continued, or a datagram larger than IP allows.
  if (fragment.wire_bytes == 0 || (more && end % kUnit != 0) || end > kMaxPayload ||
      fragment.header.size() > kBlockBytes ||
      !accept_end(datagram, static_cast<std::uint32_t>(end), more)) {
    return Outcome::kRefused;
  }
  const std::size_t first_block = offset / kBlockBytes;
  const std::size_t last_block = (end - 1) / kBlockBytes;
  if (!reserve(datagram, last_block - first_block + 2)) return Outcome::kRefused;
  for (std::size_t b = first_block; b <= last_block; ++b) {
    if (datagram.block[b] == kNil) datagram.block[b] = pool_->take_block();
  }
  const std::size_t first = offset / kUnit;
  const std::size_t last = (end + kUnit - 1) / kUnit;
  std::size_t present = 0;
  const auto word_at = [&](std::size_t word) -> std::uint64_t& {
    return pool_->blocks[datagram.block[word * 64 / kUnitsPerBlock]]
        .present[word % (kUnitsPerBlock / 64)];
  };
  for (std::size_t w = first / 64; w * 64 < last; ++w) {
    present += static_cast<std::size_t>(std::popcount(word_at(w) & unit_mask(w, first, last)));
  }
  if (present == last - first) return Outcome::kHeld;  // a copy
  if (present != 0) return Outcome::kRefused;          // overlaps in part
  for (std::size_t w = first / 64; w * 64 < last; ++w) word_at(w) |= unit_mask(w, first, last);
  datagram.units_present += static_cast<std::uint32_t>(last - first);
  store(datagram, fragment);
  if (!datagram.last_seen || datagram.header_bytes == 0 ||
      datagram.units_present != (datagram.end + kUnit - 1) / kUnit) {
    return Outcome::kHeld;
  }
  const std::size_t counted = datagram.header_bytes - (fragment.layer.version == 6 ? 40U : 0U);
  return counted + datagram.end <= kMaxPayload ? Outcome::kComplete : Outcome::kRefused;
}

void Reassembler::finish(Datagram& datagram, Whole& whole) {
  auto& buffer = output_[level_++];
  if (buffer == nullptr) buffer = std::make_unique<std::uint8_t[]>(kBlockBytes + kMaxPayload);
  std::memcpy(buffer.get(), pool_->blocks[datagram.header_block].data.data(),
              datagram.header_bytes);
  const std::size_t captured = std::min(datagram.end, datagram.captured_end);
  for (std::size_t at = 0; at < captured; at += kBlockBytes) {
    std::memcpy(buffer.get() + datagram.header_bytes + at,
                pool_->blocks[datagram.block[at / kBlockBytes]].data.data(),
                std::min(kBlockBytes, captured - at));
  }
  whole.bytes = {buffer.get(), datagram.header_bytes + captured};
  whole.header_bytes = datagram.header_bytes;
  whole.payload_wire_bytes = datagram.end;
  whole.protocol = datagram.protocol;
}

// Frames without time, and time that steps back, expire nothing.
bool Reassembler::is_over(const Datagram& datagram, Timestamp now) {
  const auto timeout = datagram.key.src.is_v4() ? 30s : 60s;
  return now.has_value() && datagram.created.has_value() && now - datagram.created >= timeout;
}

void Reassembler::give_up(Datagram& datagram) {
  pool_->destroy(datagram);
  ++expired_;
}

Reassembler::Outcome Reassembler::add(const Fragment& fragment, Whole& whole) {
  if (pool_ == nullptr) {
    const std::size_t blocks =
        std::clamp<std::size_t>(max_bytes_ / sizeof(Block), 64, kNil - 1U);
    pool_ = std::make_unique<Pool>(blocks);
  }
  while (pool_->oldest != kNil && is_over(pool_->datagrams[pool_->oldest], fragment.time)) {
    give_up(pool_->datagrams[pool_->oldest]);
  }
  const Layer& layer = fragment.layer;
  const Key key{.src = layer.src,
                .dst = layer.dst,
                .protocol = layer.version == 4 ? fragment.protocol : std::uint8_t{0},
                .depth = fragment.depth,
                .id = layer.ip_id,
                .zone = layer.zone};
  const std::size_t bucket = bucket_of(key);
  Datagram* datagram = pool_->find(key, bucket);
  if (datagram != nullptr && is_over(*datagram, fragment.time)) {  // behind an older IPv6 one
    give_up(*datagram);
    datagram = nullptr;
  }
  if (datagram == nullptr) {
    if (pool_->free_datagram_count == 0) give_up(pool_->datagrams[pool_->oldest]);
    datagram = &pool_->create(key, bucket, fragment.time);
  }
  const Outcome outcome = insert(*datagram, whole_units(fragment));
  if (outcome == Outcome::kHeld) return outcome;
  if (outcome == Outcome::kComplete) finish(*datagram, whole);
  pool_->destroy(*datagram);
  return outcome;
}

}  // namespace natlens::decode
