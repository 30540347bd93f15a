#include "silence.h"

#include <algorithm>

#include "between.h"
#include "words.h"

namespace natlens::findings {
namespace {

Phase phase_of(const Connection& c, const Note& note) {
  using conntrack::TcpState;
  const Timestamp fell_silent =
      note.frame.time - std::chrono::milliseconds(note.packet.silence_ms);
  if (is_icmp(c.original)) return Phase::kEcho;
  if (is_tcp(c.original)) {
    switch (static_cast<TcpState>(c.state)) {
      case TcpState::kSynSent:
      case TcpState::kSynRecv:
      case TcpState::kSynSent2:
        return Phase::kOpening;
      case TcpState::kFinWait:
      case TcpState::kCloseWait:
      case TcpState::kLastAck:
      case TcpState::kTimeWait:
        return Phase::kClosing;
      default:
        return Phase::kEstablished;
    }
  }
  if (!is_udp(c.original)) return Phase::kOther;
  if (!c.answered()) return Phase::kUnreplied;
  return fell_silent - c.start > std::chrono::seconds(2) ? Phase::kStream : Phase::kExchange;
}

// DNS and NTP may have timers of their own (RFC 4787 REQ-5a).
bool is_exempt(const Tuple& tuple) {
  return is_udp(tuple) && (tuple.dst_port == 53 || tuple.dst_port == 123);
}

}  // namespace

std::vector<Silence> silences(const Case& of) {
  const Picture& picture = of.picture;
  std::vector<Silence> out;
  for (const Note& note : picture.notes()) {
    if (note.packet.kind != stream::NoteKind::kResume || note.connection == kNone) continue;
    const Connection& c = picture.connections()[note.connection];
    for (const std::uint32_t t : picture.translations_of(note.connection)) {
      const Translation& translation = picture.translations()[t];
      const Nat* nat = picture.nat(translation.nat);
      if (nat == nullptr || !is_nat(nat->relation) || c.tap != nat->outside_tap) continue;
      if (translation.kind == correlate::TranslationKind::kProxy) continue;
      // Inbound: towards the end that the NAT hides.
      const Tuple& packet = note.packet.tuple;
      if (!picture.is_external(packet.dst)) continue;
      const Fate* fate = picture.fate_of(note.frame);
      const bool lost = fate != nullptr && fate->fate == correlate::Fate::kOnlyBefore;
      if (fate != nullptr && !lost) continue;
      const std::int64_t inside = picture.connections()[translation.inside].tap;
      const Absence absence = of.gates.absence(c.tap, inside, note.frame.time, c.original);
      const bool through = !lost && note.frame.time >= translation.start &&
                           note.frame.time <= translation.end && c.invalid_packets == 0;
      if ((lost && !absence.proven()) || (!lost && !through)) continue;
      out.push_back({&note, t, phase_of(c, note), note.packet.silence_ms / 1000.0, lost});
    }
  }
  return out;
}

Known bounds_of(const Case& of, const std::vector<Silence>& all) {
  Known known;
  for (const Silence& one : all) {
    const Translation& t = of.picture.translations()[one.translation];
    if (is_exempt(of.picture.connections()[t.outside].original)) continue;
    Bounds& bounds = known[{t.nat, one.phase}];
    if (one.refused) {
      bounds.upper_s = std::min(bounds.upper_s, one.seconds);
      bounds.refusals.push_back(one);
    } else if (one.seconds > bounds.lower_s) {
      bounds.lower_s = one.seconds;
      bounds.survivor = one.note;
    }
  }
  return known;
}

}  // namespace natlens::findings
