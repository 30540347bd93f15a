// VXLAN (RFC 7348), with the group policy bit, and VXLAN-GPE (RFC 8926's sibling draft).
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kVxlan;
constexpr std::uint8_t kHasVni = 0x08;
constexpr std::uint8_t kHasNext = 0x04;

Via* header(Context& c) {
  if (!c.need(8, kName)) return nullptr;
  Via* via = c.add_via(kName);
  if (via == nullptr) return nullptr;
  via->flags = c.at.u8(0);
  via->extra = c.at.be16(0);
  via->key = c.at.be24(4);
  c.enter_zone(kName, via->key);
  return via;
}

Cursor inner(const Context& c) {
  Cursor at = c.at;
  at.skip(8);
  return at;
}

}  // namespace

bool vxlan_fits(const Context& c) {
  return c.at.captured >= 8 && (c.at.u8(0) & kHasVni) != 0 && (c.at.u8(0) & 0x37U) == 0 &&
         (c.at.wire == 8 || c.partial || plausible_ethernet(inner(c)) || c.at.u8(7) == 0);
}

Step vxlan(Context& c) {
  if (header(c) == nullptr) return kFinished;
  c.at.skip(8);
  return {ethernet};
}

// Any port: every reserved bit clear, and an IP packet, ARP or a tag inside.
bool vxlan_shape(const Context& c) {
  if (c.at.captured < 22 || c.at.be32(0) != 0x08000000U || c.at.u8(7) != 0) return false;
  const Cursor in = inner(c);
  const std::uint16_t type = in.be16(12);
  return (type == 0x0800 || type == 0x86dd || type == 0x0806 || type == 0x8100) &&
         plausible_ethernet(in);
}

bool vxlan_gpe_fits(const Context& c) {
  return c.at.captured >= 8 && (c.at.u8(0) & 0xc0U) == 0 && (c.at.u8(0) & kHasVni) != 0;
}

Step vxlan_gpe(Context& c) {
  Via* via = header(c);
  if (via == nullptr) return kFinished;
  via->next = (via->flags & kHasNext) != 0 ? c.at.u8(3) : std::uint8_t{3};
  c.at.skip(8);
  switch (via->next) {
    case 1:
      return {ipv4};
    case 2:
      return {ipv6};
    case 3:
      return {ethernet};
    case 4:
      return {nsh};
    case 5:
      return {mpls};
    default:
      return c.stop(DecodeStop::kUnsupported, kName);
  }
}

}  // namespace natlens::decode
