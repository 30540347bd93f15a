// ESP (RFC 4303), alone and in UDP (RFC 3948). Closed, but for the NULL cipher (RFC 2410):
// where the option is on, three packets of an SPI whose trailers and inner lengths fit for one
// length of the integrity value open it.
#include <array>

#include "flow_memory.h"
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

}  // namespace

Step esp(Context& c) {
  if (!c.need(kHeader, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  via->key = c.at.be32(0);
  via->aux = c.at.be32(4);
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
