// TCP fingerprints.
//
// Sequence and acknowledgement numbers pass a NAT untouched and are 64 bits of near-random, so
// they are the key; the bytes or options behind them are a digest that must not contradict. A
// digest of 0 (cut by the snap length) contradicts nothing, so a header-only capture still
// pairs.
//
// Data: one side may show a 64 KiB offload frame (TSO, GRO) where the other shows 45 segments.
// Fingerprints are therefore of sequence positions: every multiple of kPositionStride that a
// frame covers with kPositionBytes behind it. A frame of one segment gives the first such
// position, or its own start if it covers none; a larger frame gives its start and all
// positions. So equal frames always agree, and a large frame agrees with its first segment and
// with each that covers a position. The acknowledgement number is part of the key: offload
// never joins segments that differ in it.
//
// Shape: a box that shifts sequence numbers (ISN randomisation, a SYN proxy, an ALG) spoils all
// of these. It leaves the client's timestamp alone (a SYN proxy shifts the server's), else the
// IP identification; with length, flags and first bytes that tells the packet again, and no
// proxy that ends the connection has the same. One such sighting is enough for a pair, so there
// are a few from each direction's beginning, those that end the connection, and one of eight of
// the rest, for captures that began in the middle.
//
// The MSS option is left out of the handshake, because routers clamp it.
#include "tcp_fingerprint.h"

#include <algorithm>

#include "natlens/stream/fingerprint.h"

#include "digest.h"

