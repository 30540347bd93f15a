// Which servers a proxy's frontends lead to, as connections with bytes showed: a client asks
// 10.0.0.1:80, and the proxy then 192.0.2.9:80.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <absl/container/flat_hash_map.h>

#include "natlens/net/address.h"
#include "natlens/net/bytes.h"

namespace natlens::correlate {

class Frontends {
 public:
  void learn(const Endpoint& frontend, const Endpoint& server);
  // A connection to the one may have become one to the other, either way.
  bool lead(const Endpoint& one, const Endpoint& other) const;
  // The ends on the other side of a proxy.
  template <typename Use>
  void each(const Endpoint& end, Use&& use) const {
    for (const std::uint16_t port : {end.port, std::uint16_t{0}}) {
      const auto found = known_.find(key_of({end.address, port}));
      if (found == known_.end()) continue;
      for (std::size_t i = 0; i < found->second.count; ++i) {
        Endpoint other = found->second.ends[i];
        if (port == 0) other.port = end.port;
        use(other);
      }
    }
  }

 private:
  static constexpr std::size_t kMost = 4096;
  // Those of one end; the later ones are not kept. Port 0: a proxy that keeps the port.
  struct Ends {
    std::array<Endpoint, 4> ends;
    std::size_t count = 0;
  };
  static std::uint64_t key_of(const Endpoint& end) {
    return content_hash(end.address.bytes(), end.port);
  }
  void add(const Endpoint& from, const Endpoint& to);

  absl::flat_hash_map<std::uint64_t, Ends> known_;
};

}  // namespace natlens::correlate
