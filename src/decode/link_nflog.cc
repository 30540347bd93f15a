// LINKTYPE_NFLOG (239): type-length-value records in the capturing host's byte order, told by
// which order chains to the end; values are big endian. The IP packet is one of the values.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint16_t kPacketHeader = 1;  // enum nfulnl_attr_type
constexpr std::uint16_t kInterfaceIn = 4;
constexpr std::uint16_t kInterfaceOut = 5;
constexpr std::uint16_t kPayload = 9;
constexpr int kMaxRecords = 64;

std::uint16_t load16(const Cursor& at, std::size_t i, bool little) {
  return little ? load_le16(at.bytes(), i) : load_be16(at.bytes(), i);
}

// True if the first records' lengths make sense in this order.
bool chains(const Cursor& at, bool little) {
  std::size_t i = 4;
  for (int n = 0; n < 3 && i + 4 <= at.captured; ++n) {
    const std::size_t length = load16(at, i, little);
    if (length < 4 || i + length > at.wire) return false;
    i += (length + 3) & ~std::size_t{3};
  }
  return true;
}

void read_value(
    const Cursor& at, std::size_t i, std::uint16_t type, std::size_t length, Via& via) {
  if (type == kPacketHeader && length >= 3) {
    via.next = at.be16(i);
    via.key = at.u8(i + 2);
  }
  if (type == kInterfaceIn && length >= 4) via.aux |= std::uint64_t{at.be32(i)} << 32;
  if (type == kInterfaceOut && length >= 4) via.aux |= at.be32(i);
}

Step payload(Context& c,
             std::size_t at,
             std::size_t length,
             std::uint8_t family,
             std::uint16_t ethertype) {
  c.at.skip(at);
  c.at.limit(length);
  if (family == 2) return {ipv4};
  if (family == 10) return {ipv6};
  if (ethertype >= 0x0600) return by_ethertype(c, ethertype);
  return {ip_by_nibble};
}

}  // namespace

Step link_nflog(Context& c) {
  if (!c.need(4, Encapsulation::kNflog)) return kFinished;
  Via* via = c.add_via(Encapsulation::kNflog);
  if (via == nullptr) return kFinished;
  via->flags = c.at.u8(0);
  const bool little = chains(c.at, true);
  std::size_t i = 4;
  for (int n = 0; n < kMaxRecords; ++n) {
    if (!c.need(i + 4, Encapsulation::kNflog)) return kFinished;
    const std::size_t length = load16(c.at, i, little);
    const auto type = static_cast<std::uint16_t>(load16(c.at, i + 2, little) & 0x7fffU);
    if (length < 4 || i + length > c.at.wire)
      return c.stop(DecodeStop::kMalformed, Encapsulation::kNflog);
    if (type == kPayload) return payload(c, i + 4, length - 4, via->flags, via->next);
    if (!c.need(i + length, Encapsulation::kNflog)) return kFinished;
    read_value(c.at, i + 4, type, length - 4, *via);
    i += (length + 3) & ~std::size_t{3};
    if (i >= c.at.wire) break;  // no payload was logged
  }
  return c.stop(DecodeStop::kUnsupported, Encapsulation::kNflog);
}

}  // namespace natlens::decode
