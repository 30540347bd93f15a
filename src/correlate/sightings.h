// What matching asks of a sighting, by its kind.
#pragma once

#include <cstdint>

#include "natlens/stream/records.h"

namespace natlens::correlate {

inline bool is_datagram(stream::SightingKind kind) {
  return kind == stream::SightingKind::kDatagram || kind == stream::SightingKind::kIcmpEcho ||
         kind == stream::SightingKind::kRelayed;
}
// What is read beside the packets themselves, for where somebody makes them anew.
inline bool remade(stream::SightingKind kind) {
  return kind == stream::SightingKind::kTcpBlock || kind == stream::SightingKind::kDnsQuestion;
}
// ... or shifts their numbers.
inline bool beside(stream::SightingKind kind) {
  return remade(kind) || kind == stream::SightingKind::kTcpShape;
}
// The bit of a filter of 64 that stands for a fingerprint.
inline std::uint64_t filter_bit(std::uint64_t key) {
  return std::uint64_t{1} << (key >> 20 & 63U);
}

inline std::uint16_t short_id(std::uint32_t ip_id) {
  return static_cast<std::uint16_t>(ip_id ^ ip_id >> 16);
}

}  // namespace natlens::correlate
