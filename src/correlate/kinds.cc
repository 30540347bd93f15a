// Kinds and sides. snat and npt: inside shows the source's own address, which is where the
// opener's packet was seen first. dnat: inside shows the server's own address, which is where
// it was seen last. Everything else: inside is where the connection entered. If the order is
// not known, private addresses tell (RFC 1918 ones are inside), then the order of taps.
#include "kinds.h"

#include <utility>

namespace natlens::correlate {
namespace {

bool is_icmp(std::uint8_t number) {
  return number == protocol::kIcmp || number == protocol::kIcmpv6;
}

// 224.0.0.0/24, 255.255.255.255, ff02::/16 and smaller scopes.
bool stays_on_link(const Address& address) {
  if (!address.is_multicast()) return false;
  const auto bytes = address.bytes();
  if (address.is_v6()) return (bytes[1] & 15U) <= 2;
  return bytes[0] == 255 || (bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0);
}

// The end whose `address` is private while the other's is not; -1 if that does not tell.
int private_end(const Address& end0, const Address& end1) {
  if (end0.is_private() == end1.is_private()) return -1;
  return end0.is_private() ? 0 : 1;
}

}  // namespace

Tuple turned(const Tuple& tuple) {
  Tuple out = tuple;
  std::swap(out.src, out.dst);
  if (!is_icmp(tuple.protocol)) std::swap(out.src_port, out.dst_port);
  return out;
}

SharedEnds shared_ends(const Tuple& one, const Tuple& other) {
  SharedEnds out;
  const bool icmp = is_icmp(one.protocol);
  out.src_port = one.src_port == other.src_port;
  out.src = one.src == other.src && out.src_port;
  out.dst = one.dst == other.dst && (icmp || one.dst_port == other.dst_port);
  return out;
}

bool may_be_same(const Tuple& one, const Tuple& other) {
  const bool icmp = is_icmp(one.protocol) && is_icmp(other.protocol);
  if (one.protocol != other.protocol && !icmp) return false;
  if (!stays_on_link(one.dst) && !stays_on_link(other.dst)) return true;
  return one.src == other.src && one.dst == other.dst;
}

TranslationKind kind_of(const Tuple& first,
                        const Tuple& second,
                        bool same_link,
                        bool ttl_changed) {
  if (first.src.family() != second.src.family()) {
    return first.src.is_v6() ? TranslationKind::kNat64 : TranslationKind::kNat46;
  }
  const SharedEnds shared = shared_ends(first, second);
  if (shared.src && shared.dst) {
    return ttl_changed ? TranslationKind::kRouted : TranslationKind::kBridged;
  }
  if (shared.dst) return TranslationKind::kSnat;
  if (shared.src) return TranslationKind::kDnat;
  return same_link ? TranslationKind::kHairpin : TranslationKind::kTwice;
}

unsigned inside_end(TranslationKind kind, int first, const Tuple& end0, const Tuple& end1) {
  const bool by_server = kind == TranslationKind::kDnat;
  if (first >= 0) return static_cast<unsigned>(by_server ? 1 - first : first);
  const int guess =
      by_server ? private_end(end0.dst, end1.dst) : private_end(end0.src, end1.src);
  return guess == 1 ? 1 : 0;
}

}  // namespace natlens::correlate
