// What IPv4 and IPv6 have in common once their header is read: handing fragments to reassembly,
// and moving the cursor to the payload.
#pragma once

#include "context.h"
#include "reassembly.h"

namespace natlens::decode {

// REQUIRES: the cursor is at the transport header of c.layer() and limited to this packet.
// Fills l4, l4_wire_bytes, l4_offset, and goes on by protocol.
Step ip_payload(Context& c, std::uint8_t protocol);

// The rest of an IPv6 header, from what c.layer().protocol names (ipv6.cc).
Step ipv6_extensions(Context& c);

// REQUIRES: c.layer().fragment; the cursor is at the fragment's data, `header` is the captured
// IP header before it (IPv6: with the extension headers before the fragment header) and
// `protocol` what the fragment's data is. Goes on with the whole datagram if this frame
// completes it.
Step ip_fragment(Context& c, ByteView header, std::uint8_t protocol);

}  // namespace natlens::decode
