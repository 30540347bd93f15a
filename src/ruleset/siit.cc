#include "siit.h"

#include <algorithm>
#include <array>

#include "natlens/net/bytes.h"

#include "packet_layer.h"
#include "siit_icmp.h"

namespace natlens::ruleset {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kIcmpBytes = 8;
constexpr std::size_t kLeastMtuV6 = 1280;
constexpr std::size_t kLargestUnfragmentable = 1260;  // RFC 7915 5.1
constexpr std::uint32_t kPieceV6 = 1232;
constexpr std::uint8_t kRoutingHeader = 43;
constexpr std::uint16_t kDontFragment = 0x4000;

// What follows an IPv6 header that a translator leaves out; a routing header that has not done
// its work stops it (RFC 7915 5.1). So does a source route in IPv4 (4.1).
bool may_lose_options(const decode::Layer& layer) {
  const ByteView ip = layer.ip;
  const std::size_t end = ip.size() - layer.l4.size();
  if (layer.version == 6) {
    std::uint8_t next = ip[6];
    for (std::size_t at = kIpv6Bytes; at + 8 <= end;) {
      if (next == kRoutingHeader && ip[at + 3] != 0) return false;
      next = ip[at];
      at += (ip[at + 1] + std::size_t{1}) * 8;
    }
    return true;
  }
  constexpr std::uint8_t kEnd = 0, kNop = 1, kLoose = 131, kStrict = 137;
  for (std::size_t at = kIpv4Bytes; at < end && ip[at] != kEnd;) {
    if (ip[at] == kNop) {
      ++at;
      continue;
    }
    if (at + 3 > end || ip[at + 1] < 2) return true;
    if ((ip[at] == kLoose || ip[at] == kStrict) && ip[at + 2] <= ip[at + 1]) return false;
    at += ip[at + 1];
  }
  return true;
}

Bytes header_v4(const decode::Layer& from, const Tuple& to, std::size_t payload) {
  Bytes out(kIpv4Bytes);
  out[0] = 0x45;
  out[1] = from.tos;
  store_be16(out, 2, static_cast<std::uint32_t>(kIpv4Bytes + payload));
  out[8] = from.ttl;
  out[9] = to.protocol;
  std::copy_n(to.src.bytes().begin(), 4, out.begin() + 12);
  std::copy_n(to.dst.bytes().begin(), 4, out.begin() + 16);
  return out;
}

Bytes header_v6(const decode::Layer& from, const Tuple& to, std::size_t payload) {
  Bytes out(kIpv6Bytes);
  out[0] = static_cast<std::uint8_t>(0x60U | (from.tos >> 4));
  out[1] = static_cast<std::uint8_t>(from.tos << 4);
  store_be16(out, 4, static_cast<std::uint32_t>(payload));
  out[6] = to.protocol;
  out[7] = from.ttl;
  std::copy_n(to.src.bytes().begin(), 16, out.begin() + 8);
  std::copy_n(to.dst.bytes().begin(), 16, out.begin() + 24);
  return out;
}

void finish_v4(Bytes& ip, std::uint16_t identification, bool dont_fragment) {
  store_be16(ip, 4, dont_fragment ? 0 : identification);
  store_be16(ip, 6, dont_fragment ? kDontFragment : 0);
  store_be16(ip, 10, 0);
  store_be16(ip, 10, checksum(ByteView(ip).first(kIpv4Bytes)));
}

// What a checksum covers besides the transport's bytes.
std::uint16_t pseudo_sum(const Address& src,
                         const Address& dst,
                         std::uint8_t protocol,
                         std::size_t length) {
  if (protocol == protocol::kIcmp) return 0;
  const std::array<std::uint8_t, 4> tail{0, protocol, static_cast<std::uint8_t>(length >> 8),
                                         static_cast<std::uint8_t>(length)};
  return checksum_add(tail, checksum_add(src.bytes(), checksum_add(dst.bytes())));
}

std::size_t checksum_offset(std::uint8_t protocol) {
  return protocol == protocol::kTcp ? 16 : protocol == protocol::kUdp ? 6 : 2;
}

// RFC 1624, equation 3, with sums for words.
std::uint16_t carried(std::uint16_t field, std::uint16_t from, std::uint16_t to) {
  std::uint32_t sum = static_cast<std::uint16_t>(~field) +
                      std::uint32_t{static_cast<std::uint16_t>(~from)} + to;
  sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>(~((sum & 0xffffU) + (sum >> 16)));
}

// The first bytes of a transport header with other ports, id, type and code.
bool set_head(Bytes& body, const decode::Layer& from, const Tuple& to) {
  if (!is_icmp(from.protocol)) {
    store_be16(body, 0, to.src_port);
    store_be16(body, 2, to.dst_port);
    return true;
  }
  const IcmpHead head{body[0], body[1], load_be32(body, 4)};
  const auto crossed = from.version == 4 ? icmp_to_v6(head, 0) : icmp_to_v4(head);
  if (!crossed || from.icmp.error) return false;
  body[0] = crossed->type;
  body[1] = crossed->code;
  store_be16(body, 4, to.src_port);
  return true;
}

// The transport's bytes with the ends of `to`, its checksum right as far as it was. A datagram
// without a checksum gets one, if all of it is there (RFC 7915 4.5).
std::optional<Bytes> crossed_body(const decode::Layer& from, const Tuple& to) {
  Bytes body(from.l4.begin(), from.l4.end());
  const std::size_t at = checksum_offset(from.protocol);
  // A quoted packet may end behind its ports.
  if (body.size() < 8 || (!from.quoted && body.size() < at + 2)) return std::nullopt;
  const std::uint32_t length = from.l4_wire_bytes;
  const std::uint16_t before = pseudo_sum(from.src, from.dst, from.protocol, length);
  const std::uint16_t after = pseudo_sum(to.src, to.dst, to.protocol, length);
  const auto head_sum = [&] {
    return is_icmp(from.protocol) ? checksum_add(ByteView(body).subspan(4, 2),
                                                 checksum_add(ByteView(body).first(2)))
                                  : checksum_add(ByteView(body).first(4));
  };
  const std::uint16_t head_before = head_sum();
  if (!set_head(body, from, to)) return std::nullopt;
  if (body.size() < at + 2) return body;
  const std::uint16_t field = load_be16(body, at);
  const bool whole = body.size() == length;
  const bool absent = from.protocol == protocol::kUdp && field == 0;
  if (absent && !whole) return from.quoted ? std::optional(body) : std::nullopt;
  // What a sender left to its network card is the pseudo header's sum.
  const bool left_to_card =
      whole && !is_icmp(from.protocol) && field == before && checksum(from.l4, before) != 0;
  std::uint16_t next = 0;
  if (absent || left_to_card) {
    store_be16(body, at, 0);
    next = checksum(body, after);
  } else {
    next = carried(carried(field, before, after), head_before, head_sum());
  }
  store_be16(body, at, next == 0 && from.protocol == protocol::kUdp ? 0xffff : next);
  return body;
}

Bytes joined(Bytes head, const Bytes& body) {
  head.insert(head.end(), body.begin(), body.end());
  return head;
}

}  // namespace

