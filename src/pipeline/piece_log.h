// Fragments in clear that wait for the rest of their datagram: a tunnel carries each of them as
// a packet of its own, but only the datagram has a connection. Belongs to a tap.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::pipeline {

class PieceLog {
 public:
  // A fragment of a datagram that is not complete yet. The oldest are forgotten.
  void hold(const decode::Layer& layer, std::uint32_t frame, Timestamp time);
  // The datagram is complete, with the fragment of `frame`: all its pieces, as far as they are
  // known, go to `out`.
  void take(const decode::Layer& whole,
            const conntrack::Verdict& verdict,
            std::uint32_t frame,
            Timestamp time,
            std::vector<stream::TunnelPacket>& out);

 private:
  struct Piece {
    std::uint64_t datagram = 0;  // 0: the place is free
    std::uint32_t frame = 0;
    std::uint32_t ip_bytes = 0;
    std::uint32_t payload_bytes = 0;
    Timestamp time;
  };
  static constexpr std::size_t kHeld = 128;

  std::array<Piece, kHeld> held_;
  std::size_t next_ = 0;
};

}  // namespace natlens::pipeline
