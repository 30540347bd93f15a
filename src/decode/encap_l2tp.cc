// L2TP version 2 (RFC 2661) in UDP, version 3 (RFC 3931) in UDP or IP. Ids are chosen by the
// receiver, so the zone is the pair of outer addresses. Version 3 says nowhere how long cookie
// and sublayer are: an Ethernet frame is looked for behind 0, 4, 8 or 12 bytes, and the place
// is believed once three packets of the session had it.
#include "flow_memory.h"
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kL2tp;
constexpr std::uint16_t kControl = 0x8000;
constexpr std::uint16_t kLength = 0x4000;
constexpr std::uint16_t kSequence = 0x0800;
constexpr std::uint16_t kOffset = 0x0200;
constexpr std::uint8_t kControlFlag = 0x80;  // in Via::flags, with the version
constexpr std::uint8_t kPacketsToBelieve = 3;

std::size_t header_v2(const Cursor& at, std::uint16_t flags) {
  std::size_t bytes = 6;
  if ((flags & kLength) != 0) bytes += 2;
  if ((flags & kSequence) != 0) bytes += 4;
  if ((flags & kOffset) != 0) {
    bytes += 2;
    if (bytes <= at.captured) bytes += at.be16(bytes - 2);
  }
  return bytes;
}

Step version_2(Context& c, Via& via, std::uint16_t flags) {
  const std::size_t header = header_v2(c.at, flags);
  const std::size_t ids = (flags & kLength) != 0 ? 4 : 2;
  if (!c.need(ids + 4, kName)) return kFinished;
  if ((flags & kLength) != 0) c.at.limit(c.at.be16(2));
  if (!c.need(header, kName)) return kFinished;
  via.aux = c.at.be16(ids);
  via.key = c.at.be16(ids + 2);
  c.at.skip(header);
  if ((flags & kControl) != 0 || c.at.wire == 0) return kFinished;
  c.enter_zone_of_outer_pair(kName);
  return {ppp};
}

Step version_3_data(Context& c, const Via& via) {
  const std::uint64_t session = mix(mix(c.zone, via.key), content_hash(c.layer().dst.bytes()));
  for (std::uint32_t skip = 0; skip <= 12; skip += 4) {
    if (skip > c.at.captured) break;
    Cursor in = c.at;
    in.skip(skip);
    if (!plausible_ethernet(in)) continue;
    if (c.quoted || c.partial) break;
    const auto& seen = c.flows.seen_again(session, {kName, static_cast<std::uint8_t>(skip)});
    if (seen.count < kPacketsToBelieve) break;
    c.enter_zone_of_outer_pair(kName);
    c.at = in;
    return {ethernet};
  }
  return c.stop(DecodeStop::kUnsupported, kName);
}

}  // namespace

bool l2tp_fits(const Context& c) {
  if (c.at.captured < 8) return false;
  const std::uint16_t flags = c.at.be16(0);
  const unsigned version = flags & 0xfU;
  if (version == 3) return true;
  if (version != 2 || (flags & 0x34f0U) != 0) return false;
  if ((flags & kLength) != 0 && c.at.be16(2) > c.at.wire && !c.partial && !c.quoted)
    return false;
  return (flags & kControl) == 0 || ((flags & kLength) != 0 && (flags & kSequence) != 0);
}

Step l2tp(Context& c) {
  if (!c.need(8, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  const std::uint16_t flags = c.at.be16(0);
  via->flags =
      static_cast<std::uint8_t>((flags & 0xfU) | ((flags & kControl) != 0 ? kControlFlag : 0U));
  if ((flags & 0xfU) == 2) return version_2(c, *via, flags);
  via->key = c.at.be32(4);
  if ((flags & kControl) != 0) return kFinished;
  c.at.skip(8);
  return version_3_data(c, *via);
}

// Directly over IP: session id, 0 for control messages.
Step l2tpv3_in_ip(Context& c) {
  if (!c.need(4, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  via->key = c.at.be32(0);
  via->flags = static_cast<std::uint8_t>(3U | (via->key == 0 ? kControlFlag : 0U));
  if (via->key == 0) return kFinished;
  c.at.skip(4);
  return version_3_data(c, *via);
}

}  // namespace natlens::decode
