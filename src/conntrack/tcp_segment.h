// A TCP segment as tracking reads it.
#pragma once

#include <cstdint>

#include "natlens/net/bytes.h"

#include "entry.h"

namespace natlens::conntrack {

// RFC 1982 order of sequence numbers, as before() and after() of net/tcp.h.
constexpr bool before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}
constexpr bool after(std::uint32_t a, std::uint32_t b) {
  return before(b, a);
}

struct TcpSegment {
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint32_t end = 0;  // seq + data + SYN + FIN
  std::uint16_t window = 0;
  bool syn = false;
  bool ack_flag = false;
  bool rst = false;
  bool fin = false;
  TcpKind kind = TcpKind::kNone;
  ByteView options;  // captured ones

  // REQUIRES: 20 bytes; the header length field is right.
  static TcpSegment read(ByteView bytes, std::uint32_t wire_bytes);
};

}  // namespace natlens::conntrack
