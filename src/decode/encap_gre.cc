// GRE (RFC 2784, 2890, 1701 routing), version 1 for PPTP (RFC 2637), NVGRE (RFC 7637) and
// MikroTik's EoIP, which sets version 1 with a protocol of its own.
#include "encap_gre.h"

#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint16_t kChecksum = 0x8000;
constexpr std::uint16_t kRouting = 0x4000;
constexpr std::uint16_t kKey = 0x2000;
constexpr std::uint16_t kSequence = gre_flag::kSequence;
constexpr std::uint16_t kAcknowledgement = 0x0080;
constexpr std::uint16_t kEoipFlags = 0x2001;

constexpr std::uint16_t kEoip = 0x6400;
constexpr std::uint16_t kTransparentEthernet = 0x6558;
constexpr std::uint16_t kWccp = 0x883e;
constexpr std::uint16_t kKeepalive = 0x0000;
constexpr int kMaxRoutes = 16;
// RFC 7637 3.2: subnet ids below are reserved, so a smaller number is a plain 32-bit key.
constexpr std::uint32_t kMinVsid = 0x1000;

Step eoip(Context& c, Via& via) {
  if (!c.need(8, Encapsulation::kGre)) return kFinished;
  const std::size_t length = c.at.be16(4);
  via.key = load_le16(c.at.bytes(), 6);
  via.aux = length;
  c.enter_zone(Encapsulation::kGre, via.key);
  c.at.skip(8);
  c.at.limit(length);
  return c.at.wire == 0 ? kFinished : Step{ethernet};  // empty: keepalive
}

// RFC 1701: routing entries up to one of length 0.
bool skip_routing(Context& c) {
  for (int i = 0; i < kMaxRoutes; ++i) {
    if (!c.need(4, Encapsulation::kGre)) return false;
    const std::size_t length = c.at.u8(3);
    if (!c.need(4 + length, Encapsulation::kGre)) return false;
    c.at.skip(4 + length);
    if (length == 0) return true;
  }
  c.stop(DecodeStop::kMalformed, Encapsulation::kGre);
  return false;
}

void enter_zone(Context& c, const Via& via, std::uint16_t flags) {
  if ((flags & kKey) == 0 || (flags & 7) == 1) {  // a call id belongs to one direction
    c.enter_zone_of_outer_pair(Encapsulation::kGre);
    return;
  }
  const bool nvgre = via.next == kTransparentEthernet &&
                     (flags & (kChecksum | kSequence)) == 0 && via.key >> 8 >= kMinVsid;
  c.enter_zone(Encapsulation::kGre, nvgre ? via.key >> 8 : via.key);
}

// Optional fields in their order. The key of version 1 is payload length and call id.
bool read_fields(Context& c, Via& via, std::uint16_t flags) {
  const bool pptp = (flags & 7) == 1;
  const std::size_t checksum = (flags & (kChecksum | kRouting)) != 0 ? 4 : 0;
  const std::size_t key = (flags & kKey) != 0 ? 4 : 0;
  const std::size_t sequence = (flags & kSequence) != 0 ? 4 : 0;
  const std::size_t ack = pptp && (flags & kAcknowledgement) != 0 ? 4 : 0;
  if (!c.need(4 + checksum + key + sequence + ack, Encapsulation::kGre)) return false;
  c.at.skip(4 + checksum);
  if (key != 0) via.key = pptp ? c.at.be16(2) : c.at.be32(0);
  if (sequence != 0) via.aux = c.at.be32(key);
  if (ack != 0) via.extra |= c.at.be32(key + sequence);
  c.at.skip(key + sequence + ack);
  return (flags & kRouting) == 0 || skip_routing(c);
}

Step payload(Context& c, const Via& via, std::uint16_t flags) {
  if ((flags & 7) == 1 && (flags & kSequence) == 0)
    return kFinished;  // PPTP: only an acknowledgement
  if (via.next == kKeepalive) return kFinished;
  if (via.next == kWccp) {
    // RFC 3040's WCCP 2 puts four bytes before the packet, version 1 none.
    if (!c.need(4, Encapsulation::kGre)) return kFinished;
    if (c.at.u8(0) >> 4 != 4) c.at.skip(4);
    return {ipv4};
  }
  return by_ethertype(c, via.next);
}

}  // namespace

Step gre(Context& c) {
  if (!c.need(4, Encapsulation::kGre)) return kFinished;
  Via* via = c.add_via(Encapsulation::kGre);
  if (via == nullptr) return kFinished;
  const std::uint16_t flags = c.at.be16(0);
  via->next = c.at.be16(2);
  via->extra = std::uint64_t{flags} << 32;
  if (flags == kEoipFlags && via->next == kEoip) return eoip(c, *via);
  if ((flags & 7) > 1) return c.stop(DecodeStop::kUnsupported, Encapsulation::kGre);
  if (!read_fields(c, *via, flags)) return kFinished;
  enter_zone(c, *via, flags);
  return payload(c, *via, flags);
}

// GRE in UDP (RFC 8086): a version 0 header with a protocol that we read.
bool gre_in_udp_fits(const Context& c) {
  if (c.at.captured < 4 || (c.at.be16(0) & 0x4fffU) != 0) return false;
  const std::uint16_t type = c.at.be16(2);
  return type == 0x0800 || type == 0x86dd || type == kTransparentEthernet || type == 0x8847;
}

}  // namespace natlens::decode
