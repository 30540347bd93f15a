#include "tunnel_sizes.h"

#include <algorithm>
#include <array>

namespace natlens::correlate {
namespace {

using decode::Encapsulation;

// Sorted by kind, so that those of one protocol are a span.
constexpr auto kRules = std::to_array<SizeRule>({
    // Type, receiver, counter; zeroes up to 16 or the MTU; tag (the WireGuard paper, 5.4.6).
    {Encapsulation::kWireguard, 0, 16, 32, true},
});

}  // namespace

std::span<const SizeRule> size_rules(Encapsulation kind) {
  const auto [first, last] =
      std::equal_range(kRules.begin(), kRules.end(), SizeRule{.kind = kind},
                       [](const SizeRule& a, const SizeRule& b) { return a.kind < b.kind; });
  return {first, last};
}

}  // namespace natlens::correlate
