// What carried the connections that are alive now, by direction: a row for each carrier, from
// its first packet to its last. Belongs to a tap.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::pipeline {

// The innermost step that sets a layer apart from plain traffic; link framing does not, whether
// of the capture or inside a tunnel. nullptr: there is none.
const decode::Via* encapsulation_of(std::span<const decode::Via> via);

class CarrierLog {
 public:
  // A packet of `connection` was inside one of `carrier`. `step` as encapsulation_of() found
  // it; `sizes` of this packet.
  void carried(std::uint32_t connection,
               conntrack::Direction direction,
               std::uint32_t carrier,
               const decode::Via* step,
               std::uint8_t depth,
               Timestamp time,
               const stream::CarriedSizes& sizes);
  // The connection opened behind headers that are no connection of their own (VLAN...).
  void framed(std::uint32_t connection,
              const decode::Via& step,
              std::uint8_t depth,
              Timestamp time);
  // The connection ended: its rows go to `out`.
  void take(const conntrack::Closed& closed,
            std::uint16_t tap,
            std::vector<stream::CarrierRecord>& out);

 private:
  // Of one connection; a carrier that changes with every packet does not get more rows.
  static constexpr std::size_t kMostRows = 32;

  absl::flat_hash_map<std::uint32_t, std::vector<stream::CarrierRecord>> live_;
};

}  // namespace natlens::pipeline
