// What earlier frames of the tap taught about a flow: a small table that forgets the least
// recently used of each bucket, so that hostile input cannot make it grow.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "natlens/decode/records.h"

namespace natlens::decode {

class FlowMemory {
 public:
  // One reading of a flow's packets: a protocol, and what it is read by (an offset, say).
  struct Reading {
    Encapsulation kind = Encapsulation::kNone;
    std::uint8_t detail = 0;
    bool operator==(const Reading&) const = default;
  };
  struct Entry {
    std::uint64_t key = 0;
    Reading reading;
    std::uint8_t count = 0;    // packets in a row that had this reading, up to 255
    std::uint8_t misfits = 0;  // and those since that had not
    std::uint32_t next = 0;    // streams: sequence number of the next record
  };

  bool empty() const { return entries_ == nullptr; }
  // Streams on ports of their own are known: only then each TCP packet must be looked up.
  bool streams = false;
  // The entry of a flow; null if it is not known.
  Entry* find(std::uint64_t key);
  // Counts one more packet with this reading; another reading starts anew.
  Entry& seen_again(std::uint64_t key, Reading reading);

  static_assert(sizeof(Entry) == 16);

 private:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kBuckets = 2048;
  using Bucket = std::array<Entry, kWays>;  // most recently used first

  // Taken with the first thing worth remembering.
  std::unique_ptr<std::array<Bucket, kBuckets>> entries_;
};

}  // namespace natlens::decode
