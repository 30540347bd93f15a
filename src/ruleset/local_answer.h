// What a Linux host without any listener answers to a packet for itself: a reset, an ICMP
// error, an echo reply; and what a router says of packets that it does not forward.
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

// Why a packet was not forwarded.
enum class IcmpError : std::uint8_t { kTtl, kTooLarge, kNoRoute, kRejected, kPort, kCount };
// The error about packet `ip`, from `src` to the packet's source. `mtu`: of kTooLarge.
std::vector<std::uint8_t> error_about(ByteView ip,
                                      IcmpError error,
                                      const Address& src,
                                      std::uint32_t mtu);
// May its sender be told (RFC 1122 3.2.2, RFC 4443 2.4 e)?
bool may_be_told(const decode::Layer& layer);

}  // namespace natlens::ruleset