std::optional<CrossedPacket> cross(const decode::Layer& layer,
                                   const Tuple& to,
                                   std::uint16_t identification,
                                   std::vector<std::uint32_t> cuts) {
  const auto body = may_lose_options(layer) ? crossed_body(layer, to) : std::nullopt;
  if (!body) return std::nullopt;
  const std::size_t payload = std::max<std::size_t>(layer.l4_wire_bytes, body->size());
  CrossedPacket out;
  out.cuts = std::move(cuts);
  if (layer.version == 6) {
    out.ip = joined(header_v4(layer, to, payload), *body);
    const bool pieces = out.cuts.size() > 1;
    finish_v4(out.ip, pieces ? static_cast<std::uint16_t>(layer.ip_id) : identification,
              !pieces && kIpv4Bytes + payload > kLargestUnfragmentable);
    return out;
  }
  out.ip = joined(header_v6(layer, to, payload), *body);
  const bool too_big = !layer.dont_fragment && kIpv6Bytes + payload > kLeastMtuV6;
  if (too_big && out.cuts.size() < 2) {
    out.cuts.clear();
    for (std::uint32_t at = 0; at < payload; at += kPieceV6) out.cuts.push_back(at);
  }
  return out;
}

std::optional<CrossedPacket> cross_error(const decode::Layer& layer,
                                         const decode::Layer& quoted,
                                         const Tuple& to,
                                         const Tuple& quoted_to,
                                         std::uint16_t identification) {
  const IcmpHead head{layer.icmp.type, layer.icmp.code, load_be32(layer.l4, 4)};
  const auto crossed =
      layer.version == 4 ? icmp_to_v6(head, quoted.total_bytes) : icmp_to_v4(head);
  const auto inner = crossed_body(quoted, quoted_to);
  if (!crossed || !inner) return std::nullopt;
  const bool to_v4 = layer.version == 6;
  const std::size_t inner_payload = quoted.l4_wire_bytes;
  Bytes quote = to_v4 ? header_v4(quoted, quoted_to, inner_payload)
                      : header_v6(quoted, quoted_to, inner_payload);
  if (to_v4) finish_v4(quote, static_cast<std::uint16_t>(quoted.ip_id), false);
  Bytes body(kIcmpBytes);
  body[0] = crossed->type;
  body[1] = crossed->code;
  store_be32(body, 4, crossed->rest);
  body = joined(joined(std::move(body), quote), *inner);
  // An error may not be larger than any link takes (RFC 4443 2.4, RFC 1812 4.3.2.3).
  const std::size_t most = to_v4 ? 576 - kIpv4Bytes : kLeastMtuV6 - kIpv6Bytes;
  body.resize(std::min(body.size(), most));
  store_be16(body, 2, checksum(body, pseudo_sum(to.src, to.dst, to.protocol, body.size())));
  CrossedPacket out;
  out.ip = joined(to_v4 ? header_v4(layer, to, body.size()) : header_v6(layer, to, body.size()),
                  body);
  if (to_v4) finish_v4(out.ip, identification, false);
  return out;
}

}  // namespace natlens::ruleset
