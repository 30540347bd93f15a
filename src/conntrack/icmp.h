// What is special about ICMP and ICMPv6 before any tuple is looked up
// (nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c).
#pragma once

#include "natlens/decode/records.h"

#include "checksum.h"
#include "packet_view.h"

namespace natlens::conntrack {

enum class IcmpKind : std::uint8_t {
  kQuery,      // goes on as a packet of its own entry
  kError,      // speaks of the quoted packet's entry
  kUntracked,  // neighbour discovery, multicast listeners
  kInvalid,    // IcmpCheck::reason says why
};

struct IcmpCheck {
  IcmpKind kind = IcmpKind::kQuery;
  InvalidReason reason = InvalidReason::kNone;
  ByteView quote;                 // of an error: from the quoted IP header on
  std::uint32_t quote_bytes = 0;  // on the wire
};

// Does an ICMP message of this family need check_icmp()? ICMPv6 in IPv4 is an ordinary packet.
bool is_icmp_of_family(const PacketView& view);

// REQUIRES: is_icmp_of_family(view).
IcmpCheck check_icmp(const PacketView& view,
                     const decode::Layer& layer,
                     ChecksumJudge& checksums);

// The quote of an error, without judging anything else; kind tells whether it is one.
IcmpCheck find_quote(const PacketView& view, const decode::Layer& layer);

}  // namespace natlens::conntrack
