// What left the router of rules against what left the real one, at one of its interfaces.
#pragma once

#include "tap_frames.h"

namespace natlens::replay {

class Comparison {
 public:
  explicit Comparison(unsigned interface) : interface_(interface) {}
  // Every packet that the real router sent out there; `tap`: that interface.
  Result<void> read(const std::string& path, const TapView& tap);
  void left(const Left& left);
  // A packet that entered: something like it may leave.
  void entered(const decode::Layer& layer);
  // Adds to the result. `options`: the names of the captures.
  void finish(const ReplayOptions& options, ReplayResult& result) const;

 private:
  struct Real {
    std::uint32_t frame = 0;
    std::uint64_t loose = 0;  // what a router leaves alone
    bool met = false;
    Tuple tuple;
  };
  struct Extra {
    std::uint32_t frame = 0;
    unsigned entered = 0;  // interface
    Tuple before;
    Tuple after;
  };
  unsigned interface_;
  bool meet(ByteView ip);
  bool meet_in_pieces(ByteView ip);

  std::vector<Real> real_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> data_bytes_;  // by place in a TCP stream
  absl::flat_hash_map<std::uint64_t, std::vector<std::size_t>>
      by_bytes_;  // not met, latest first
  absl::flat_hash_set<std::uint64_t> entered_;
  std::vector<Extra> extra_;
  std::uint64_t equal_ = 0;
  std::uint64_t extra_count_ = 0;
};

}  // namespace natlens::replay
