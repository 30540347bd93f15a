// What link layers tell of where and which way a frame was captured. Not decoding: no more than
// a few fields at fixed places, for the link types that have them.
#pragma once

#include <array>
#include <cstdint>

#include "natlens/capture/records.h"
#include "natlens/net/bytes.h"

namespace natlens::capture {

inline constexpr LinkType kLinkEthernet = 1;
inline constexpr LinkType kLinkPppPppd = 166;
inline constexpr LinkType kLinkSll = 113;
inline constexpr LinkType kLinkUser2 = 149;  // PKTAP in files of old macOS
inline constexpr LinkType kLinkPppWithDirection = 204;
inline constexpr LinkType kLinkCiscoHdlcWithDirection = 205;
inline constexpr LinkType kLinkFrameRelayWithDirection = 206;
inline constexpr LinkType kLinkPktap = 258;
inline constexpr LinkType kLinkSll2 = 276;

struct LinkHints {
  FrameDirection direction = FrameDirection::kUnknown;
  std::array<char, 24> interface {};  // "if3" (SLL2), "en0" (PKTAP); zeros = not told
};

LinkHints read_link_hints(LinkType link_type, ByteView frame);

// Whether frames of this link type name their interface.
bool tells_interface(LinkType link_type);

}  // namespace natlens::capture