namespace natlens::stream {
namespace {

std::uint64_t numbers(std::uint32_t seq, std::uint32_t ack) {
  return static_cast<std::uint64_t>(seq) << 32 | ack;
}

// Options that pass a router: window scale, SACK permitted, timestamps. 0 if they were cut.
std::uint64_t options_digest(const decode::Layer& layer) {
  const decode::TcpFields& tcp = layer.tcp;
  if (layer.l4.size() < tcp.header_bytes) return 0;
  const auto shape = static_cast<std::uint64_t>(static_cast<std::uint8_t>(tcp.window_scale))
                         << 2 |
                     static_cast<std::uint64_t>(tcp.sack_permitted) << 1 |
                     static_cast<std::uint64_t>(tcp.has_timestamps);
  const std::uint64_t digest = mix(numbers(tcp.ts_value, tcp.ts_echo), shape);
  return digest != 0 ? digest : 1;
}

void append_segment(const decode::Layer& layer,
                    SightingKind kind,
                    Sighting sighting,
                    std::vector<Sighting>& out) {
  const decode::TcpFields& tcp = layer.tcp;
  sighting.kind = kind;
  sighting.fingerprint = tcp_fingerprint(kind, tcp.seq, tcp.ack, tcp.window, tcp.flags);
  sighting.payload_digest = options_digest(layer);
  sighting.cut = sighting.payload_digest == 0;
  out.push_back(sighting);
}

// The sighting of sequence position seq + offset.
void append_position(const decode::Layer& layer,
                     std::uint32_t offset,
                     Sighting sighting,
                     std::vector<Sighting>& out) {
  const std::uint32_t length = std::min(kPositionBytes, layer.payload_wire_bytes - offset);
  sighting.kind = SightingKind::kTcpData;
  sighting.seq = layer.tcp.seq + offset;
  sighting.offset = static_cast<std::uint16_t>(offset);
  sighting.fingerprint =
      tcp_fingerprint(SightingKind::kTcpData, sighting.seq, layer.tcp.ack, 0, 0);
  sighting.cut = layer.payload.size() < offset + length;
  if (!sighting.cut) sighting.payload_digest = digest_of(layer.payload.subspan(offset, length));
  sighting.continued = offset != 0 && !out.empty() && out.back().frame == sighting.frame &&
                       out.back().connection == sighting.connection;
  out.push_back(sighting);
}

void append_data(const decode::Layer& layer,
                 const Sighting& sighting,
                 std::vector<Sighting>& out) {
  const std::uint32_t bytes = layer.payload_wire_bytes;
  const std::uint32_t first = tcp_position(layer.tcp.seq, bytes);
  if (bytes <= kOneSegment) {
    append_position(layer, first, sighting, out);
    return;
  }
  append_position(layer, 0, sighting, out);
  const bool at_start = layer.tcp.seq % kPositionStride == 0;
  if (first == 0 && !at_start) return;  // covers none
  for (std::uint32_t offset = at_start ? kPositionStride : first;
       offset <= bytes - kPositionBytes; offset += kPositionStride) {
    append_position(layer, offset, sighting, out);
  }
}

// Of each direction, by their own data: they begin a connection.
constexpr std::uint16_t kFirstShapes = 4;
constexpr std::uint64_t kRestMask = 7;

// The client's clock, which both directions show.
std::uint32_t client_timestamp(const decode::Layer& layer, conntrack::Direction direction) {
  return direction == conntrack::Direction::kOriginal ? layer.tcp.ts_value : layer.tcp.ts_echo;
}

// `earlier`: packets of this direction before this one.
void append_shape(const decode::Layer& layer,
                  std::uint16_t earlier,
                  Sighting sighting,
                  std::vector<Sighting>& out) {
  constexpr std::uint16_t kEnds =
      decode::tcp_flag::kSyn | decode::tcp_flag::kFin | decode::tcp_flag::kRst;
  const std::uint32_t stamp =
      layer.tcp.has_timestamps ? client_timestamp(layer, sighting.direction) : sighting.ip_id;
  if (stamp == 0) return;
  const std::uint32_t bytes = layer.payload_wire_bytes;
  const auto form = static_cast<std::uint64_t>(layer.tcp.has_timestamps) << 32 |
                    (layer.tcp.flags & (kEnds | decode::tcp_flag::kAck));
  const std::uint64_t key =
      key_of(Salt::kShape, mix(static_cast<std::uint64_t>(stamp) << 32 | bytes, form));
  const bool early = bytes != 0 && earlier < kFirstShapes;
  if ((layer.tcp.flags & kEnds) == 0 && !early && (key >> 8 & kRestMask) != 0) return;
  sighting.kind = SightingKind::kTcpShape;
  sighting.fingerprint = key;
  if (!layer.tcp.has_timestamps) sighting.ip_id = 0;  // it has spoken
  const std::uint32_t length = std::min(kPositionBytes, bytes);
  sighting.cut = layer.payload.size() < length;
  if (length != 0 && !sighting.cut)
    sighting.payload_digest = digest_of(layer.payload.first(length));
  sighting.continued = true;
  out.push_back(sighting);
}

// IANA's "TCP Option Kind Numbers".
constexpr std::size_t kFixedHeader = 20;
constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNop = 1;

std::uint16_t option_flag(ByteView option) {
  switch (option[0]) {
    case 2:  // MSS has its own number
      return 0;
    case 3:
      return static_cast<std::uint16_t>(syn_option::kWindowScale |
                                        (option.size() < 3 ? 0 : std::min<int>(option[2], 15)));
    case 4:
      return syn_option::kSackPermitted;
    case 8:
      return syn_option::kTimestamps;
    case 19:
      return syn_option::kMd5;
    case 29:
      return syn_option::kAo;
    case 30:
      return syn_option::kMultipath;
    case 34:
      return syn_option::kFastOpen;
    default:
      return syn_option::kOther;
  }
}

}  // namespace

SynOptions syn_options(const decode::Layer& layer) {
  const decode::TcpFields& tcp = layer.tcp;
  SynOptions out;
  if (layer.transport != decode::TransportKind::kTcp ||
      (tcp.flags & decode::tcp_flag::kSyn) == 0 || layer.l4.size() < tcp.header_bytes) {
    return out;
  }
  out.mss = tcp.mss;
  out.flags = syn_option::kSeen;
  const ByteView options = layer.l4.first(tcp.header_bytes).subspan(kFixedHeader);
  for (std::size_t i = 0; i < options.size() && options[i] != kEnd;) {
    if (options[i] == kNop) {
      ++i;
      continue;
    }
    if (i + 2 > options.size() || options[i + 1] < 2 || i + options[i + 1] > options.size())
      return out;
    out.flags |= option_flag(options.subspan(i, options[i + 1]));
    i += options[i + 1];
  }
  return out;
}

void append_tcp(const decode::Layer& layer,
                const Sighting& sighting,
                std::uint16_t earlier_packets,
                std::vector<Sighting>& out) {
  const std::uint16_t flags = layer.tcp.flags;
  if ((flags & decode::tcp_flag::kSyn) != 0) {
    append_segment(layer, SightingKind::kTcpHandshake, sighting, out);
  } else if (layer.payload_wire_bytes != 0) {
    append_data(layer, sighting, out);
  } else if ((flags & (decode::tcp_flag::kFin | decode::tcp_flag::kRst)) != 0) {
    append_segment(layer, SightingKind::kTcpClose, sighting, out);
  } else {
    append_segment(layer, SightingKind::kTcpAck, sighting, out);
  }
  append_shape(layer, earlier_packets, sighting, out);
}

}  // namespace natlens::stream
