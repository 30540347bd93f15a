// A packet as the kernel's tracking reads it: the transport header found by its rules, the
// tuple, and the bytes that were captured of it.
//
// The decoder's layers are more generous than the kernel (it follows AH in IPv4, mobility
// headers and tunnels), so the headers are walked again here, by nf_conntrack_core.c
// (get_l4proto, nf_ct_get_tuple) and ipv6_skip_exthdr.
#pragma once

#include <cstdint>
#include <optional>

#include "natlens/conntrack/records.h"
#include "natlens/decode/records.h"
#include "natlens/net/address.h"
#include "natlens/net/bytes.h"

namespace natlens::conntrack {

// An IP packet's transport header and what follows, cut to the packet's own length.
struct Transport {
  ByteView captured;             // from the transport header on
  std::uint32_t wire_bytes = 0;  // the same, as long as it was on the wire
  std::uint8_t protocol = 0;

  // Bytes that the packet has but the capture does not.
  bool cut(std::size_t needed) const {
    return captured.size() < needed && wire_bytes >= needed;
  }
  bool complete() const { return captured.size() == wire_bytes; }
};

// What could be read of a packet.
enum class Readable : std::uint8_t {
  kYes,
  kInvalid,  // the kernel cannot read it either: INVALID with `reason`
  kCut,      // the capture does not hold enough; nothing can be said
};

struct PacketView {
  Transport transport;
  Tuple tuple;
  std::uint32_t ip_bytes = 0;  // length of the IP packet
  Readable readable = Readable::kInvalid;
  InvalidReason reason = InvalidReason::kNone;
};

// Does DCCP have ports in its tuple? Kernels that no longer track it key it by address alone.
enum class Dccp : std::uint8_t { kAddressesOnly, kPorts };

// Finds transport header and tuple of a whole (or reassembled) packet.
PacketView view_packet(const decode::Layer& layer, Dccp dccp = Dccp::kAddressesOnly);

// The packet that an ICMP error quotes; `quote` is what follows the 8 bytes of the ICMP header.
// Only as much as the kernel needs: a tuple, or nothing with a reason.
PacketView view_quote(ByteView quote,
                      std::uint32_t wire_bytes,
                      std::uint8_t version,
                      Dccp dccp = Dccp::kAddressesOnly);

}  // namespace natlens::conntrack
