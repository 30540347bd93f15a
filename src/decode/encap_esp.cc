// ESP (RFC 4303), alone and in UDP (RFC 3948). Closed, but for the NULL cipher (RFC 2410):
// where the option is on, three packets of an SPI whose trailers and inner lengths fit for one
// length of the integrity value open it.
//
// With the keys of its association it is decrypted, and what comes out is a layer of its own.
// In transport mode that is the packet as the kernel hands it on: the IP header with the
// protocol of what was inside.
#include <array>

#include "flow_memory.h"
#include "opener.h"
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kEsp;
constexpr std::size_t kHeader = 8;
constexpr std::array<std::size_t, 5> kIcvBytes{12, 16, 0, 24, 32};
constexpr std::uint8_t kPacketsToBelieve = 3;
constexpr std::size_t kMinNullPayload = 20;

// Padding is 1, 2, 3...; before it the payload, behind it its length and the next header.
bool trailer_fits(ByteView body, std::uint8_t& next, std::size_t& payload) {
  if (body.size() < 2) return false;
  const std::size_t padding = body[body.size() - 2];
  next = body[body.size() - 1];
  if (padding + 2 + kMinNullPayload > body.size()) return false;
  payload = body.size() - 2 - padding;
  for (std::size_t i = 0; i < padding; ++i) {
    if (body[payload + i] != i + 1) return false;
  }
  return true;
}

bool payload_fits(const Cursor& at, std::uint8_t next) {
  switch (next) {
    case protocol::kIpip:
    case protocol::kIpv6:
      return convincing_ip(at, Fit::kExact) &&
             (at.u8(0) >> 4 == 4) == (next == protocol::kIpip);
    case protocol::kTcp:
      return at.captured >= 20 && at.u8(12) >> 4 >= 5 && (at.u8(12) >> 4) * 4U <= at.wire;
    case protocol::kUdp:
      return at.captured >= 8 && at.be16(4) == at.wire;
    default:
      return false;
  }
}

// Opens the packet at the cursor (behind SPI and sequence) if its SPI is known to be in clear.
Step null_cipher(Context& c, std::uint64_t spi) {
  if (c.at.cut() || c.quoted || c.partial) return c.stop(DecodeStop::kEncrypted, kName);
  for (const std::size_t icv : kIcvBytes) {
    if (c.at.captured < icv) continue;
    std::uint8_t next = 0;
    std::size_t payload = 0;
    if (!trailer_fits(c.at.bytes().first(c.at.captured - icv), next, payload)) continue;
    Cursor in = c.at;
    in.limit(payload);
    if (!payload_fits(in, next)) continue;
    const std::uint64_t sa = mix(spi, content_hash(c.layer().dst.bytes()));
    const auto& seen = c.flows.seen_again(sa, {kName, static_cast<std::uint8_t>(icv)});
    if (seen.count < kPacketsToBelieve) break;
    c.at = in;
    c.layer().l4 = in.bytes();
    c.layer().l4_wire_bytes = in.wire;
    c.layer().l4_offset = in.offset;
    return by_ip_protocol(c, next);
  }
  return c.stop(DecodeStop::kEncrypted, kName);
}

// In transport mode through UDP a NAT has changed the addresses under the checksum: it is made
// anew (RFC 3948, 3.1.2). REQUIRES: a whole IP packet of `header` and `bytes` at `ip`.
void renew_checksum(std::uint8_t* ip,
                    std::size_t header,
                    std::size_t bytes,
                    std::uint8_t next) {
  const std::size_t place = next == protocol::kTcp ? 16U : 6U;
  if ((next != protocol::kTcp && next != protocol::kUdp) || bytes < place + 2) return;
  const std::span<std::uint8_t> transport(ip + header, bytes);
  if (next == protocol::kUdp && load_be16(transport, place) == 0) return;
  store_be16(transport, place, 0);
  const bool v4 = ip[0] >> 4 == 4;
  std::array<std::uint8_t, 4> rest{0, next};
  store_be16(rest, 2, static_cast<std::uint32_t>(bytes));
  const ByteView ends(ip + (v4 ? 12 : 8), v4 ? 8U : 32U);
  const std::uint16_t sum = checksum(transport, checksum_add(rest, checksum_add(ends)));
  store_be16(transport, place, sum == 0 ? 0xffff : sum);
}

