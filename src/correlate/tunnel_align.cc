// Scores are relative to "all inner packets skipped": then skipping one is free and pairing it
// gives back its cost, so that a row is a running maximum and needs no cell outside its band.
#include "tunnel_align.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace natlens::correlate {
namespace {

constexpr float kNever = -1e9F;

// Straight lines between powers of two; exact enough for a penalty, the same on every machine.
float log2_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<float>(static_cast<int>(bits >> 23U) - 127) +
         static_cast<float>(bits & 0x7fffffU) / 8388608.0F;
}

}  // namespace

float Alignment::weight(std::size_t row, std::size_t column) const {
  const AlignedOuter& outer = outer_[row];
  const AlignedInner& inner = inner_[column];
  if (!outer.hole && !rule_.fits(inner.bytes, outer.bytes)) return kNever;
  const std::int64_t lag = lags_.lag(inner, outer);
  if (lag < -lags_.slack || lag > outer.reach) return kNever;
  const auto distance = static_cast<float>(lag < 0 ? -lag : lag);
  const float surprise = 2 * log2_of(1 + distance / static_cast<float>(outer.typical));
  const float bits = (outer.hole ? kHoleBits : kPairBits) - surprise - (lag < 0 ? 2.0F : 0.0F);
  return bits + inner.skip;
}

// Ranges only ever move on. The newest inner packets are kept where the outer ones follow, the
// oldest where they come first: those are the nearest in time.
void Alignment::find_ranges() {
  ranges_.assign(outer_.size(), {});
  Range last;
  for (std::size_t row = 0; row < outer_.size(); ++row) {
    const AlignedOuter& outer = outer_[row];
    const std::int64_t from =
        lags_.outer_first ? outer.latest - lags_.slack : outer.earliest - outer.reach;
    const std::int64_t to =
        lags_.outer_first ? outer.latest + outer.reach : outer.earliest + lags_.slack;
    const auto low = std::lower_bound(inner_.begin(), inner_.end(), from,
                                      [](const auto& i, auto t) { return i.time < t; });
    const auto high = std::upper_bound(low, inner_.end(), to,
                                       [](auto t, const auto& i) { return t < i.time; });
    Range range{static_cast<std::size_t>(low - inner_.begin()),
                static_cast<std::size_t>(high - inner_.begin())};
    if (range.width() > kBand) {
      lags_.outer_first ? range.high = range.low + kBand : range.low = range.high - kBand;
    }
    range.low = std::max(range.low, last.low);
    range.high = std::max({range.high, last.high, range.low});
    if (range.width() > kBand) range.high = std::max(last.high, range.low + kBand);
    if (range.width() > kBand) range.low = range.high - kBand;
    ranges_[row] = last = range;
  }
}

// forward_ row r+1 has the states after outer packet r, for ranges_[r].low .. high used.
float Alignment::before(std::size_t row, std::size_t consumed) const {
  if (row == 0) return 0;
  const Range& range = ranges_[row - 1];
  if (consumed < range.low) return kNever;
  return forward_[row * (kBand + 1) + std::min(consumed, range.high) - range.low];
}

float Alignment::after(std::size_t row, std::size_t consumed) const {
  if (row == outer_.size()) return 0;
  const Range& range = ranges_[row];
  if (consumed > range.high) return kNever;
  return backward_[row * (kBand + 1) + std::max(consumed, range.low) - range.low];
}

void Alignment::forward() {
  forward_.resize((outer_.size() + 1) * (kBand + 1));
  for (std::size_t row = 0; row < outer_.size(); ++row) {
    const Range& range = ranges_[row];
    float* to = &forward_[(row + 1) * (kBand + 1)];
    const float gap = outer_[row].hole ? 0 : kOuterGap;
    to[0] = before(row, range.low) - gap;
    for (std::size_t i = range.low; i < range.high; ++i) {
      const float paired = before(row, i) + weights_[row * kBand + i - range.low];
      const float skipped = before(row, i + 1) - gap;
      to[i + 1 - range.low] = std::max({to[i - range.low], paired, skipped});
    }
  }
}

void Alignment::backward() {
  backward_.resize((outer_.size() + 1) * (kBand + 1));
  for (std::size_t row = outer_.size(); row-- > 0;) {
    const Range& range = ranges_[row];
    float* to = &backward_[row * (kBand + 1)];
    const float gap = outer_[row].hole ? 0 : kOuterGap;
    to[range.width()] = after(row + 1, range.high) - gap;
    for (std::size_t i = range.high; i-- > range.low;) {
      const float paired = after(row + 1, i + 1) + weights_[row * kBand + i - range.low];
      const float skipped = after(row + 1, i) - gap;
      to[i - range.low] = std::max({to[i + 1 - range.low], paired, skipped});
    }
  }
}

void Alignment::choose() {
  choices_.assign(outer_.size(), {});
  for (std::size_t row = 0; row < outer_.size(); ++row) {
    const Range& range = ranges_[row];
    const float gap = outer_[row].hole ? 0 : kOuterGap;
    float best = kNever;
    Choice& choice = choices_[row];
    for (std::size_t used = range.low; used <= range.high; ++used) {
      best = std::max(best, before(row, used) - gap + after(row + 1, used));
    }
    float second = kNever;       // of any other choice
    float other_owner = kNever;  // of a choice of another owner, "none" among them
    for (std::size_t i = range.low; i < range.high; ++i) {
      const float score =
          before(row, i) + weights_[row * kBand + i - range.low] + after(row + 1, i + 1);
      const bool same = choice.inner != Choice::kNone &&
                        inner_[static_cast<std::size_t>(choice.inner)].owner == inner_[i].owner;
      if (score > best) {
        other_owner = std::max(other_owner, same ? kNever : best);
        second = best;
        best = score;
        choice.inner = static_cast<std::int32_t>(i);
      } else {
        second = std::max(second, score);
        if (!same) other_owner = std::max(other_owner, score);
      }
    }
    choice.margin = best - second;
    choice.owner_margin = best - other_owner;
  }
}

std::span<const Choice> Alignment::align(std::span<const AlignedInner> inner,
                                         std::span<const AlignedOuter> outer,
                                         const SizeRule& rule,
                                         const LagModel& lags) {
  inner_ = inner;
  outer_ = outer;
  rule_ = rule;
  lags_ = lags;
  find_ranges();
  weights_.resize(outer.size() * kBand);
  for (std::size_t row = 0; row < outer.size(); ++row) {
    for (std::size_t i = ranges_[row].low; i < ranges_[row].high; ++i) {
      weights_[row * kBand + i - ranges_[row].low] = weight(row, i);
    }
  }
  forward();
  backward();
  choose();
  return choices_;
}

}  // namespace natlens::correlate
