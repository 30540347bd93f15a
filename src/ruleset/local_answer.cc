#include "local_answer.h"

#include <algorithm>
#include <array>

#include "natlens/net/address.h"

namespace natlens::ruleset {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kErrorTos = 0xc0;  // internetwork control (RFC 1812 4.3.2.5)
constexpr std::size_t kMostV4 = 576;      // of an ICMP error (RFC 1812 4.3.2.3)
constexpr std::size_t kMostV6 = 1280;     // RFC 4443 2.4

// An IP header back to the sender of `ip`, and room for `size` bytes behind it.
Bytes header_to_sender(ByteView ip, std::uint8_t protocol, std::size_t size, std::uint8_t tos) {
  const bool v6 = (ip[0] >> 4) == 6;
  const std::size_t header = v6 ? 40 : 20;
  Bytes out(header + size);
  if (v6) {
    out[0] = 0x60;
    store_be16(out, 4, static_cast<std::uint32_t>(size));
    out[6] = protocol;
    out[7] = kTtl;
    std::copy_n(ip.begin() + 24, 16, out.begin() + 8);
    std::copy_n(ip.begin() + 8, 16, out.begin() + 24);
    return out;
  }
  out[0] = 0x45;
  out[1] = tos;
  store_be16(out, 2, static_cast<std::uint32_t>(out.size()));
  store_be16(out, 6, tos == 0 ? 0x4000 : 0);  // answers of TCP may not be fragmented
  out[8] = kTtl;
  out[9] = protocol;
  std::copy_n(ip.begin() + 16, 4, out.begin() + 12);
  std::copy_n(ip.begin() + 12, 4, out.begin() + 16);
  store_be16(out, 10, checksum(ByteView(out).first(20)));
  return out;
}

void finish(Bytes& out, std::size_t checksum_offset, std::uint8_t protocol) {
  const bool v6 = (out[0] >> 4) == 6;
  const std::size_t header = v6 ? 40 : 20;
  const ByteView all(out);
  std::uint16_t pseudo = 0;
  if (protocol != protocol::kIcmp) {
    const std::array<std::uint8_t, 4> tail{
        0, protocol, static_cast<std::uint8_t>((out.size() - header) >> 8),
        static_cast<std::uint8_t>(out.size() - header)};
    pseudo = checksum_add(tail, checksum_add(v6 ? all.subspan(8, 32) : all.subspan(12, 8)));
  }
  store_be16(out, header + checksum_offset, checksum(all.subspan(header), pseudo));
}

// RFC 9293 3.10.7.1.
Bytes reset(ByteView ip, std::size_t at) {
  constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
  const std::uint8_t flags = load_u8(ip, at + 13);
  if ((flags & kRst) != 0) {
    return {};
  }
  Bytes out = header_to_sender(ip, protocol::kTcp, 20, 0);
  const std::size_t tcp = out.size() - 20;
  store_be16(out, tcp, load_be16(ip, at + 2));
  store_be16(out, tcp + 2, load_be16(ip, at));
  out[tcp + 12] = 5 << 4;
  out[tcp + 13] = kRst;
  if ((flags & kAck) != 0) {
    store_be32(out, tcp + 4, load_be32(ip, at + 8));
  } else {
    const std::size_t data =
        ip.size() - at - std::min<std::size_t>((ip[at + 12] >> 4) * 4U, ip.size() - at);
    store_be32(out, tcp + 8,
               load_be32(ip, at + 4) + static_cast<std::uint32_t>(data) +
                   ((flags & kSyn) != 0 ? 1 : 0) + ((flags & kFin) != 0 ? 1 : 0));
    out[tcp + 13] = kRst | kAck;
  }
  finish(out, 16, protocol::kTcp);
  return out;
}

// Type and code in either family (RFC 792, RFC 4443).
struct ErrorRow {
  std::uint8_t v4_type;
  std::uint8_t v4_code;
  std::uint8_t v6_type;
  std::uint8_t v6_code;
};
constexpr auto kErrors = std::to_array<ErrorRow>({
    {11, 0, 3, 0},  // kTtl
    {3, 4, 2, 0},   // kTooLarge
    {3, 0, 1, 0},   // kNoRoute
    {3, 3, 1, 4},   // kRejected: what `reject` says if nothing else is asked for
    {3, 3, 1, 4},   // kPort
});
static_assert(kErrors.size() == static_cast<std::size_t>(IcmpError::kCount));

void set_source(Bytes& out, const Address& src) {
  const bool v6 = (out[0] >> 4) == 6;
  const auto bytes = src.bytes();
  std::copy(bytes.begin(), bytes.end(), out.begin() + (v6 ? 8 : 12));
  if (!v6) {
    store_be16(out, 10, 0);
    store_be16(out, 10, checksum(ByteView(out).first(20)));
  }
}

Bytes echo(ByteView ip, std::size_t at, std::uint8_t protocol) {
  const bool v6 = protocol == protocol::kIcmpv6;
  if (load_u8(ip, at) != (v6 ? 128 : 8)) {
    return {};
  }
  Bytes out = header_to_sender(ip, protocol, ip.size() - at, 0);
  const std::size_t icmp = v6 ? 40 : 20;
  std::copy(ip.begin() + static_cast<std::ptrdiff_t>(at), ip.end(),
            out.begin() + static_cast<std::ptrdiff_t>(icmp));
  out[icmp] = v6 ? 129 : 0;
  store_be16(out, icmp + 2, 0);
  finish(out, 2, protocol);
  return out;
}

}  // namespace

