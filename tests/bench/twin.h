// The obviously right, slow twin of the correlator, for generated captures of IPv4 over
// Ethernet: it holds all packets of both captures and compares everything with everything that
// could be the same. See twin.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace natlens::bench {

struct TwinOptions {
  double offset_seconds = 0;  // what the outside clock shows more, as the generator was told
  double drift_ppm = 0;
  std::array<double, 2> step_seconds{};  // by which the clocks (inside, outside) were set
  double step_at_seconds = 20;
  bool shifted = false;  // TCP numbers say nothing
};

// The two ends of a flow in a fixed order, and what happened in it.
struct TwinPacket {
  std::uint64_t content = 0;  // of all that a NAT leaves alone, the far end included
  std::int64_t time_ns = 0;   // by the inside clock
  std::uint32_t flow = 0;
};
struct TwinCapture {
  std::vector<TwinPacket> packets;
  std::vector<std::string> flows;  // "6 10.0.0.2:4000 198.18.0.1:443", the far end last
};

TwinCapture read_twin_capture(const std::string& path,
                              const TwinOptions& options,
                              bool outside);

struct TwinVerdict {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;  // inside flow, outside flow
  std::size_t undecided_inside = 0;  // flows that have candidates, but no decision
  std::size_t undecided_outside = 0;
  static constexpr std::uint32_t kUndecided = UINT32_MAX;
};

TwinVerdict decide(const TwinCapture& inside, const TwinCapture& outside);

}  // namespace natlens::bench
