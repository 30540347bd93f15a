// Blocks of a TCP byte stream: what is left of a connection that a proxy ended and opened anew.
//
// Sequence numbers, options and segmentation are the proxy's own on its other side; the bytes
// are not. So the bytes at fixed offsets of each direction are digested, wherever segments
// begin and end. What is said to a proxy before the bytes that it passes on (SOCKS, CONNECT,
// the PROXY protocol), or by it, does not stand on its other side: behind it offsets count
// anew.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

// Belongs to one tap, whose packets it gets in order. Offsets count from the SYN, so
// connections that were picked up in the middle have none. A block that the capture has not
// whole, or whose bytes came out of order, is left out: each stands for itself. 48 bytes per
// connection.
class BlockReader {
 public:
  BlockReader();
  ~BlockReader();
  BlockReader(BlockReader&&) noexcept;

  // Appends a sighting for each block that this packet completes (kStreamBlock; direction and
  // time of the packet; payload_bytes: of the block). `tap` is not filled. A FIN completes the
  // block that it cuts short. Where a request to a proxy, or its answer, ends, a kRelayStart
  // tells the sequence number behind it.
  void read(const decode::Layer& layer,
            const conntrack::Verdict& verdict,
            Timestamp time,
            std::uint32_t frame,
            std::vector<Sighting>& out);
  // Before read(), one after the other, each when the one before had time.
  void prefetch_index(std::uint32_t connection) const;
  void prefetch(std::uint32_t connection) const;
  // The connection ended, and no packet of it will follow.
  void forget(std::uint32_t connection);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::stream
