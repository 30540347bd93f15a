// Transport headers. Where only the first bytes are there (a quote, a short capture, a header
// that contradicts itself) the ports are kept and `transport` says whether more can be
// believed.
#include "flow_memory.h"
#include "tables.h"

namespace natlens::decode {
namespace {

// The first four bytes of TCP, UDP, UDP-Lite, SCTP and DCCP.
bool read_ports(Context& c, Encapsulation in) {
  if (!c.need(4, in)) return false;
  c.layer().src_port = c.at.be16(0);
  c.layer().dst_port = c.at.be16(2);
  return true;
}

void set_payload(Context& c, std::size_t header_bytes) {
  c.at.skip(header_bytes);
  c.layer().payload = c.at.bytes();
  c.layer().payload_wire_bytes = c.at.wire;
}

// What an IP packet that is quoted in part said it carries behind `header_bytes` of transport.
void set_quoted_payload(Context& c, std::size_t header_bytes) {
  Layer& layer = c.layer();
  const std::size_t before = layer.l4_offset - layer.offset + header_bytes;
  set_payload(c, header_bytes);
  if (layer.total_bytes >= before)
    layer.payload_wire_bytes = static_cast<std::uint32_t>(layer.total_bytes - before);
}

namespace tcp_option {
constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNop = 1;
constexpr std::uint8_t kMss = 2;
constexpr std::uint8_t kWindowScale = 3;
constexpr std::uint8_t kSackPermitted = 4;
constexpr std::uint8_t kTimestamps = 8;
}  // namespace tcp_option

void read_option(ByteView option, TcpFields& tcp) {
  switch (option[0]) {
    case tcp_option::kMss:
      if (option.size() == 4) tcp.mss = load_be16(option, 2);
      break;
    case tcp_option::kWindowScale:
      // RFC 7323 2.3: above 14 counts as 14; kept as sent.
      if (option.size() == 3)
        tcp.window_scale = static_cast<std::int8_t>(std::min<int>(option[2], 127));
      break;
    case tcp_option::kSackPermitted:
      if (option.size() == 2) tcp.sack_permitted = true;
      break;
    case tcp_option::kTimestamps:
      if (option.size() == 10) {
        tcp.has_timestamps = true;
        tcp.ts_value = load_be32(option, 2);
        tcp.ts_echo = load_be32(option, 6);
      }
      break;
    default:
      break;
  }
}

void read_options(ByteView options, TcpFields& tcp) {
  // The layout that nearly every segment has (RFC 7323 appendix A): NOP NOP timestamps.
  if (options.size() == 12 && load_be32(options, 0) == 0x0101080aU) [[likely]] {
    read_option(options.subspan(2), tcp);
    return;
  }
  for (std::size_t i = 0; i < options.size();) {
    if (options[i] == tcp_option::kEnd) return;
    if (options[i] == tcp_option::kNop) {
      ++i;
      continue;
    }
    if (i + 2 > options.size() || options[i + 1] < 2 || i + options[i + 1] > options.size())
      return;
    read_option(options.subspan(i, options[i + 1]), tcp);
    i += options[i + 1];
  }
}

// A quote holds at least ports and sequence number (RFC 792).
Step quoted_tcp(Context& c) {
  Layer& layer = c.layer();
  if (c.at.captured < 8) return kFinished;
  layer.transport = TransportKind::kTcp;
  layer.tcp.seq = c.at.be32(4);
  if (c.at.captured >= 12) layer.tcp.ack = c.at.be32(8);
  return kFinished;
}

void read_tcp(const Cursor& at, Layer& layer) {
  layer.transport = TransportKind::kTcp;
  layer.tcp.seq = at.be32(4);
  layer.tcp.ack = at.be32(8);
  layer.tcp.header_bytes = static_cast<std::uint8_t>((at.u8(12) >> 4) * 4U);
  layer.tcp.flags = at.be16(12) & 0x1ffU;
  layer.tcp.window = at.be16(14);
}

// The UDP payload's length on the wire. Length 0 is a jumbogram or a segment left to the card.
bool limit_to_datagram(Context& c) {
  const std::size_t length = c.at.be16(4);
  if (length == 0) return true;
  if (length < 8) {
    c.stop(DecodeStop::kMalformed, Encapsulation::kUdp);
    return false;
  }
  if (length > c.at.wire && !c.quoted && !c.partial)
    c.note(DecodeStop::kMalformed, Encapsulation::kUdp);
  c.at.limit(length);
  return true;
}

// What tcp_payload() would look at, told from first byte and ports: asked of every segment.
inline bool may_be_tunnel(Context& c) {
  if (c.at.captured == 0) return false;
  const Layer& layer = c.layer();
  return c.at.data[0] <= kLongestOpenvpnReset >> 8U || layer.src_port == kOpenvpnPort ||
         layer.dst_port == kOpenvpnPort || c.flows.streams;
}

}  // namespace

Step tcp(Context& c) {
  if (!read_ports(c, Encapsulation::kTcp)) return kFinished;
  if (c.at.captured < 20) [[unlikely]] {
    if (c.quoted) return quoted_tcp(c);
    c.need(20, Encapsulation::kTcp);
    return kFinished;
  }
  Layer& layer = c.layer();
  const std::size_t header_bytes = (c.at.u8(12) >> 4) * 4U;
  if (header_bytes < 20 || (header_bytes > c.at.wire && !c.quoted && !c.partial)) {
    return c.quoted ? quoted_tcp(c) : c.stop(DecodeStop::kMalformed, Encapsulation::kTcp);
  }
  read_tcp(c.at, layer);
  if (header_bytes > 20) {
    const std::size_t there = std::min<std::size_t>(header_bytes, c.at.captured);
    read_options(c.at.bytes().subspan(20, there - 20), layer.tcp);
    if (!c.need(header_bytes, Encapsulation::kTcp)) {
      if (c.at.wire >= header_bytes) set_payload(c, header_bytes);
      return kFinished;
    }
  }
  if (c.quoted) {
    set_quoted_payload(c, header_bytes);
  } else {
    set_payload(c, header_bytes);
    if (may_be_tunnel(c)) return tcp_payload(c);
  }
  return kFinished;
}

Step udp(Context& c) {
  if (!read_ports(c, Encapsulation::kUdp) || !c.need(8, Encapsulation::kUdp)) return kFinished;
  Layer& layer = c.layer();
  layer.transport = TransportKind::kUdp;
  const std::size_t length = c.at.be16(4);
  if (!limit_to_datagram(c)) {
    set_payload(c, 8);
    return kFinished;
  }
  set_payload(c, 8);
  if (c.quoted && length >= 8) {
    layer.payload_wire_bytes = static_cast<std::uint32_t>(length - 8);
  }
  return udp_payload(c);
}

// RFC 3828: the length field says how much the checksum covers; the payload runs to the end of
// IP.
Step udp_lite(Context& c) {
  if (!read_ports(c, Encapsulation::kUdpLite) || !c.need(8, Encapsulation::kUdpLite))
    return kFinished;
  c.layer().transport = TransportKind::kUdpLite;
  set_payload(c, 8);
  return kFinished;
}

Step sctp(Context& c) {
  if (!read_ports(c, Encapsulation::kSctp)) return kFinished;
  if (c.at.captured >= 8) c.layer().sctp_vtag = c.at.be32(4);
  if (c.quoted && c.at.captured >= 8) c.layer().transport = TransportKind::kSctp;
  if (!c.need(12, Encapsulation::kSctp)) return kFinished;
  c.layer().transport = TransportKind::kSctp;
  set_payload(c, 12);
  return kFinished;
}

// RFC 4340.
Step dccp(Context& c) {
  if (!read_ports(c, Encapsulation::kDccp)) return kFinished;
  if (c.quoted && c.at.captured >= 8) c.layer().transport = TransportKind::kDccp;
  if (!c.need(12, Encapsulation::kDccp)) return kFinished;
  const std::size_t header_bytes = c.at.u8(4) * 4U;
  if (header_bytes < 12 || (header_bytes > c.at.wire && !c.quoted && !c.partial)) {
    return c.stop(DecodeStop::kMalformed, Encapsulation::kDccp);
  }
  c.layer().transport = TransportKind::kDccp;
  if (header_bytes <= c.at.wire) set_payload(c, header_bytes);
  return kFinished;
}

}  // namespace natlens::decode