// Puts the outer IP header in front of what was inside, `bytes` at `plain`.
Step transport_mode(
    Context& c, std::uint8_t* plain, std::size_t bytes, std::uint8_t next, bool in_udp) {
  const ByteView outer = c.layer().ip;
  const bool v4 = c.layer().version == 4;
  const std::size_t header = v4 ? (outer[0] & 0xfU) * 4U : 40U;
  if (header + bytes > 0xffff || header > outer.size()) {
    return c.stop(DecodeStop::kMalformed, kName);
  }
  const std::span<std::uint8_t> ip(plain - header, header + bytes);
  std::copy_n(outer.begin(), header, ip.begin());
  if (v4) {
    store_be16(ip, 2, static_cast<std::uint32_t>(ip.size()));
    store_be16(ip, 6, load_be16(ip, 6) & 0x4000U);  // reassembled: no fragment any more
    ip[9] = next;
    store_be16(ip, 10, 0);
    store_be16(ip, 10, checksum(ByteView(ip).first(header)));
  } else {
    store_be16(ip, 4, static_cast<std::uint32_t>(bytes));
    ip[6] = next;
  }
  if (in_udp) renew_checksum(ip.data(), header, bytes, next);
  c.enter_zone_of_outer_pair(kName);
  c.enter_plain_text(ip.data(), ip.size());
  return v4 ? Step{ipv4} : Step{ipv6};
}

// Reads on in the plain text of an association: payload, padding, its length, the next header.
Step inside(Context& c,
            std::uint8_t* plain,
            const EspAssociations::Opened& opened,
            bool in_udp) {
  constexpr std::uint8_t kDummy = 59;  // a packet that is there to be counted (RFC 4303, 2.6)
  const ByteView text(plain, opened.bytes);
  const std::size_t padding = text.size() < 2 ? 0xffffU : text[text.size() - 2];
  if (padding + 2 > text.size()) {
    return c.stop(opened.authentic ? DecodeStop::kMalformed : DecodeStop::kUnauthentic, kName);
  }
  const std::uint8_t next = text.back();
  const std::size_t bytes = text.size() - 2 - padding;
  if (!opened.authentic) {
    std::uint8_t claimed = 0;
    std::size_t payload = 0;
    const auto wire = static_cast<std::uint32_t>(bytes);
    if (!trailer_fits(text, claimed, payload) ||
        !payload_fits({.data = plain, .captured = wire, .wire = wire}, next)) {
      return c.stop(DecodeStop::kUnauthentic, kName);
    }
  }
  if (next == kDummy) return kFinished;
  if (next != protocol::kIpip && next != protocol::kIpv6) {
    return transport_mode(c, plain, bytes, next, in_udp);
  }
  c.enter_zone_of_outer_pair(kName);
  c.enter_plain_text(plain, bytes);
  return next == protocol::kIpip ? Step{ipv4} : Step{ipv6};
}

// Decrypts the packet at the cursor (at its SPI). False: no key is its own.
bool decrypted(Context& c, Step& then) {
  if (c.opener == nullptr || c.quoted || c.partial || !c.opener->esp.knows(c.at.be32(0))) {
    return false;
  }
  if (c.at.cut()) {
    then = c.stop(DecodeStop::kSnap, kName);
    return true;
  }
  std::uint8_t* room = c.opener->room();
  if (room == nullptr || c.at.captured > Opener::kMostBytes) {
    then = c.stop(DecodeStop::kDepth, kName);
    return true;
  }
  EspAssociations::Opened opened;
  const bool in_udp = c.layer().transport == TransportKind::kUdp;
  switch (c.opener->esp.open(c.at.bytes(), c.layer().dst, room, opened)) {
    case Opening::kNoKey:
      return false;
    case Opening::kUnauthentic:
      then = c.stop(DecodeStop::kUnauthentic, kName);
      return true;
    case Opening::kOpened:
      then = inside(c, room, opened, in_udp);
      return true;
  }
  return false;
}

}  // namespace

Step esp(Context& c) {
  if (!c.need(kHeader, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  via->key = c.at.be32(0);
  via->aux = c.at.be32(4);
  if (Step then; decrypted(c, then)) return then;
  c.at.skip(kHeader);
  if (c.open_esp_null) return null_cipher(c, via->key);
  return c.stop(DecodeStop::kEncrypted, kName);
}

// Port 4500: a keepalive byte, IKE behind four zero bytes, or ESP.
bool udp_encap_fits(const Context& c) {
  if (c.at.wire == 1) return c.at.captured == 0 || c.at.u8(0) == 0xff;
  if (c.at.captured < 8) return false;
  return c.at.be32(0) == 0 ? ike_marker_shape(c) : c.at.be32(0) >= 256 && c.at.wire >= 20;
}

Step udp_encap(Context& c) {
  Via* via = c.add_via(Encapsulation::kUdpEncap);
  if (via == nullptr) return kFinished;
  if (c.at.wire == 1) {
    via->flags = 1;
    return kFinished;
  }
  if (!c.need(4, Encapsulation::kUdpEncap)) return kFinished;
  if (c.at.be32(0) != 0) return {esp};
  via->flags = 2;
  c.at.skip(4);
  return {ike};
}

}  // namespace natlens::decode
