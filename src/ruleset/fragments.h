// Datagrams that came in pieces leave in the same pieces (ip_do_fragment, where the pieces
// fit): in order, each with the first one's header.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "natlens/decode/records.h"

namespace natlens::ruleset {

class FragmentShapes {
 public:
  // A fragment that waits for others.
  void add(const decode::Layer& fragment);
  // The pieces of a datagram that was put together: where each begins in the payload. Forgets
  // it. `datagram`: the layer that the last piece completed.
  std::vector<std::uint32_t> take(const decode::Layer& datagram);

 private:
  struct Key {
    Address src;
    Address dst;
    std::uint32_t id = 0;
    std::uint8_t protocol = 0;
    auto operator<=>(const Key&) const = default;
  };
  static constexpr std::size_t kMost = 1024;
  static constexpr std::size_t kMostPieces = 8192;
  std::map<Key, std::vector<std::uint32_t>> offsets_;
};

// Cuts a rewritten datagram; `payload_at`: where what was cut begins. IPv4 only; IPv6 datagrams
// get a fragment header with `id` again.
std::vector<std::vector<std::uint8_t>> cut(const std::vector<std::uint8_t>& ip,
                                           std::size_t payload_at,
                                           const std::vector<std::uint32_t>& offsets,
                                           std::uint32_t id);

}  // namespace natlens::ruleset
