// How many bytes a TCP connection moved, and when: what is left to compare where a relay
// encrypts them.
//
// A relay (Shadowsocks, a proxy that ends TLS) sends on what it gets, within moments, and adds
// to it: a header or handshake once, and a few bytes to each piece. So the encrypted connection
// has in each direction at least the bytes of the clear one and not many more, and when a burst
// of bytes came in at one side, one went out at the other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace natlens::correlate {

// Bytes of one direction without a pause between them. Times in us since the connection opened.
struct Burst {
  std::uint32_t first = 0;
  std::uint32_t last = 0;   // of its packets
  std::uint32_t bytes = 0;  // of the direction, up to its end
};

// The first bursts of one direction; the later ones are not kept.
class Bursts {
 public:
  static constexpr std::size_t kMost = 24;

  void add(std::int64_t since_opened_ns, std::uint32_t bytes);
  void clear() { count_ = 0; }
  std::size_t size() const { return count_; }
  const Burst& operator[](std::size_t i) const { return list_[i]; }
  bool complete() const { return count_ < kMost; }

 private:
  std::array<Burst, kMost> list_;
  std::uint8_t count_ = 0;
};

using Volume = std::array<Bursts, 2>;  // by Direction

// One side of a relay.
struct VolumeSide {
  const Volume* bursts = nullptr;
  std::array<std::uint32_t, 2> bytes{};    // by Direction, all of them
  std::array<std::uint32_t, 2> packets{};  // likewise
  std::int64_t opened = 0;                 // reference clock, ns
  bool ended = false;
};

// Bits for `proxy` carrying what `client` carries, one of the two encrypted: by how many bytes
// there were in all, and by the moments at which they came.
struct VolumeBits {
  float lengths = 0;
  float course = 0;
  float sum() const { return lengths + course; }
};
// Nothing if it cannot be. `error`: of the two clocks, ns.
std::optional<VolumeBits> volume_bits(const VolumeSide& client,
                                      const VolumeSide& proxy,
                                      std::int64_t error);

}  // namespace natlens::correlate
