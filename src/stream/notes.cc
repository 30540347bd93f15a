// Notes of packets. A packet is known again by its fingerprint, in a table of fixed size where
// a newer packet takes the place of an older one: what was pushed out is not recognised, never
// taken for another.
#include "natlens/stream/notes.h"

#include <algorithm>
#include <array>

#include <absl/container/flat_hash_map.h>

namespace natlens::stream {
namespace {

constexpr std::uint32_t kKeptWithoutConnection = 10'000;
constexpr std::uint32_t kRepeatMs = 200;
// Silences that a mapping may not outlive; pings ask for an answer within seconds. Shorter ones
// are so many that their rows would cost more than all the rest.
constexpr std::uint32_t kResumeMs = 10'000;
constexpr std::uint32_t kPingResumeMs = 2'000;
constexpr std::uint32_t kSilencesKept = 8;   // besides those that are longer than all before
constexpr std::size_t kSeenPlaces = 16'384;  // a power of two

// The last packet with a fingerprint.
struct Seen {
  std::uint64_t key = 0;
  std::int64_t time_ns = 0;
  std::uint32_t frame = 0;
  std::uint16_t turns = 0;
  std::uint8_t ttl = 0;
};

bool stands_for_a_packet(SightingKind kind) {
  return kind == SightingKind::kTcpHandshake || kind == SightingKind::kTcpData ||
         kind == SightingKind::kTcpClose || kind == SightingKind::kDatagram ||
         kind == SightingKind::kIcmpEcho;
}

std::uint64_t key_of(const Sighting& s) {
  std::uint64_t key = s.fingerprint ^ (s.payload_digest * 0x9e3779b97f4a7c15U);
  key ^= (std::uint64_t{s.connection} << 1 | static_cast<std::uint64_t>(s.direction)) *
         0xff51afd7ed558ccdU;
  key ^= key >> 29;
  return key == 0 ? 1 : key;
}

Tuple tuple_of(const decode::Layer& layer) {
  Tuple tuple;
  tuple.src = layer.src;
  tuple.dst = layer.dst;
  tuple.protocol = layer.protocol;
  const bool icmp = layer.transport == decode::TransportKind::kIcmp ||
                    layer.transport == decode::TransportKind::kIcmpv6;
  tuple.src_port = icmp ? layer.icmp.id : layer.src_port;
  tuple.dst_port = icmp ? 0 : layer.dst_port;
  return tuple;
}

PacketNote note_of(NoteKind kind,
                   const decode::Layer& layer,
                   const conntrack::Verdict& verdict,
                   Timestamp time,
                   std::uint32_t frame) {
  PacketNote note;
  note.kind = kind;
  note.direction = verdict.direction;
  note.connection = verdict.connection >= kFirstStray ? 0 : verdict.connection;
  note.frame = frame;
  note.time = time;
  note.silence_ms = verdict.silence_ms;
  note.tuple = tuple_of(layer);
  note.ip_id = layer.ip_id;
  note.ip_bytes = layer.total_bytes;
  note.payload_bytes = layer.payload_wire_bytes;
  note.ttl = layer.ttl;
  note.tos = layer.tos;
  note.dont_fragment = layer.dont_fragment;
  note.refused = verdict.packet_class == conntrack::PacketClass::kInvalid;
  if (layer.transport == decode::TransportKind::kTcp) {
    note.seq = layer.tcp.seq;
    note.ack = layer.tcp.ack;
    note.window = layer.tcp.window;
    note.tcp_flags = layer.tcp.flags;
    note.timestamps = layer.tcp.has_timestamps;
  }
  return note;
}

void add_quote(const decode::Layer& layer, const decode::Layer* quoted, PacketNote& note) {
  note.icmp_type = layer.icmp.type;
  note.icmp_code = layer.icmp.code;
  const bool too_big =
      layer.version == 4 ? note.icmp_type == 3 && note.icmp_code == 4 : note.icmp_type == 2;
  if (too_big) note.mtu = layer.icmp.sequence;
  if (quoted == nullptr) return;
  note.quoted = tuple_of(*quoted);
  note.payload_bytes = quoted->total_bytes;
  note.quote_checksum_bad = quoted->ip_checksum == decode::ChecksumState::kBad;
}

}  // namespace

struct NoteTaker::Impl {
  struct Kept {
    std::uint32_t count = 0;
    std::uint32_t longest_ms = 0;
  };
  std::array<Seen, kSeenPlaces> seen{};
  absl::flat_hash_map<std::uint64_t, Kept> kept;  // by connection and kind

  // Of many silences those are kept that are longer than all before.
  void keep(const PacketNote& note, std::vector<PacketNote>& out) {
    auto& entry =
        kept[std::uint64_t{note.connection} << 8 | static_cast<std::uint64_t>(note.kind)];
    const std::uint32_t most = note.connection == 0             ? kKeptWithoutConnection
                               : note.kind == NoteKind::kResume ? kSilencesKept
                                                                : kNotesKept;
    const bool longer = note.kind == NoteKind::kResume && entry.count < 4 * kNotesKept &&
                        note.silence_ms > entry.longest_ms + entry.longest_ms / 4;
    if (entry.count >= most && !longer) return;
    ++entry.count;
    entry.longest_ms = std::max(entry.longest_ms, note.silence_ms);
    out.push_back(note);
  }

