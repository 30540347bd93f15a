// Inverse tuples (nf_ct_invert_tuple, icmp_invert_tuple, icmpv6_invert_tuple).
#include "tuples.h"

#include <array>

#include "natlens/conntrack/tracker.h"

namespace natlens::conntrack {
namespace {

struct TypePair {
  std::uint8_t request;
  std::uint8_t reply;
};
// RFC 792, RFC 950: echo, timestamp, information, address mask.
constexpr auto kIcmpPairs = std::to_array<TypePair>({{8, 0}, {13, 14}, {15, 16}, {17, 18}});
// RFC 4443 echo, RFC 4620 node information.
constexpr auto kIcmpv6Pairs = std::to_array<TypePair>({{128, 129}, {139, 140}});

template <typename Pairs>
bool find_partner(const Pairs& pairs, std::uint8_t type, std::uint8_t& partner) {
  for (const TypePair& pair : pairs) {
    if (type == pair.request || type == pair.reply) {
      partner = type == pair.request ? pair.reply : pair.request;
      return true;
    }
  }
  return false;
}

}  // namespace

bool paired_type(std::uint8_t protocol, std::uint8_t type, std::uint8_t& partner) {
  return protocol == protocol::kIcmp ? find_partner(kIcmpPairs, type, partner)
                                     : find_partner(kIcmpv6Pairs, type, partner);
}

bool invert(const Tuple& tuple, Tuple& reply) {
  reply = tuple;
  reply.src = tuple.dst;
  reply.dst = tuple.src;
  if (tuple.protocol == protocol::kIcmp || tuple.protocol == protocol::kIcmpv6) {
    std::uint8_t partner = 0;
    if (!paired_type(tuple.protocol, static_cast<std::uint8_t>(tuple.dst_port >> 8), partner)) {
      return false;
    }
    reply.dst_port = static_cast<std::uint16_t>((partner << 8) | (tuple.dst_port & 0xffU));
    return true;
  }
  reply.src_port = tuple.dst_port;
  reply.dst_port = tuple.src_port;
  return true;
}

}  // namespace natlens::conntrack
