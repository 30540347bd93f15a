// Apple's PKTAP (LINKTYPE 258, and 149 as older systems wrote it): a little-endian header that
// names the interface and the link type of what follows.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::size_t kMinHeader = 108;
constexpr std::uint32_t kDltRaw = 12;
constexpr std::uint32_t kLinkTypeRaw = 101;

}  // namespace

Step link_pktap(Context& c) {
  if (!c.need(kMinHeader, Encapsulation::kPktap)) return kFinished;
  Via* via = c.add_via(Encapsulation::kPktap);
  if (via == nullptr) return kFinished;
  const std::size_t length = load_le32(c.at.bytes(), 0);
  const std::uint32_t record_type = load_le32(c.at.bytes(), 4);
  const std::uint32_t link_type = load_le32(c.at.bytes(), 8);
  via->key = link_type;
  via->aux = load_le32(c.at.bytes(), 36);
  if (length < kMinHeader || length > c.at.wire)
    return c.stop(DecodeStop::kMalformed, Encapsulation::kPktap);
  if (record_type != 1 || link_type > 0xffff || link_type == 258 || link_type == 149) {
    return c.stop(DecodeStop::kUnsupported, Encapsulation::kPktap);
  }
  c.at.skip(length);
  return by_link_type(
      c, static_cast<capture::LinkType>(link_type == kDltRaw ? kLinkTypeRaw : link_type));
}

// LINKTYPE_USER2 is private, but old macOS wrote PKTAP under it.
Step link_user2(Context& c) {
  if (c.at.captured >= 4 && load_le32(c.at.bytes(), 0) == kMinHeader) return {link_pktap};
  return c.stop(DecodeStop::kUnsupported, Encapsulation::kNone);
}

}  // namespace natlens::decode