  // What the packet repeats: kCount = nothing that is worth a note. Most packets end here.
  NoteKind recognise(const Sighting& sighting, Seen& before) {
    const std::uint64_t key = key_of(sighting);
    Seen& place = seen[key & (kSeenPlaces - 1)];
    before = place;
    const bool known = place.key == key;
    const bool lower = known && sighting.ttl < place.ttl && sighting.frame != place.frame;
    const std::int64_t gap = (sighting.time - Timestamp::from_ns(place.time_ns)).count();
    const bool turns = lower && gap < std::int64_t{2'000'000'000};
    place = {key, sighting.time.ns(), sighting.frame,
             static_cast<std::uint16_t>(turns ? std::min(place.turns + 1, 0xfffe) : 0),
             sighting.ttl};
    if (!known) return NoteKind::kCount;
    if (turns) return place.turns >= 2 ? NoteKind::kLoop : NoteKind::kCount;
    return gap >= std::int64_t{kRepeatMs} * 1'000'000 ? NoteKind::kRepeat : NoteKind::kCount;
  }
};

NoteTaker::NoteTaker() : impl_(std::make_unique<Impl>()) {}
NoteTaker::~NoteTaker() = default;

void NoteTaker::read(const decode::Layer& layer,
                     const decode::Layer* quoted,
                     const conntrack::Verdict& verdict,
                     std::span<const Sighting> sightings,
                     Timestamp time,
                     std::uint32_t frame,
                     std::vector<PacketNote>& out) {
  const auto note = [&](NoteKind kind) { return note_of(kind, layer, verdict, time, frame); };
  if (layer.transport == decode::TransportKind::kTcp) {
    const std::uint16_t flags = layer.tcp.flags;
    if ((flags & decode::tcp_flag::kRst) != 0) {
      impl_->keep(note(NoteKind::kReset), out);
    } else if ((flags & decode::tcp_flag::kSyn) != 0 && verdict.earlier_packets != 0) {
      impl_->keep(note(NoteKind::kSynAgain), out);
    }
  } else if (layer.icmp.error) {
    PacketNote error = note(NoteKind::kIcmpError);
    add_quote(layer, quoted, error);
    impl_->keep(error, out);
    return;
  }
  if (layer.reassembled) impl_->keep(note(NoteKind::kFragments), out);
  const bool ping = layer.transport == decode::TransportKind::kIcmp ||
                    layer.transport == decode::TransportKind::kIcmpv6;
  if (verdict.silence_ms >= (ping ? kPingResumeMs : kResumeMs)) {
    impl_->keep(note(NoteKind::kResume), out);
  }
  if (!sightings.empty() && stands_for_a_packet(sightings[0].kind) &&
      sightings[0].fingerprint != 0) {
    Seen before;
    const NoteKind kind = impl_->recognise(sightings[0], before);
    if (kind == NoteKind::kCount) return;
    PacketNote again = note(kind);
    again.other_frame = before.frame;
    again.silence_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
        (sightings[0].time - Timestamp::from_ns(before.time_ns)).count() / 1'000'000, 0,
        0xffffffff));
    again.number = kind == NoteKind::kLoop ? static_cast<std::uint16_t>(before.turns + 1) : 0;
    impl_->keep(again, out);
  }
}

namespace {

// What opens, answers or renews a session: WireGuard's types, IKE messages, OpenVPN's resets.
bool is_handshake(const decode::Via& via) {
  constexpr unsigned kWireguardData = 4;
  constexpr std::uint32_t kOpenvpnResets =
      1U << 1 | 1U << 2 | 1U << 3 | 1U << 7 | 1U << 8 | 1U << 10;
  switch (via.kind) {
    case decode::Encapsulation::kWireguard:
      return via.flags != 0 && via.flags < kWireguardData;
    case decode::Encapsulation::kIke:
      return true;
    case decode::Encapsulation::kOpenvpn:
      return (kOpenvpnResets >> (via.flags >> 3U) & 1U) != 0;
    default:
      return false;
  }
}

}  // namespace

void NoteTaker::handshake(const decode::Layer& layer,
                          const conntrack::Verdict& verdict,
                          const decode::Via& via,
                          Timestamp time,
                          std::uint32_t frame,
                          std::vector<PacketNote>& out) {
  if (!is_handshake(via)) return;
  PacketNote note = note_of(NoteKind::kHandshake, layer, verdict, time, frame);
  note.number = via.kind == decode::Encapsulation::kIke
                    ? static_cast<std::uint16_t>((via.next & 0xffU) << 8 | via.flags)
                    : via.flags;
  note.encapsulation = via.kind;
  impl_->keep(note, out);
}

void NoteTaker::fragment(const decode::Layer& layer,
                         Timestamp time,
                         std::uint32_t frame,
                         std::vector<PacketNote>& out) {
  PacketNote note = note_of(NoteKind::kFragment, layer, {}, time, frame);
  note.number = layer.fragment_offset;
  impl_->keep(note, out);
}

void NoteTaker::forget(std::uint32_t connection) {
  if (impl_->kept.empty()) return;
  for (std::size_t k = 0; k < static_cast<std::size_t>(NoteKind::kCount); ++k) {
    impl_->kept.erase(std::uint64_t{connection} << 8 | k);
  }
}

}  // namespace natlens::stream
