// What the rules on tunnels ask of handshakes and of the connections that carry packets.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "rules.h"

namespace natlens::findings {

// What a message is to the setting up of a session.
enum class Step : std::uint8_t { kOpen, kAnswer, kCookie, kOther };
Step step_of(const stream::PacketNote& note);

// The handshake messages of a connection, by time.
struct Handshakes {
  std::vector<const Note*> opened;
  std::vector<const Note*> answered;
  std::vector<const Note*> cookies;
  std::size_t all = 0;
  decode::Encapsulation kind = decode::Encapsulation::kNone;

  // There may be more than were kept.
  bool complete() const;
};
Handshakes handshakes_of(const Picture& picture, std::uint32_t connection);

// Connections (by index) that a tunnel runs over: with handshakes, or with packets inside.
std::set<std::uint32_t> carriers_of(const Picture& picture);

std::string_view name_of(decode::Encapsulation kind);

}  // namespace natlens::findings
