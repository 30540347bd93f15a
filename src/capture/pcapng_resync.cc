// See pcapng_resync.h.

#include "pcapng_resync.h"

namespace natlens::capture::pcapng {
namespace {

// Types that are common enough to trust after damage.
bool is_known(std::uint32_t type) {
  return (type >= block::kInterface && type <= block::kEnhancedPacket) ||
         type == block::kSecrets || type == block::kCustom || type == block::kCustomNoCopy ||
         type == block::kSection;
}

// Does a good block begin here? `order` becomes that of a section that begins here.
bool good_block(BlockReader& blocks, ByteView have, Order& order) {
  const std::uint32_t type = order.u32(have, 0);
  if (!is_known(type)) return false;
  if (type == block::kSection) {
    const auto found = section_order(have);
    if (!found) return false;
    order = *found;
  }
  const std::uint32_t length = order.u32(have, 4);
  if (length <= kBlockOverhead || length % 4 != 0 || length > kMaxRecordBytes) return false;
  const ByteView whole = blocks.ensure(length);
  return whole.size() >= length && order.u32(whole, length - kTrailerBytes) == length;
}

}  // namespace

std::optional<Order> section_order(ByteView bytes) {
  if (load_le32(bytes, 8) == kByteOrderMagic) return Order{false};
  if (load_be32(bytes, 8) == kByteOrderMagic) return Order{true};
  return std::nullopt;
}

bool block_follows(BlockReader& blocks, Order order, std::size_t at) {
  if (at + 8 > kMaxRecordBytes) return false;
  const ByteView have = blocks.ensure(at + 8);
  if (have.size() <= at) return true;
  if (have.size() < at + 8) return false;
  const std::uint32_t length = order.u32(have, at + 4);
  return is_known(order.u32(have, at)) && length >= kBlockOverhead && length <= kMaxBlockBytes;
}

std::optional<Order> find_good_block(BlockReader& blocks, Order order) {
  for (;;) {
    const ByteView have = blocks.ensure(kBlockOverhead);
    if (have.size() < kBlockOverhead) return std::nullopt;
    Order found = order;
    if (good_block(blocks, have, found)) return found;
    blocks.consume(4);
  }
}

}  // namespace natlens::capture::pcapng
