// The box in the middle: which outside port a connection gets, as Linux chooses.
#pragma once

#include <cstdint>
#include <unordered_set>

#include "random.h"

namespace natlens::bench {

struct Wire {  // one side of a connection; ICMP: the id in src_port, dst_port 0
  std::uint32_t src = 0;
  std::uint32_t dst = 0;
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  std::uint8_t protocol = 0;
  bool operator==(const Wire&) const = default;
};

struct WireHash {
  std::size_t operator()(const Wire& wire) const;
};

// A load balancer instead, if there are backends: what is sent to its address goes to any of
// them (dnat with numgen), and everything else stays. Else port-preserving source NAT to one
// address, as nf_nat_core.c: the port stays unless the outside tuple is taken, else a random
// free one from 1024 on.
class NatBox {
 public:
  NatBox(std::uint32_t external, std::uint32_t backends, std::uint64_t seed)
      : external_(external), backends_(backends), random_(seed) {}

  // Opens an entry for `inside`. False if it exists or if no port is free towards that server.
  // With `keep` false the port changes in any case (a mapping that was forgotten and made
  // anew).
  bool open(const Wire& inside, bool keep, Wire& outside);
  void close(const Wire& inside, const Wire& outside);
  std::size_t entries() const { return inside_.size(); }

 private:
  std::uint32_t external_;
  std::uint32_t backends_;
  Random random_;
  std::unordered_set<Wire, WireHash> inside_;
  std::unordered_set<Wire, WireHash> outside_;
};

}  // namespace natlens::bench
