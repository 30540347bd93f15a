// ERSPAN (draft-foschiano-erspan): a mirror's copies of Ethernet frames in GRE. Type I has no
// header and no GRE sequence number, type II (version 1) has 8 bytes, type III (version 2) 12,
// and 8 more if its O bit says so.
#include "encap_gre.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kErspan;
constexpr std::uint8_t kVersionII = 1;
constexpr std::uint8_t kVersionIII = 2;
constexpr unsigned kFrameEthernet = 0;
constexpr unsigned kFrameIp = 2;

Step type_iii_payload(Context& c) {
  const std::uint16_t last = c.at.be16(10);
  const unsigned frame_type = last >> 10 & 0x1fU;
  const std::size_t header_bytes = (last & 1U) != 0 ? 20 : 12;
  if (!c.need(header_bytes, kName)) return kFinished;
  c.at.skip(header_bytes);
  if (frame_type == kFrameEthernet) return {ethernet};
  if (frame_type == kFrameIp) return {ip_by_nibble};
  return c.stop(DecodeStop::kUnsupported, kName);
}

}  // namespace

Step erspan(Context& c) {
  const bool in_gre = c.out.via_count != 0 &&
                      c.out.via_storage[c.out.via_count - 1U].kind == Encapsulation::kGre;
  if (!in_gre) return c.stop(DecodeStop::kUnsupported, Encapsulation::kEthernet);
  const auto flags =
      static_cast<std::uint16_t>(c.out.via_storage[c.out.via_count - 1U].extra >> 32);
  const bool type_i = (flags & gre_flag::kSequence) == 0 &&
                      c.out.via_storage[c.out.via_count - 1U].next == 0x88be;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  if (type_i) return {ethernet};
  if (!c.need(8, kName)) return kFinished;
  via->flags = c.at.u8(0) >> 4;
  via->next = c.at.be16(0) & 0xfffU;
  via->key = c.at.be16(2) & 0x3ffU;
  c.enter_zone(kName, via->key);
  if (via->flags == kVersionII) {
    c.at.skip(8);
    return {ethernet};
  }
  if (via->flags != kVersionIII || !c.need(12, kName))
    return c.stop(DecodeStop::kUnsupported, kName);
  return type_iii_payload(c);
}

}  // namespace natlens::decode
