// Kinds and sides. snat and npt: inside shows the source's own address, which is where the
// opener's packet was seen first. dnat: inside shows the server's own address, which is where
// it was seen last; npt towards the inside is like it. Everything else: inside is where the
// connection entered. If the order is not known, private addresses tell (RFC 1918 ones are
// inside), then the order of taps.
#include "kinds.h"

#include <algorithm>
#include <utility>

#include "natlens/net/bytes.h"
#include "natlens/net/embedded.h"

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

bool embeds(const Address& v6, const Address& v4) {
  const auto forms = embedded_forms();
  return std::any_of(forms.begin(), forms.end(), [&](const EmbeddedForm& form) {
    const bool reserved = form.prefix_bits == 96 || v6.bytes()[8] == 0;
    return reserved && extract_embedded(v6, form) == v4;
  });
}

}  // namespace

bool same_host(const Address& one, const Address& other) {
  if (one.family() == other.family()) return one == other;
  return one.is_v6() ? embeds(one, other) : other.is_v6() && embeds(other, one);
}

bool prefix_translated(const Address& one, const Address& other) {
  if (!one.is_v6() || !other.is_v6() || one == other) return false;
  int changed = 0;
  for (std::size_t word = 8; word < 16; word += 2) {
    changed += load_be16(one.bytes(), word) != load_be16(other.bytes(), word) ? 1 : 0;
  }
  if (changed > 1) return false;
  // One's complement zero has two forms (RFC 1071).
  const auto sum = [](const Address& a) { return checksum_add(a.bytes()) % 0xffffU; };
  return changed == 0 || sum(one) == sum(other);
}

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
  out.src = same_host(one.src, other.src) && out.src_port;
  out.dst = same_host(one.dst, other.dst) && (icmp || one.dst_port == other.dst_port);
  return out;
}

bool may_be_same(const Tuple& one, const Tuple& other) {
  const bool icmp = is_icmp(one.protocol) && is_icmp(other.protocol);
  if (one.protocol != other.protocol && !icmp) return false;
  if (!stays_on_link(one.dst) && !stays_on_link(other.dst)) return true;
  return one.src == other.src && one.dst == other.dst;
}

bool may_pass_question(Tuple one, const Tuple& other) {
  const auto asks = [](std::uint8_t p) { return p == protocol::kUdp || p == protocol::kTcp; };
  if (asks(one.protocol) && asks(other.protocol)) one.protocol = other.protocol;
  return may_be_same(one, other);
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
  if (shared.dst) {
    const bool npt = shared.src_port && prefix_translated(first.src, second.src);
    return npt ? TranslationKind::kNpt : TranslationKind::kSnat;
  }
  if (shared.src) {
    const bool npt =
        first.dst_port == second.dst_port && prefix_translated(first.dst, second.dst);
    return npt ? TranslationKind::kNpt : TranslationKind::kDnat;
  }
  return same_link ? TranslationKind::kHairpin : TranslationKind::kTwice;
}

unsigned inside_end(TranslationKind kind, int first, const Tuple& end0, const Tuple& end1) {
  const bool by_server =
      kind == TranslationKind::kDnat || (kind == TranslationKind::kNpt && end0.dst != end1.dst);
  if (first >= 0) return static_cast<unsigned>(by_server ? 1 - first : first);
  const int guess =
      by_server ? private_end(end0.dst, end1.dst) : private_end(end0.src, end1.src);
  return guess == 1 ? 1 : 0;
}

}  // namespace natlens::correlate
