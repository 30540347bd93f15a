#include "statistics.h"

#include <algorithm>
#include <cmath>

namespace natlens::nat {

double binomial_half(std::uint64_t n, std::uint64_t k) {
  const auto log_choose = [n](std::uint64_t i) {
    const auto real = [](std::uint64_t v) { return static_cast<double>(v); };
    return std::lgamma(real(n) + 1) - std::lgamma(real(i) + 1) - std::lgamma(real(n - i) + 1) -
           real(n) * std::log(2.0);
  };
  const std::uint64_t tail = std::min(k, n - k);
  double sum = 0;
  for (std::uint64_t i = 0; i <= tail; ++i) sum += std::exp(log_choose(i));
  return std::min(1.0, 2 * sum);
}

double uniform_probability(std::span<const std::uint16_t> sorted,
                           std::uint16_t low,
                           std::uint16_t high) {
  const auto n = static_cast<double>(sorted.size());
  const double width = static_cast<double>(high) - low + 1;
  double distance = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double below = (static_cast<double>(sorted[i]) - low) / width;
    const double above = (static_cast<double>(sorted[i]) - low + 1) / width;
    distance = std::max(distance, static_cast<double>(i + 1) / n - above);
    distance = std::max(distance, below - static_cast<double>(i) / n);
  }
  const double root = std::sqrt(n);
  const double lambda = (root + 0.12 + 0.11 / root) * distance;
  if (lambda < 0.2) return 1;  // the series does not converge there, and is 1
  double sum = 0;
  for (int j = 1; j <= 100; ++j) {
    const double term = std::exp(-2.0 * j * j * lambda * lambda);
    sum += j % 2 == 1 ? term : -term;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

double poisson_or_more(std::uint64_t count, double expected) {
  double term = std::exp(-expected);
  double below = 0;
  for (std::uint64_t k = 0; k < count; ++k) {
    below += term;
    term *= expected / static_cast<double>(k + 1);
    if (below >= 1) break;
  }
  return std::max(0.0, 1 - below);
}

double narrow_probability(std::uint64_t n, double width, double range) {
  if (n < 2 || width >= range) return 1;
  const double share = width / range;
  const auto count = static_cast<double>(n);
  return std::clamp(count * std::pow(share, count - 1) - (count - 1) * std::pow(share, count),
                    0.0, 1.0);
}

}  // namespace natlens::nat
