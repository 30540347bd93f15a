// Structural checks: does what is at the cursor look like the header that is claimed? They read
// only what is captured; where the capture ends, what is there decides.
#pragma once

#include "context.h"

namespace natlens::decode {

enum class Fit : std::uint8_t { kWithin, kExact };  // may bytes follow the packet?

// An IPv4 or IPv6 header whose version, header length and total length fit.
bool plausible_ip(const Cursor& at, Fit fit);
// The same, with addresses that a host can send from, and a correct IPv4 header checksum: for
// matches that no number outside supports.
bool convincing_ip(const Cursor& at, Fit fit);
// An Ethernet header with a type that we read, or an LLC length that fits; IP inside must fit.
bool plausible_ethernet(const Cursor& at);
// An Ethernet header with a convincing IP packet behind it.
bool convincing_ethernet(const Cursor& at);

}  // namespace natlens::decode
