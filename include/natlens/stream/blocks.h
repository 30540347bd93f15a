// Blocks of a TCP byte stream: what is left of a connection that a proxy ended and opened anew.
//
// Sequence numbers, options and segmentation are the proxy's own on its other side; the bytes
// are not. So the bytes at fixed offsets of each direction are digested, wherever segments
// begin and end.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/decode/records.h"
#include "natlens/net/serial_index.h"
#include "natlens/net/slab.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

// Belongs to one tap, whose packets it gets in order. Offsets count from the SYN, so
// connections that were picked up in the middle have none. A block that the capture has not
// whole, or whose bytes came out of order, is left out: each stands for itself. 28 bytes per
// connection, and 64 for each block that is under way.
class BlockReader {
 public:
  // Appends a sighting for each block that this packet completes (kStreamBlock; direction and
  // time of the packet; payload_bytes: of the block). `tap` is not filled. A FIN completes the
  // block that it cuts short.
  void read(const decode::Layer& layer,
            const conntrack::Verdict& verdict,
            Timestamp time,
            std::uint32_t frame,
            std::vector<Sighting>& out);
  // The connection ended, and no packet of it will follow.
  void forget(std::uint32_t connection);

 private:
  static constexpr std::size_t kMostBlockBytes = 64;
  using Bytes = std::array<std::uint8_t, kMostBlockBytes>;
  struct Side {
    std::uint32_t base = 0;           // sequence number of offset 0
    std::uint32_t pending = kNoSlot;  // the bytes of a block under way, in bytes_
    std::uint8_t have = 0;            // how many of them are there
    std::uint8_t next = kNoBase;      // number of the next block
    static constexpr std::uint8_t kNoBase = 255;
  };
  struct Flow {
    std::array<Side, 2> side;  // by Direction
  };
  struct Segment;

  // True if the block is complete or lost, and the next one's turn has come.
  bool fill(Side& side, const Segment& segment, std::vector<Sighting>& out);
  void cut_short(Side& side, const Segment& segment, std::vector<Sighting>& out);
  void next_block(Side& side);

  SerialIndex index_;  // to flows_; all under tap 0
  Slab<Flow> flows_;
  Slab<Bytes> bytes_;
};

}  // namespace natlens::stream
