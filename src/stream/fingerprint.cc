// Fingerprints of packets: the common part, datagrams, ICMP. TCP has its own file.
//
// Datagrams: length and payload. ICMP echo: sequence and data, but not the identifier, which a
// NAT changes like a port. ICMP errors: what a NAT leaves alone of the quoted packet: IP length
// and identification, TCP sequence, UDP length, echo sequence.
#include "natlens/stream/fingerprint.h"

#include <algorithm>
#include <optional>

#include "digest.h"
#include "dns_question.h"
#include "tcp_fingerprint.h"

namespace natlens::stream {
namespace {

// ICMP echo: 1 request, 2 reply, the same for both families; 0 otherwise.
std::uint32_t echo_role(const decode::Layer& layer) {
  const std::uint8_t type = layer.icmp.type;
  if (layer.transport == decode::TransportKind::kIcmp) return type == 8 ? 1 : type == 0 ? 2 : 0;
  if (layer.transport == decode::TransportKind::kIcmpv6) {
    return type == 128 ? 1 : type == 129 ? 2 : 0;
  }
  return 0;
}

bool is_icmp(const decode::Layer& layer) {
  return layer.transport == decode::TransportKind::kIcmp ||
         layer.transport == decode::TransportKind::kIcmpv6;
}

// The quoted packet's invariants: protocol, length, identification (IPv4), and where its
// transport header begins in the quote (RFC 792, RFC 4443: at least 8 bytes of it follow).
struct Quoted {
  std::uint8_t protocol = 0;
  std::uint16_t bytes = 0;
  std::uint16_t ip_id = 0;
  std::size_t l4 = 0;
};

std::optional<Quoted> read_quote(ByteView quote) {
  Quoted out;
  if (quote.size() >= 20 && quote[0] >> 4 == 4) {
    out.l4 = static_cast<std::size_t>(quote[0] & 15U) * 4;
    out.bytes = load_be16(quote, 2);
    out.ip_id = load_be16(quote, 4);
    out.protocol = load_u8(quote, 9);
  } else if (quote.size() >= 40 && quote[0] >> 4 == 6) {
    out.l4 = 40;
    out.bytes = load_be16(quote, 4);
    out.protocol = load_u8(quote, 6);
  } else {
    return std::nullopt;
  }
  if (out.l4 < 20 || quote.size() < out.l4 + 8) return std::nullopt;
  return out;
}

void append_error(const decode::Layer& layer, Sighting sighting, std::vector<Sighting>& out) {
  sighting.kind = SightingKind::kIcmpError;
  sighting.seq = static_cast<std::uint32_t>(layer.icmp.type) << 8 | layer.icmp.code;
  if (const auto quoted = read_quote(layer.payload)) {
    const std::size_t l4 = quoted->l4;
    std::uint32_t inside = 0;
    if (quoted->protocol == protocol::kTcp) {
      inside = load_be32(layer.payload, l4 + 4);
    } else if (quoted->protocol == protocol::kUdp) {
      inside = load_be16(layer.payload, l4 + 4);
    } else if (quoted->protocol == protocol::kIcmp || quoted->protocol == protocol::kIcmpv6) {
      inside = load_be16(layer.payload, l4 + 6);
    }
    const std::uint64_t lengths = static_cast<std::uint64_t>(quoted->bytes) << 32 |
                                  static_cast<std::uint64_t>(quoted->ip_id) << 16 |
                                  sighting.seq;
    sighting.fingerprint = key_of(Salt::kError, lengths,
                                  inside ^ static_cast<std::uint32_t>(quoted->protocol) << 24);
  }
  out.push_back(sighting);
}

// Bytes of a SOCKS header (RFC 1928, 7: no fragments, an address, a port) with enough behind it
// to be recognised by; 0: it is none.
std::uint32_t socks_header(const decode::Layer& layer) {
  constexpr std::uint32_t kLeastBehind = 8;
  const ByteView bytes = layer.payload;
  if (layer.transport != decode::TransportKind::kUdp || bytes.size() < 10) return 0;
  if (load_be32(bytes, 0) > 4) return 0;
  const std::uint32_t type = bytes[3];
  const std::uint32_t host = type == 1 ? 4U : type == 4 ? 16U : type == 3 ? 1U + bytes[4] : 0U;
  const std::uint32_t size = 4 + host + 2;
  if (host < 2 || bytes.size() < size + kLeastBehind) return 0;
  return load_be16(bytes, size - 2) != 0 ? size : 0;
}

void append_datagram(const decode::Layer& layer,
                     Sighting sighting,
                     std::vector<Sighting>& out) {
  const std::uint32_t role = echo_role(layer);
  std::uint32_t extra = layer.protocol;
  ByteView content = payload_of(layer);
  if (const std::uint32_t header = socks_header(layer); header != 0) [[unlikely]] {
    sighting.kind = SightingKind::kRelayed;
    sighting.payload_bytes -= header;
    content = content.subspan(header);
  }
  if (role != 0) {
    sighting.kind = SightingKind::kIcmpEcho;
    extra = role << 16 | layer.icmp.sequence;
  } else if (is_icmp(layer)) {
    extra =
        0x10000000U | static_cast<std::uint32_t>(layer.icmp.type) << 16 | layer.icmp.sequence;
  } else if (layer.transport == decode::TransportKind::kSctp) {
    extra = layer.sctp_vtag;
  }
  if (is_icmp(layer)) sighting.seq = layer.icmp.sequence;
  const PayloadDigest payload = digest_payload(content, sighting.payload_bytes, extra);
  const Salt salt = role != 0 ? Salt::kEcho : Salt::kDatagram;
  sighting.payload_digest = payload.digest;
  sighting.cut = payload.cut;
  sighting.ack = payload.prefix;
  const std::uint64_t body = payload.digest != 0 ? payload.digest : payload.prefix;
  if (body != 0) sighting.fingerprint = key_of(salt, body, extra);
  out.push_back(sighting);
  if (layer.transport == decode::TransportKind::kUdp) append_dns_question(layer, sighting, out);
}

// True for traffic from the end that asks to the end that answers, by the packet's own role.
bool toward_server(const decode::Layer& layer) {
  if (layer.transport == decode::TransportKind::kTcp &&
      (layer.tcp.flags & decode::tcp_flag::kSyn) != 0) {
    return (layer.tcp.flags & decode::tcp_flag::kAck) == 0;
  }
  if (is_icmp(layer)) return echo_role(layer) != 2;
  return layer.src_port >= layer.dst_port;
}

// Equal ports (NTP, IKE, WireGuard) do not tell who asks.
bool tells_direction(const decode::Layer& layer) {
  return is_icmp(layer) || layer.src_port != layer.dst_port;
}

// Enough bytes that two unrelated packets hardly agree.
constexpr std::uint32_t kStrongSegment = 16;
constexpr std::uint32_t kStrongDatagram = 8;

std::uint64_t tcp_probe_key(const decode::Layer& layer) {
  const decode::TcpFields& tcp = layer.tcp;
  const std::uint64_t numbers = static_cast<std::uint64_t>(tcp.seq) << 32 | tcp.ack;
  if ((tcp.flags & decode::tcp_flag::kSyn) != 0) {
    return key_of(Salt::kProbe, numbers, static_cast<std::uint32_t>(tcp.window) << 16 | 1U);
  }
  const std::uint32_t bytes = layer.payload_wire_bytes;
  if (bytes < kStrongSegment || layer.payload.size() < kStrongSegment) return 0;
  const std::uint64_t digest = digest_of(layer.payload.first(kStrongSegment), numbers);
  return key_of(Salt::kProbe, digest, bytes);
}

}  // namespace

void append_sightings(const decode::Layer& layer,
                      const conntrack::Verdict& verdict,
                      Timestamp time,
                      std::uint32_t frame,
                      std::vector<Sighting>& out) {
  if (verdict.connection == 0) return;
  Sighting sighting;
  sighting.time = time;
  sighting.connection = verdict.connection;
  sighting.frame = frame;
  sighting.payload_bytes = payload_bytes_of(layer);
  sighting.ip_id = layer.ip_id;
  sighting.ttl = layer.ttl;
  sighting.tos = layer.tos;
  sighting.direction = verdict.direction;
  sighting.packet_class = verdict.packet_class;
  sighting.dont_fragment = layer.dont_fragment;
  if (!layer.reassembled) {
    sighting.ip_bytes = static_cast<std::uint16_t>(std::min(layer.total_bytes, 0xffffU));
  }
  if (layer.fragment) {
    out.push_back(sighting);  // a piece without its transport: it counts, and tells nothing
  } else if (layer.transport == decode::TransportKind::kTcp) {
    sighting.seq = layer.tcp.seq;
    sighting.ack = layer.tcp.ack;
    sighting.window = layer.tcp.window;
    sighting.tcp_flags = layer.tcp.flags;
    append_tcp(layer, sighting, verdict.earlier_packets, out);
    append_dns_question(layer, sighting, out);
  } else if (is_icmp(layer) && layer.icmp.error) {
    append_error(layer, sighting, out);
  } else {
    append_datagram(layer, sighting, out);
  }
}

std::uint64_t probe_fingerprint(const decode::Layer& layer) {
  if (layer.quoted || layer.fragment) return 0;
  std::uint64_t key = 0;
  if (layer.transport == decode::TransportKind::kTcp) {
    key = tcp_probe_key(layer);
  } else if (!is_icmp(layer) || echo_role(layer) != 0) {
    const std::uint32_t bytes = payload_bytes_of(layer);
    if (bytes < kStrongDatagram) return 0;
    const std::uint32_t extra =
        is_icmp(layer) ? echo_role(layer) << 16 | layer.icmp.sequence : layer.protocol;
    const PayloadDigest payload = digest_payload(payload_of(layer), bytes, extra);
    if (!payload.cut) key = key_of(Salt::kProbe, payload.digest, extra);
  }
  if (key == 0) return 0;
  if (!tells_direction(layer)) return (key | 3U) ^ 2U;
  return (key | 3U) ^ static_cast<std::uint64_t>(!toward_server(layer));
}

std::uint64_t probe_content_fingerprint(const decode::Layer& layer) {
  constexpr std::uint32_t kStrong = 32;
  if (layer.quoted || layer.fragment) return 0;
  if (layer.transport == decode::TransportKind::kUdp) {
    const auto question = dns_question(layer);
    if (!question) return 0;
    const std::uint64_t key = key_of(Salt::kProbe, question->digest, question->answer ? 4 : 3);
    return (key | 3U) ^ static_cast<std::uint64_t>(question->answer);
  }
  if (layer.transport != decode::TransportKind::kTcp) return 0;
  if (layer.payload_wire_bytes < kStrong || layer.payload.size() < kStrong) return 0;
  // An echo is another packet than what it answers.
  const bool asks = toward_server(layer);
  const std::uint64_t key =
      key_of(Salt::kProbe, digest_of(layer.payload.first(kStrong), asks ? 1 : 2), 0);
  if (!tells_direction(layer)) return (key | 3U) ^ 2U;
  return (key | 3U) ^ static_cast<std::uint64_t>(!asks);
}

}  // namespace natlens::stream