Bytes error_about(ByteView ip, IcmpError error, const Address& src, std::uint32_t mtu) {
  const bool v6 = (ip[0] >> 4) == 6;
  const std::size_t most = (v6 ? kMostV6 - 40 : kMostV4 - 20) - 8;
  const ByteView quote = ip.first(std::min(ip.size(), most));
  const std::uint8_t protocol = v6 ? protocol::kIcmpv6 : protocol::kIcmp;
  Bytes out = header_to_sender(ip, protocol, 8 + quote.size(), kErrorTos);
  const ErrorRow& row = kErrors[static_cast<std::size_t>(error)];
  const std::size_t icmp = v6 ? 40 : 20;
  out[icmp] = v6 ? row.v6_type : row.v4_type;
  out[icmp + 1] = v6 ? row.v6_code : row.v4_code;
  if (error == IcmpError::kTooLarge) {
    v6 ? store_be32(out, icmp + 4, mtu) : store_be16(out, icmp + 6, mtu);
  }
  std::copy(quote.begin(), quote.end(), out.begin() + static_cast<std::ptrdiff_t>(icmp + 8));
  set_source(out, src);
  finish(out, 2, protocol);
  return out;
}

bool may_be_told(const decode::Layer& layer) {
  const auto src = layer.src.bytes();
  const bool nobody = layer.src.is_multicast() ||
                      (layer.src.is_v4() ? src[0] == 0 || src[0] == 127 || src[0] >= 240
                                         : std::all_of(src.begin(), src.end() - 1,
                                                       [](std::uint8_t b) { return b == 0; }));
  const bool error = layer.icmp.error &&
                     (layer.protocol == protocol::kIcmp || layer.protocol == protocol::kIcmpv6);
  return !nobody && !error && !layer.dst.is_multicast() &&
         (!layer.fragment || layer.fragment_offset == 0);
}

Bytes local_answer(ByteView ip, std::size_t at, std::uint8_t protocol) {
  if (protocol == protocol::kTcp && ip.size() >= at + 20) {
    return reset(ip, at);
  }
  if (protocol == protocol::kUdp && ip.size() >= at + 8) {
    const Address self = (ip[0] >> 4) == 6 ? Address::v6(ip.subspan(24).first<16>())
                                           : Address::v4(ip.subspan(16).first<4>());
    return error_about(ip, IcmpError::kPort, self, 0);
  }
  if ((protocol == protocol::kIcmp || protocol == protocol::kIcmpv6) && ip.size() >= at + 8) {
    return echo(ip, at, protocol);
  }
  return {};
}

}  // namespace natlens::ruleset
