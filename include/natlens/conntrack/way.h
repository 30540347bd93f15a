// What a router does to a packet between tracking and confirming it (nf_conntrack_in and
// nf_confirm): filter rules and NAT. A Tracker without a Way is a passive observer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "natlens/conntrack/records.h"

namespace natlens::conntrack {

struct Packet;

// The table, as the search for a free port has to ask it. Valid during Way::pass().
class Occupancy {
 public:
  virtual ~Occupancy() = default;
  // Is this tuple one of another live entry, in either direction (nf_conntrack_tuple_taken)?
  virtual bool taken(const Tuple& tuple) const = 0;
  // Frees a reply tuple that a closing TCP entry still holds, if the connection at hand is
  // newer: TIME_WAIT or CLOSE, source-translated, its numbers before those of the SYN at hand.
  // The entry is destroyed. False: still taken.
  virtual bool evict_closing(const Tuple& reply) = 0;
};

// Where an expected connection has to go, from its master's translation
// (nf_nat_follow_master); meaningful if `follows`.
struct Following {
  bool follows = false;
  Address src;  // the source that it gets...
  Address dst;  // ...and the destination
  std::uint16_t port = 0;
  bool port_is_source = false;  // else it is the destination's
};

// One packet of an entry on its way.
struct Passage {
  Passage(const Packet& the_packet, Occupancy& the_table)
      : packet(the_packet), table(the_table) {}

  const Packet& packet;
  Occupancy& table;
  std::uint32_t connection = 0;  // 0: the first packet of an entry that is not confirmed yet
  std::uint32_t zone = 0;
  std::uint32_t status = 0;
  PacketClass packet_class = PacketClass::kNone;
  Direction direction = Direction::kOriginal;
  Tuple original;
  Tuple reply;
  Following following;
  // What a Way may set for a first packet: `reply`, status bits to add, a helper by rule.
  std::uint32_t add_status = 0;
  std::string_view helper{};

  bool first() const { return connection == 0; }
};

class Way {
 public:
  virtual ~Way() = default;
  // False: dropped before it is confirmed; a first packet leaves no entry.
  virtual bool pass(Passage& passage) = 0;
  // For ports that helpers choose.
  virtual std::uint32_t random() = 0;
};

// A piece of a packet's payload that a helper replaces (nf_nat_helper.c). Offsets are those of
// the payload as it arrived.
struct PayloadEdit {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::string text;
};

// Sequence adjustment of one direction (15.5).
struct SequenceOffsets {
  std::uint32_t position = 0;  // behind it, `after` holds
  std::int32_t before = 0;
  std::int32_t after = 0;
  bool operator==(const SequenceOffsets&) const = default;
};

}  // namespace natlens::conntrack
