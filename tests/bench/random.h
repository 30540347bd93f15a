// A small generator of random numbers that gives the same sequence on every machine and
// library: splitmix64 (Steele, Lea, Flood 2014). The distributions of <random> differ between
// libraries.
#pragma once

#include <cmath>
#include <cstdint>

namespace natlens::bench {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  // 0 .. bound - 1. REQUIRES: bound > 0 and far below 2^64, so that the bias does not matter.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32U) * bound) >> 32U);
  }
  // first .. last, both included.
  std::uint32_t between(std::uint32_t first, std::uint32_t last) {
    return first + below(last - first + 1);
  }
  // 0 <= x < 1.
  double unit() { return static_cast<double>(next() >> 11U) * 0x1p-53; }
  bool chance(double probability) { return probability > 0 && unit() < probability; }
  double exponential(double mean) { return -std::log1p(-unit()) * mean; }

 private:
  std::uint64_t state_;
};

}  // namespace natlens::bench
