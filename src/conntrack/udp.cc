// UDP and UDP-Lite (nf_conntrack_proto_udp.c).
#include "protocols.h"

namespace natlens::conntrack {
namespace {

constexpr std::size_t kHeaderBytes = 8;
// A flow becomes a stream, ASSURED and with the longer timeout, only this long after its start.
constexpr auto kStreamAfter = std::chrono::seconds(2);

// udp_error. A length below that of the IP payload is fine; the checksum is over all of it.
InvalidReason udp_error(Track& track) {
  const Transport& transport = track.packet.transport;
  if (transport.wire_bytes < kHeaderBytes) {
    return InvalidReason::kShortHeader;
  }
  const std::uint16_t length = load_be16(transport.captured, 4);
  if (length < kHeaderBytes || length > transport.wire_bytes) {
    return InvalidReason::kBadHeader;
  }
  const std::uint16_t field = load_be16(transport.captured, 6);
  const bool fine =
      field == 0 || !track.checksums.enabled() ||
      track.checksums.acceptable(track.packet, protocol::kUdp, field, transport.wire_bytes);
  return fine ? InvalidReason::kNone : InvalidReason::kBadChecksum;
}

// udplite_error. The kernel sums with UDP's protocol number, so right checksums are refused; in
// mode `auto` the number that RFC 3828 means is accepted as well.
InvalidReason udplite_error(Track& track) {
  const Transport& transport = track.packet.transport;
  if (transport.wire_bytes < kHeaderBytes) {
    return InvalidReason::kShortHeader;
  }
  std::uint32_t coverage = load_be16(transport.captured, 4);
  if (coverage == 0) {
    coverage = transport.wire_bytes;
  } else if (coverage < kHeaderBytes || coverage > transport.wire_bytes) {
    return InvalidReason::kBadHeader;
  }
  const std::uint16_t field = load_be16(transport.captured, 6);
  if (field == 0) {
    return InvalidReason::kBadChecksum;  // RFC 3828 3.1: not optional
  }
  if (!track.checksums.enabled() ||
      track.checksums.acceptable(track.packet, protocol::kUdp, field, coverage)) {
    return InvalidReason::kNone;
  }
  const bool right =
      track.options.checksum == kChecksumAuto &&
      track.checksums.acceptable(track.packet, protocol::kUdpLite, field, coverage);
  return right ? InvalidReason::kNone : InvalidReason::kBadChecksum;
}

}  // namespace

Outcome track_udp(Track& track) {
  if (const InvalidReason error = udp_error(track); error != InvalidReason::kNone) {
    return track.refuse(error);
  }
  Entry& entry = track.entry;
  if (track.is_first()) {
    entry.udp.set_stream_after(track.now + kStreamAfter);
  }
  const bool stream = entry.has(status::kSeenReply) && track.now > entry.udp.stream_after();
  track.refresh(stream ? track.options.udp_timeout_stream : track.options.udp_timeout);
  if (stream) {
    track.assure();
  }
  return Outcome::kAccept;
}

Outcome track_udplite(Track& track) {
  if (const InvalidReason error = udplite_error(track); error != InvalidReason::kNone) {
    return track.refuse(error);
  }
  const bool replied = track.entry.has(status::kSeenReply);
  track.refresh(replied ? track.options.udp_timeout_stream : track.options.udp_timeout);
  if (replied) {
    track.assure();
  }
  return Outcome::kAccept;
}

}  // namespace natlens::conntrack
