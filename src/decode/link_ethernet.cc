// Ethernet and its tags (IEEE 802.3, 802.1Q, 802.1ad). A type field of up to 1500 is a length:
// LLC follows and the length bounds it; bytes after it are padding.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint16_t kMaxLength = 1500;  // type field up to here: a length
constexpr std::uint16_t kMinEthertype = 0x0600;
constexpr std::size_t kMaxTags = 8;

// The tag control field and the type behind it; id 0 is a priority, not a VLAN.
Step tag(Context& c, Encapsulation kind) {
  if (!c.need(4, kind)) return kFinished;
  Via* via = c.add_via(kind);
  if (via == nullptr) return kFinished;
  const std::uint16_t control = c.at.be16(0);
  via->key = control & 0xfffU;
  via->aux = control >> 12;
  via->next = c.at.be16(2);
  if (via->key != 0) c.enter_zone(Encapsulation::kVlan, via->key);
  c.at.skip(4);
  std::size_t tags = 0;
  for (std::size_t i = c.out.via_count; i > c.via_mark; --i) {
    const auto k = c.out.via_storage[i - 1].kind;
    if (k != Encapsulation::kVlan && k != Encapsulation::kQinq) break;
    ++tags;
  }
  if (tags > kMaxTags) return c.stop(DecodeStop::kDepth, kind);
  return by_ethertype(c, via->next);
}

// Cisco's ISL (its own header of 26 bytes, told by the group address) or LLC.
Step length_field(Context& c, std::uint16_t length) {
  if (length > kMaxLength) return c.stop(DecodeStop::kMalformed, Encapsulation::kEthernet);
  const bool isl = c.out.layer_count == 0 && c.out.via_count == 1 &&
                   (c.out.dst_mac[0] == 1 || c.out.dst_mac[0] == 3) && c.out.dst_mac[1] == 0 &&
                   c.out.dst_mac[2] == 0x0c && c.out.dst_mac[3] == 0 && c.out.dst_mac[4] == 0;
  if (isl) {
    if (!c.need(12, Encapsulation::kEthernet)) return kFinished;
    c.at.skip(12);
    return {ethernet};
  }
  c.at.limit(length);
  return {llc};
}

}  // namespace

Step ethernet(Context& c) {
  if (!c.need(14, Encapsulation::kEthernet)) return kFinished;
  Via* via = c.add_via(Encapsulation::kEthernet);
  if (via == nullptr) return kFinished;
  if (c.out.layer_count == 0 && c.out.via_count == 1) {
    std::memcpy(c.out.dst_mac.data(), c.at.data, 6);
    std::memcpy(c.out.src_mac.data(), c.at.data + 6, 6);
  }
  const std::uint16_t type = c.at.be16(12);
  via->next = type;
  c.at.skip(14);
  if (type < kMinEthertype) [[unlikely]]
    return length_field(c, type);
  return by_ethertype(c, type);
}

Step vlan(Context& c) {
  return tag(c, Encapsulation::kVlan);
}
Step qinq(Context& c) {
  return tag(c, Encapsulation::kQinq);
}

// ARP ends here: it names no flow. Its addresses go into the tail, for people.
Step arp(Context& c) {
  if (Via* via = c.add_via(Encapsulation::kArp);
      via != nullptr && c.need(8, Encapsulation::kArp)) {
    via->next = c.at.be16(6);
    if (c.at.be16(2) == 0x0800 && c.at.u8(4) == 6 && c.at.u8(5) == 4 && c.at.captured >= 28) {
      via->key = c.at.be32(14);
      via->aux = c.at.be32(24);
      via->flags = 1;
    }
  }
  return kFinished;
}

}  // namespace natlens::decode
