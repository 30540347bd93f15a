// What changed between two connections that are the same traffic: which ends, hence which kind
// of translation, and which of the two is called inside.
#pragma once

#include <cstdint>

#include "natlens/correlate/records.h"
#include "natlens/net/address.h"

namespace natlens::correlate {

// A tuple turned so that `src` opened the connection at the other tap too.
Tuple turned(const Tuple& tuple);

// One host under two names: the same address, or an IPv4 address and an IPv6 one that holds it
// at a place where RFC 6052 2.2 puts it.
bool same_host(const Address& one, const Address& other);

// `other` is `one` under another prefix: the interface identifier is kept, or one word of it
// changed so that the sum of all words stays (RFC 6296 3.4, 3.5).
bool prefix_translated(const Address& one, const Address& other);

// Which ends two tuples share: host and port (ICMP: host, and id at the source).
struct SharedEnds {
  bool src = false;
  bool dst = false;
  bool src_port = false;  // the source kept its port, whatever its address
};
SharedEnds shared_ends(const Tuple& one, const Tuple& other);

// May these be the same traffic at all? Equal protocols (ICMP and ICMPv6 across families), and
// nothing changed where no router may pass it on: link-local multicast and broadcast (RFC 5771
// 4, RFC 4291 2.7).
bool may_be_same(const Tuple& one, const Tuple& other);
// ... where a name server passes on what it was asked, over UDP or TCP, as it likes.
bool may_pass_question(Tuple one, const Tuple& other);

// `ttl_changed`: the TTL differs between the two.
TranslationKind kind_of(const Tuple& first,
                        const Tuple& second,
                        bool same_tap,
                        bool ttl_changed);

// Which end (0 or 1) is called inside. `first` is the end where the connection entered: 0, 1,
// or -1 if that is not known.
unsigned inside_end(TranslationKind kind, int first, const Tuple& end0, const Tuple& end1);

}  // namespace natlens::correlate
