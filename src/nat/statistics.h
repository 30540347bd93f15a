// The two tests that the rules on port assignment need.
#pragma once

#include <cstdint>
#include <span>

namespace natlens::nat {

// Two-sided probability of k or a less likely number of heads in n tosses of a fair coin.
double binomial_half(std::uint64_t n, std::uint64_t k);

// Kolmogorov-Smirnov: probability that n draws from the uniform distribution over [low, high]
// lie as far from it as `sorted` does (asymptotic; n from 35 up). REQUIRES: sorted, within the
// range.
double uniform_probability(std::span<const std::uint16_t> sorted,
                           std::uint16_t low,
                           std::uint16_t high);

// Probability of `count` or more events where `expected` are expected (Poisson).
double poisson_or_more(std::uint64_t count, double expected);

// Probability that n ports drawn from `range` ports lie within `width` of each other.
double narrow_probability(std::uint64_t n, double width, double range);

}  // namespace natlens::nat
