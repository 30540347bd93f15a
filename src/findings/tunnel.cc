#include "tunnel.h"

#include <algorithm>

#include "natlens/stream/records.h"

#include "between.h"

namespace natlens::findings {

Step step_of(const stream::PacketNote& note) {
  constexpr std::uint16_t kIkeSaInit = 34;  // RFC 7296
  constexpr std::uint16_t kIkeResponse = 0x20;
  switch (note.encapsulation) {
    case decode::Encapsulation::kWireguard:
      return note.number == 1   ? Step::kOpen
             : note.number == 2 ? Step::kAnswer
             : note.number == 3 ? Step::kCookie
                                : Step::kOther;
    case decode::Encapsulation::kIke:
      if (note.number >> 8U != kIkeSaInit) return Step::kOther;
      return (note.number & kIkeResponse) != 0 ? Step::kAnswer : Step::kOpen;
    case decode::Encapsulation::kOpenvpn: {
      const unsigned opcode = note.number >> 3U;  // hard resets
      if (opcode == 1 || opcode == 7 || opcode == 10) return Step::kOpen;
      return opcode == 2 || opcode == 8 ? Step::kAnswer : Step::kOther;
    }
    default:
      return Step::kOther;
  }
}

bool Handshakes::complete() const {
  return all < stream::kNotesKept;
}

namespace {

// A capture may show each frame twice: no protocol tries again that soon.
void add(const Note& note, std::vector<const Note*>& list) {
  constexpr Nanoseconds kCopy = std::chrono::milliseconds(200);
  const bool copy = !list.empty() && list.back()->packet.direction == note.packet.direction &&
                    note.frame.time - list.back()->frame.time < kCopy;
  if (!copy) list.push_back(&note);
}

}  // namespace

Handshakes handshakes_of(const Picture& picture, std::uint32_t connection) {
  Handshakes out;
  for (const Note* note : notes_of_kind(picture, connection, stream::NoteKind::kHandshake)) {
    ++out.all;
    const Step step = step_of(note->packet);
    if (step == Step::kOpen) add(*note, out.opened);
    if (step == Step::kAnswer) add(*note, out.answered);
    if (step == Step::kCookie) out.cookies.push_back(note);
    out.kind = note->packet.encapsulation;
  }
  return out;
}

std::set<std::uint32_t> carriers_of(const Picture& picture) {
  std::set<std::uint32_t> out;
  for (const Carrier& row : picture.carriers()) {
    if (row.carrier != kNone) out.insert(row.carrier);
  }
  for (const Note& note : picture.notes()) {
    if (note.packet.kind == stream::NoteKind::kHandshake && note.connection != kNone) {
      out.insert(note.connection);
    }
  }
  return out;
}

std::string_view name_of(decode::Encapsulation kind) {
  switch (kind) {
    case decode::Encapsulation::kWireguard:
      return "WireGuard";
    case decode::Encapsulation::kIke:
      return "IKE";
    case decode::Encapsulation::kOpenvpn:
      return "OpenVPN";
    default:
      return "tunnel";
  }
}

}  // namespace natlens::findings
