// AYIYA (draft-massar-v6ops-ayiya): lengths of identity and signature in the first two bytes,
// then epoch, identity and signature before the packet.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kAyiya;
constexpr std::uint8_t kForward = 1;

std::size_t header_bytes(const Cursor& at) {
  return 8U + (std::size_t{1} << (at.u8(0) >> 4)) + (at.u8(1) >> 4) * 4U;
}

}  // namespace

bool ayiya_fits(const Context& c) {
  return c.at.captured >= 8 && (c.at.u8(0) & 0xfU) <= 3 && header_bytes(c.at) <= c.at.wire;
}

Step ayiya(Context& c) {
  Via* via = c.add_via(kName);
  if (via == nullptr || !c.need(8, kName)) return kFinished;
  const std::size_t header = header_bytes(c.at);
  via->flags = c.at.u8(2) & 0xfU;
  via->next = c.at.u8(3);
  if (!c.need(header, kName)) return kFinished;
  c.at.skip(header);
  if (via->flags != kForward || c.at.wire == 0) return kFinished;  // heartbeats and questions
  c.enter_zone_of_outer_pair(kName);
  switch (via->next) {
    case protocol::kIpip:
      return {ipv4};
    case protocol::kIpv6:
      return {ipv6};
    case 59:
      return kFinished;
    default:
      return c.stop(DecodeStop::kUnsupported, kName);
  }
}

}  // namespace natlens::decode
