// One frame of every link type and encapsulation that decode reads, with what must come out.
// Used by the tests of rules, of cut frames and of allocations.
#pragma once

#include <string_view>
#include <vector>

#include "support/packet.h"

namespace natlens::test {

struct Sample {
  std::string_view name;
  capture::LinkType link_type = 1;
  Bytes bytes;
  std::size_t layers = 1;
  std::string_view via;   // names before the last layer, joined by blanks
  std::string_view tail;  // names after the last layer
  std::uint64_t key = 0;  // of the last via, or of the last tail if there is one
};

const std::vector<Sample>& samples();

// The packets inside and around: IPv4 with UDP 40000 > 9999, and IPv4 with the given payload.
Bytes inner_ipv4();
Bytes inner_ipv6();
Bytes outer_udp(std::uint16_t src_port, std::uint16_t dst_port, const Bytes& payload);

}  // namespace natlens::test
