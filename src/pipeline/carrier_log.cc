#include "carrier_log.h"

#include <algorithm>
#include <array>

namespace natlens::pipeline {

const decode::Via* encapsulation_of(std::span<const decode::Via> via) {
  using decode::Encapsulation;
  constexpr auto kFraming = std::to_array<Encapsulation>(
      {Encapsulation::kNone, Encapsulation::kEthernet, Encapsulation::kSll,
       Encapsulation::kNull, Encapsulation::kLlc, Encapsulation::kIeee80211,
       Encapsulation::kNflog, Encapsulation::kPktap, Encapsulation::kRaw});
  for (std::size_t i = via.size(); i > 0; --i) {
    const decode::Via& step = via[i - 1];
    if (std::find(kFraming.begin(), kFraming.end(), step.kind) == kFraming.end()) return &step;
  }
  return nullptr;
}

void CarrierLog::carried(std::uint32_t connection,
                         conntrack::Direction direction,
                         std::uint32_t carrier,
                         const decode::Via* step,
                         std::uint8_t depth,
                         Timestamp time,
                         const stream::CarriedSizes& sizes) {
  const auto kind = step != nullptr ? step->kind : decode::Encapsulation::kNone;
  const std::uint64_t key = step != nullptr ? step->key : 0;
  auto& rows = live_[connection];
  const auto known = std::find_if(rows.begin(), rows.end(), [&](const auto& row) {
    return row.carrier == carrier && row.direction == direction && row.encapsulation == kind &&
           row.key == key;
  });
  if (known != rows.end()) {
    known->last = std::max(known->last, time);
    ++known->packets;
    known->sizes.add(sizes);
    return;
  }
  if (rows.size() == kMostRows) return;
  stream::CarrierRecord row;
  row.connection = connection;
  row.carrier = carrier;
  row.direction = direction;
  row.encapsulation = kind;
  row.depth = depth;
  row.key = key;
  row.packets = 1;
  row.first = row.last = time;
  row.sizes = sizes;
  rows.push_back(row);
}

void CarrierLog::framed(std::uint32_t connection,
                        const decode::Via& step,
                        std::uint8_t depth,
                        Timestamp time) {
  stream::CarrierRecord row;
  row.connection = connection;
  row.encapsulation = step.kind;
  row.depth = depth;
  row.key = step.key;
  row.first = row.last = time;
  live_[connection].push_back(row);
}

void CarrierLog::take(const conntrack::Closed& closed,
                      std::uint16_t tap,
                      std::vector<stream::CarrierRecord>& out) {
  const auto found = live_.find(closed.connection);
  if (found == live_.end()) return;
  for (stream::CarrierRecord& row : found->second) {
    row.tap = tap;
    if (row.packets == 0) row.last = closed.last_packet;
    out.push_back(row);
  }
  live_.erase(found);
}

}  // namespace natlens::pipeline
