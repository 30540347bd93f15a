// Sources: www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html and its neighbours; Apple's
// bsd/net/pktap.h.

#include "link_hints.h"

#include <algorithm>
#include <charconv>

namespace natlens::capture {
namespace {

constexpr std::size_t kSllBytes = 16;
constexpr std::size_t kSll2Bytes = 20;
constexpr std::size_t kPktapBytes = 108;

// sll_pkttype of packet(7): 4 is PACKET_OUTGOING, what is below came in.
FrameDirection from_packet_type(unsigned type) {
  if (type < 4) return FrameDirection::kIn;
  return type == 4 ? FrameDirection::kOut : FrameDirection::kUnknown;
}

LinkHints read_sll2(ByteView frame) {
  LinkHints hints;
  if (frame.size() < kSll2Bytes) return hints;
  hints.direction = from_packet_type(frame[10]);
  hints.interface[0] = 'i';
  hints.interface[1] = 'f';
  std::to_chars(hints.interface.data() + 2, hints.interface.data() + hints.interface.size(),
                load_be32(frame, 4));
  return hints;
}

LinkHints read_pktap(ByteView frame) {
  LinkHints hints;
  if (frame.size() < kPktapBytes) return hints;
  constexpr std::size_t kNameAt = 12;
  constexpr std::size_t kFlagsAt = 36;
  for (std::size_t i = 0; i < hints.interface.size() && frame[kNameAt + i] != 0; ++i) {
    hints.interface[i] = static_cast<char>(frame[kNameAt + i]);
  }
  const std::uint32_t flags = load_le32(frame, kFlagsAt) & 3;
  hints.direction = flags == 1   ? FrameDirection::kIn
                    : flags == 2 ? FrameDirection::kOut
                                 : FrameDirection::kUnknown;
  return hints;
}

}  // namespace

LinkHints read_link_hints(LinkType link_type, ByteView frame) {
  LinkHints hints;
  switch (link_type) {
    case kLinkSll2:
      return read_sll2(frame);
    case kLinkPktap:
      return read_pktap(frame);
    case kLinkUser2:
      if (frame.size() >= kPktapBytes && load_le32(frame, 0) == kPktapBytes)
        return read_pktap(frame);
      break;
    case kLinkSll:
      if (frame.size() >= kSllBytes) hints.direction = from_packet_type(load_be16(frame, 0));
      break;
    case kLinkPppPppd:
    case kLinkPppWithDirection:
    case kLinkCiscoHdlcWithDirection:
    case kLinkFrameRelayWithDirection:
      if (!frame.empty())
        hints.direction = frame[0] == 0 ? FrameDirection::kIn : FrameDirection::kOut;
      break;
    default:
      break;
  }
  return hints;
}

bool tells_interface(LinkType link_type) {
  return link_type == kLinkSll2 || link_type == kLinkPktap;
}

}  // namespace natlens::capture
