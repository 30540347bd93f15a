// Questions about flows between two taps that several families ask.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rules.h"

namespace natlens::findings {

// Two taps with a box between them, seen from the one that packets pass first.
struct Crossing {
  const Nat* nat = nullptr;
  std::int64_t before = 0;  // tap.id
  std::int64_t after = 0;
};

// Both ways of every pair of taps whose relation satisfies `wanted`.
std::vector<Crossing> crossings(const Picture& picture, bool (*wanted)(nat::Relation));
inline bool is_nat(nat::Relation relation) {
  return relation == nat::Relation::kNat || relation == nat::Relation::kUserNat;
}
inline bool is_plain(nat::Relation relation) {
  return relation == nat::Relation::kRouted || relation == nat::Relation::kBridged;
}

// What was opened that way, by where from and where to: a translation for each.
class Passages {
 public:
  Passages(const Picture& picture, const Crossing& way);
  // Traffic from the prefix of `src` to `dst` crossed; kNone: none did.
  std::uint32_t find(const Address& src, const Address& dst) const;

 private:
  std::map<std::pair<std::string, Address>, std::uint32_t> known_;
};

// A translation joins the connection with one at that tap.
bool joins(const Picture& picture, std::uint32_t connection, std::int64_t tap);

// The refused packet behind the box, untranslated: as refused as before it, or, where its
// sender has not shown a right checksum yet, taken for one that a network card was to finish.
FrameRef untranslated(const Case& of, const Crossing& way, const Invalid& row);

// Whether the box made a packet itself: nothing like it was at the other tap when it could have
// come from there.
struct Orphan {
  bool yes = false;
  bool paired = false;  // other packets of its connection crossed
  std::int64_t other_tap = 0;
  Absence absence;
  std::uint32_t control = kNone;  // translation
};
class Orphans {
 public:
  explicit Orphans(const Case& of);
  // REQUIRES: the note's connection is known.
  Orphan judge(const Note& note) const;

 private:
  const Case& of_;
  std::vector<std::pair<Crossing, Passages>> ways_;
};

// How often a connection was tried: its first packet and what was sent again, the last of these
// so long after the first.
struct Tries {
  std::uint64_t count = 0;
  Nanoseconds span{};
  std::vector<FrameRef> frames;  // first, repeats, last
};
Tries tries_of(const Picture& picture, std::uint32_t connection);
// By `whole_flow_tries`; a single datagram, by `udp_answer_wait_s` of silence until `end`.
bool tried_enough(const Case& of,
                  const Connection& connection,
                  const Tries& tries,
                  Timestamp end);

// A connection that one tap shows and the other does not, though others like it crossed.
struct LostFlow {
  std::uint32_t connection = kNone;
  Tries tries;
  Absence absence;
  std::uint32_t control = kNone;  // index of a translation that went the same way
};
// Flows opened at `way.before` of which nothing reached `way.after`. REQUIRES: nothing. Flows
// whose gates are shut are told to the report under `code` and left out.
std::vector<LostFlow> lost_flows(const Case& of, const Crossing& way, std::string_view code);

// Packets of a translation that were seen at `way.before` only, with gates checked.
struct LostPackets {
  std::uint32_t translation = kNone;
  std::uint8_t direction = 0;
  std::uint64_t lost = 0;
  std::uint64_t passed = 0;
  std::vector<const Fate*> proven;
  std::uint32_t smallest = 0;  // payload bytes of those lost
  std::uint32_t largest = 0;
  double ratio() const {
    return static_cast<double>(lost) /
           static_cast<double>(std::max<std::uint64_t>(lost + passed, 1));
  }
};
std::vector<LostPackets> lost_packets(const Case& of,
                                      const Crossing& way,
                                      std::string_view code);

// Notes of one kind of a connection.
std::vector<const Note*> notes_of_kind(const Picture& picture,
                                       std::uint32_t connection,
                                       stream::NoteKind kind);
// Somebody answered it with a RST or an ICMP error.
bool was_refused(const Picture& picture, std::uint32_t connection);
// Where the first frame of a translation's connection at a tap is.
FrameRef frame_at(const Picture& picture, const Translation& translation, std::int64_t tap);

}  // namespace natlens::findings
