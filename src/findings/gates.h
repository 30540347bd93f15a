// What must hold before the absence of a packet at a tap is evidence: the tap would have shown
// it. All rules ask here.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "natlens/findings/parameters.h"

#include "picture.h"

namespace natlens::findings {

enum class Gate : std::uint8_t {
  kCoverage,    // G1: the tap was capturing, not near its ends
  kLoss,        // G2: the capture lost frames then
  kFilter,      // G3: the tap shows this protocol
  kSnap,        // G4: enough bytes
  kClock,       // G5: clocks are known well enough
  kVisibility,  // G6: nothing bypasses the tap
  kPlace,       // G7: the packet was to pass the NAT
  kCount
};

// Which gates are shut. kCoverage to kFilter make a finding impossible, the others `possible`.
struct Absence {
  std::uint32_t shut = 0;

  bool proven() const { return shut == 0; }
  bool blocked() const {
    return (shut & (bit(Gate::kCoverage) | bit(Gate::kLoss) | bit(Gate::kFilter) |
                    bit(Gate::kPlace))) != 0;
  }
  static constexpr std::uint32_t bit(Gate gate) { return 1U << static_cast<unsigned>(gate); }
  void shut_if(bool condition, Gate gate) {
    if (condition) shut |= bit(gate);
  }
  Confidence at_most(Confidence confidence) const {
    return shut == 0 ? confidence : Confidence::kPossible;
  }
};

class Gates {
 public:
  Gates(const Picture& picture, const Parameters& parameters);

  // How long an image between these taps may take, and how near to an end nothing is claimed.
  Nanoseconds pair_window(std::int64_t tap, std::int64_t other) const;
  Nanoseconds edge_guard(std::int64_t tap, std::int64_t other) const;

  // Would tap `missing` have shown the image of a packet with this tuple, seen at tap `seen`?
  Absence absence(std::int64_t seen,
                  std::int64_t missing,
                  Timestamp time,
                  const Tuple& tuple,
                  std::uint8_t ttl = 64) const;
  bool covers(std::int64_t tap, Timestamp time, Nanoseconds guard) const;
  // The tap lost frames: peers acknowledge data that it never showed.
  bool loses(std::int64_t tap) const { return lossy_.contains(tap); }
  bool loses_near(std::int64_t tap, Timestamp time) const;
  // Neither multicast nor link-local, DHCP, mDNS, IGMP...
  static bool meant_to_pass(const Tuple& tuple);
  std::size_t connections_with_unseen_data(std::int64_t tap) const;

 private:
  void find_losses();

  const Picture& picture_;
  const Parameters& parameters_;
  std::map<std::pair<std::int64_t, std::int64_t>, Nanoseconds> windows_;
  std::set<std::int64_t> lossy_;
  std::map<std::int64_t, std::vector<Timestamp>> unseen_;  // by tap, in order of time
  std::map<std::int64_t, std::set<std::uint32_t>> unseen_connections_;
  std::set<std::pair<std::int64_t, std::uint8_t>> shown_;  // tap, protocol
};

}  // namespace natlens::findings
