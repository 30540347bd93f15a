// The numbers that choose a parser, and the parsers they choose. To add an encapsulation: write
// its file, declare its parser here, add its row in tables.cc.
#pragma once

#include "context.h"

namespace natlens::decode {

// Link types (link_*.cc).
Step link_null(Context&);
Step link_loop(Context&);
Step link_sll(Context&);
Step link_sll2(Context&);
Step link_raw(Context&);

// Ethertypes.
Step vlan(Context&);
Step qinq(Context&);
Step arp(Context&);

// IP protocols (transport.cc, icmp.cc).
Step tcp(Context&);
Step udp(Context&);
Step udp_lite(Context&);
Step sctp(Context&);
Step dccp(Context&);
Step icmp(Context&);
Step icmpv6(Context&);

}  // namespace natlens::decode
