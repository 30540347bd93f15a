// Had a flow's port to change? Another flow had it towards the same far end, or the same inside
// end already had another one.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "scene.h"

namespace natlens::verify {

class Clashes {
 public:
  // Over the flows that left by each tap. O(n log n).
  explicit Clashes(const Scene& scene);
  // A reason for the changed port of `flow` that the capture shows.
  bool explain(const Flow& flow) const;

 private:
  struct Use {
    std::int64_t start = 0;
    Address source;
    std::uint16_t port = 0;
  };
  struct Inner {
    std::int64_t tap = 0;
    Endpoint end;
    std::uint8_t protocol = 0;
    auto operator<=>(const Inner&) const = default;
  };
  std::map<std::pair<std::int64_t, Tuple>, std::vector<Use>> outer_;  // as it left
  std::map<Inner, std::vector<std::pair<std::int64_t, Endpoint>>> inner_;
};

}  // namespace natlens::verify
