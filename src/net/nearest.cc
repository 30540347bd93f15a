// Optimal string alignment distance, three rows of the matrix at a time.
#include "natlens/net/nearest.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

namespace natlens {
namespace {

constexpr std::size_t kLongestName = 64;  // what is longer was not meant to be one of our names

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t mistakes(std::string_view a, std::string_view b) {
  std::array<std::vector<std::size_t>, 3> rows;
  for (auto& row : rows) row.resize(b.size() + 1);
  auto& [before, previous, current] = rows;
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      current[j] =
          std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

}  // namespace

std::string nearest(std::string_view wrong, std::span<const std::string_view> known) {
  if (wrong.size() > kLongestName) return "";
  std::string_view best;
  std::size_t fewest = std::max<std::size_t>(2, wrong.size() / 3 + 1);
  for (const std::string_view name : known) {
    const std::size_t count = mistakes(wrong, name);
    if (count < fewest && count < name.size()) {
      fewest = count;
      best = name;
    }
  }
  return std::string(best);
}

}  // namespace natlens
