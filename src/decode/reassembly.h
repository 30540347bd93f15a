// Puts IPv4 and IPv6 fragments together as Linux does (net/ipv4/ip_fragment.c,
// net/ipv6/netfilter/nf_conntrack_reasm.c): a fragment wholly inside what is there is ignored,
// one that overlaps in part discards the datagram, an incomplete one is forgotten after 30 s
// (IPv4) or 60 s (IPv6) counted from its first fragment, and the frame that arrives last
// carries the whole.
//
// Memory is fixed: blocks of 2 KiB from one arena, a table of kMaxDatagrams, and one output
// buffer per nesting level. When the arena is used up the oldest datagram is given up. The
// arena is taken with the first fragment and nothing is allocated afterwards, but for the
// output buffer of a nesting level met for the first time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "natlens/decode/records.h"
#include "natlens/net/timestamp.h"

namespace natlens::decode {

class Reassembler {
 public:
  explicit Reassembler(std::size_t max_bytes);
  ~Reassembler();
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  struct Fragment {
    const Layer& layer;  // addresses, id, zone, offset, more_fragments
    ByteView header;     // IP header, and what precedes the fragment header
    ByteView data;       // captured bytes of the fragment
    std::uint32_t wire_bytes = 0;
    std::uint8_t protocol = 0;
    std::uint8_t depth = 0;  // how many layers deep: one path of encapsulation
    Timestamp time;
  };
  // A datagram put together. `bytes` is header and payload; the payload may end before
  // payload_wire_bytes where the capture cut a fragment. Lives until begin_frame().
  struct Whole {
    ByteView bytes;
    std::size_t header_bytes = 0;
    std::uint32_t payload_wire_bytes = 0;
    std::uint8_t protocol = 0;
  };
  enum class Outcome : std::uint8_t { kHeld, kRefused, kComplete };

  void begin_frame() { level_ = 0; }
  Outcome add(const Fragment& fragment, Whole& whole);
  // Datagrams that timed out, or were given up for want of memory.
  std::uint64_t expired() const { return expired_; }

 private:
  struct Block;
  struct Datagram;
  struct Pool;

  Outcome insert(Datagram& datagram, const Fragment& fragment);
  bool accept_end(Datagram& datagram, std::uint32_t end, bool more);
  bool reserve(Datagram& keep, std::size_t blocks);
  void store(Datagram& datagram, const Fragment& fragment);
  void finish(Datagram& datagram, Whole& whole);
  void give_up(Datagram& datagram);
  static bool is_over(const Datagram& datagram, Timestamp now);
  static Fragment whole_units(Fragment fragment);

  std::size_t max_bytes_;
  std::unique_ptr<Pool> pool_;
  std::array<std::unique_ptr<std::uint8_t[]>, kMaxLayers> output_;
  std::size_t level_ = 0;
  std::uint64_t expired_ = 0;
};

}  // namespace natlens::decode
