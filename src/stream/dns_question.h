// The question of a DNS message (RFC 1035 4.1.2): what a forwarder leaves alone.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

struct DnsQuestion {
  std::uint64_t digest = 0;  // of name, type and class
  std::uint32_t name_bytes = 0;
  bool answer = false;
};
// The question that a packet from or to port 53 asks or answers: of a TCP segment the first one
// that begins in it. Nothing if it is no such message, or the capture cut it.
std::optional<DnsQuestion> dns_question(const decode::Layer& layer);

// Appends a sighting of that question (kDnsQuestion). `sighting` is that of the packet.
void append_dns_question(const decode::Layer& layer,
                         const Sighting& sighting,
                         std::vector<Sighting>& out);

}  // namespace natlens::stream
