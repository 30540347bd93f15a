// What a Linux host without any listener answers to a packet for itself: a reset, an ICMP
// error, an echo reply.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/decode/records.h"
#include "natlens/net/bytes.h"

namespace natlens::ruleset {

// `ip`: the packet as the host sees it, translated; `transport_at`: its transport header.
// Empty: no answer.
std::vector<std::uint8_t> local_answer(ByteView ip,
                                       std::size_t transport_at,
                                       std::uint8_t protocol);

}  // namespace natlens::ruleset
