// Linux cooked captures (LINKTYPE_LINUX_SLL 113, LINKTYPE_LINUX_SLL2 276): a pseudo header of
// 16 or 20 bytes in place of the link's own, as the `any` device writes it.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint16_t kArphrdGre = 778;

struct Cooked {
  std::size_t header_bytes;
  std::uint16_t protocol;
  std::uint16_t hardware;
  std::uint16_t packet_type;
  bool has_ifindex;
  std::uint32_t ifindex;
  std::size_t address_at;
  std::size_t address_bytes;
};

Step cooked(Context& c, const Cooked& header) {
  Via* via = c.add_via(Encapsulation::kSll);
  if (via == nullptr) return kFinished;
  via->flags = static_cast<std::uint8_t>(header.packet_type);
  via->next = header.protocol;
  via->key = header.ifindex;
  via->aux = header.hardware;
  via->extra = header.has_ifindex ? 1 : 0;
  if (header.address_bytes >= 6) {
    std::copy_n(c.at.bytes().begin() + static_cast<std::ptrdiff_t>(header.address_at), 6,
                c.out.src_mac.begin());
  }
  c.at.skip(header.header_bytes);
  // On GRE devices the field is a GRE protocol; those that carry IP are ethertypes all the
  // same.
  if (header.protocol >= 0x0600 || header.hardware == kArphrdGre)
    return by_ethertype(c, header.protocol);
  return c.stop(DecodeStop::kUnsupported, Encapsulation::kSll);
}

}  // namespace

Step link_sll(Context& c) {
  if (!c.need(16, Encapsulation::kSll)) return kFinished;
  return cooked(c, {.header_bytes = 16,
                    .protocol = c.at.be16(14),
                    .hardware = c.at.be16(2),
                    .packet_type = c.at.be16(0),
                    .has_ifindex = false,
                    .ifindex = 0,
                    .address_at = 6,
                    .address_bytes = c.at.be16(4)});
}

Step link_sll2(Context& c) {
  if (!c.need(20, Encapsulation::kSll)) return kFinished;
  return cooked(c, {.header_bytes = 20,
                    .protocol = c.at.be16(0),
                    .hardware = c.at.be16(8),
                    .packet_type = c.at.u8(10),
                    .has_ifindex = true,
                    .ifindex = c.at.be32(4),
                    .address_at = 12,
                    .address_bytes = c.at.u8(11)});
}

}  // namespace natlens::decode
