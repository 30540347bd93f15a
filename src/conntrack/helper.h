// Connection tracking helpers: what an application protocol announces about further
// connections. Each protocol has a file of its own, helper_*.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "expectation.h"
#include "gre_keys.h"
#include "options_values.h"
#include "table.h"

namespace natlens::conntrack {

struct HelperInfo {
  HelperKind kind;
  std::string_view name;
  std::uint8_t protocol;  // of its usual port
  std::uint16_t port;
};

std::span<const HelperInfo> helpers();
const HelperInfo* find_helper(std::string_view name);
std::string_view helper_name(HelperKind kind);

// How many expectations of a class one master may have, and how long they live
// (nf_conntrack_expect_policy).
struct HelperLimits {
  std::uint32_t most;
  std::uint32_t seconds;
};
HelperLimits helper_limits(HelperKind kind, ExpectClass expect_class);

// What NAT adds to a helper's work: pieces of the payload are replaced (nf_nat_helper.c).
struct PayloadNat {
  Way* way = nullptr;  // nullptr: the entry is not translated
  std::vector<PayloadEdit>* edits = nullptr;

  explicit operator bool() const { return way != nullptr; }
  void replace(std::size_t offset, std::size_t length, std::string text) const {
    edits->push_back({static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(length),
                      std::move(text)});
  }
};

// A packet of an entry that has a helper, as the helper sees it.
struct HelperPacket {
  Table& table;
  Expectations& expectations;
  GreKeys& gre_keys;
  RecordNumber record;
  Direction direction;
  bool established;  // class ESTABLISHED
  bool expected;     // the entry was expected itself
  std::uint8_t protocol;
  ByteView payload;   // after the transport header, captured bytes
  bool complete;      // the capture has all of it
  std::uint32_t seq;  // TCP: of the first payload byte
  PayloadNat nat;

  // Results.
  std::uint32_t refresh_seconds = 0;  // the entry's own timeout is set to this, if not 0
  std::vector<Tuple> ended{};         // entries that the message ends

  unsigned dir() const { return static_cast<unsigned>(direction); }
  // The tuple of this packet's direction and of the opposite one.
  Tuple own() const;
  Tuple other() const;
  std::array<std::uint32_t, 8>& memory();  // of the helper, kept with the entry; zero at first
  bool announce(const Announcement& announcement) {
    return expectations.announce(record, announcement) == Announced::kMade;
  }
  // For a translated entry (nf_nat_exp_find_port): the expected connection comes to `a`'s
  // address, as the other side knows it, is led to the announcing host, and its port is the
  // announced one or, if that is taken, one chosen at random. 0: none is free.
  std::uint16_t announce_translated(Announcement a, Direction follow);
};

// False: the packet is dropped. Afterwards the events that it raised wait for the next one.
using Help = bool (*)(HelperPacket& packet);
Help help_of(HelperKind kind);

bool help_ftp(HelperPacket& packet);
bool help_tftp(HelperPacket& packet);
bool help_sip(HelperPacket& packet);
bool help_irc(HelperPacket& packet);
bool help_pptp(HelperPacket& packet);
bool help_amanda(HelperPacket& packet);
bool help_sane(HelperPacket& packet);
bool help_netbios_ns(HelperPacket& packet);
bool help_snmp(HelperPacket& packet);

}  // namespace natlens::conntrack
