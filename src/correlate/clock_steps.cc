// Steps of a clock.
//
// 1. Points that agree by chance stand alone: few of their neighbours have a difference like
//    theirs. They go.
// 2. At each place between two points the sixteen before it and the sixteen behind it of either
//    way are compared by their medians. A clock that steps moves both ways by the same amount;
//    a queue that fills or a route that changes moves one of them, or both apart; drift moves
//    points by less than they are spread. Of neighbouring places the one that leaves the least
//    deviations is the step.
// 3. Which of the two clocks stepped is told by what each tap shows alone: only a clock that
//    was set back shows times that go back, only one that was set forward has to show a silence
//    of that length. Where both could be, it is the clock in question.
// 4. With the drift taken off that the parts between the steps show, the least delays of the
//    parts on either side of a step say exactly how far the clock was set.
#include "clock_steps.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <span>

#include "clock_fit.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kLeastStep = 5'000'000;    // ns; less is lost among delays
constexpr std::int64_t kMostDelay = 500'000'000;  // ns, both ways and queues
constexpr std::size_t kNear = 16;                 // points of either way that are looked at
constexpr std::size_t kReach = 64;                // among so many, of both ways
constexpr std::size_t kFewest = 4;                // of a way on either side
constexpr std::size_t kMostSteps = 64;            // a clock that steps more often is no clock

void drop_chance(std::vector<StepPoint>& points) {
  std::vector<bool> lonely(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t first = i < kNear ? 0 : i - kNear;
    const std::size_t end = std::min(points.size(), i + kNear + 1);
    const auto like = std::count_if(
        points.begin() + static_cast<std::ptrdiff_t>(first),
        points.begin() + static_cast<std::ptrdiff_t>(end), [&](const StepPoint& p) {
          return std::abs(
                     (Nanoseconds(p.difference) - Nanoseconds(points[i].difference)).count()) <=
                 kMostDelay;
        });
    lonely[i] = like <= static_cast<std::ptrdiff_t>(kFewest);  // itself is among them
  }
  std::size_t at = 0;
  std::erase_if(points, [&](const StepPoint&) { return lonely[at++]; });
}

// The points next to a place, on one side of it, by way.
struct Side {
  std::array<std::array<std::int64_t, kNear>, 2> values{};
  std::array<std::size_t, 2> count{};

  void add(const StepPoint& point) {
    const std::size_t way = point.toward_server ? 1 : 0;
    if (count[way] < kNear) values[way][count[way]++] = point.difference;
  }
  void sort() {
    for (std::size_t way = 0; way < 2; ++way) {
      std::sort(values[way].begin(),
                values[way].begin() + static_cast<std::ptrdiff_t>(count[way]));
    }
  }
  std::int64_t median(std::size_t way) const { return values[way][count[way] / 2]; }
  std::int64_t spread(std::size_t way) const {
    return values[way][count[way] * 3 / 4] - values[way][count[way] / 4];
  }
  double deviation() const {
    double sum = 0;
    for (std::size_t way = 0; way < 2; ++way) {
      for (std::size_t i = 0; i < count[way]; ++i) {
        sum += std::abs(static_cast<double>(values[way][i] - median(way)));
      }
    }
    return sum / static_cast<double>(std::max<std::size_t>(1, count[0] + count[1]));
  }
};

Side side_of(std::span<const StepPoint> points, std::size_t place, bool before) {
  Side side;
  for (std::size_t k = 0; k < kReach; ++k) {
    if (before ? k >= place : place + k >= points.size()) break;
    side.add(points[before ? place - 1 - k : place + k]);
  }
  side.sort();
  return side;
}

// By how much the clock moved there, if it did.
std::optional<std::int64_t> step_between(const Side& before, const Side& behind) {
  std::array<std::int64_t, 2> moved{};
  std::int64_t spread = 0;
  std::size_t ways = 0;
  for (std::size_t way = 0; way < 2; ++way) {
    if (std::min(before.count[way], behind.count[way]) < kFewest) continue;
    moved[ways++] = behind.median(way) - before.median(way);
    spread = std::max({spread, before.spread(way), behind.spread(way)});
  }
  if (ways == 0) return std::nullopt;
  const std::int64_t step = ways == 2 ? moved[0] / 2 + moved[1] / 2 : moved[0];
  const std::int64_t size = std::abs(step);
  const std::int64_t least = ways == 2 ? kLeastStep : kMostDelay;
  if (size < least || size / 3 < spread) return std::nullopt;
  if (ways == 2 && std::abs(moved[0] - moved[1]) > size / 5) return std::nullopt;
  return step;
}

std::vector<FoundStep> rough_steps(std::span<const StepPoint> points) {
  std::vector<FoundStep> out;
  double least_deviation = 0;
  std::size_t last = 0;  // place where a step was possible
  for (std::size_t place = kFewest; place + kFewest <= points.size(); ++place) {
    const Side before = side_of(points, place, true);
    const Side behind = side_of(points, place, false);
    const auto step = step_between(before, behind);
    if (!step) continue;
    const double deviation = before.deviation() + behind.deviation();
    const bool same = !out.empty() && place - last <= kNear;
    last = place;
    if (same && deviation >= least_deviation) continue;
    least_deviation = deviation;
    if (!same) out.emplace_back();
    out.back().first_after = place;
    out.back().step_ns = *step;
    if (out.size() > kMostSteps) return {};
  }
  return out;
}

// Did the other clock step, by -step?
bool other_stepped(const FoundStep& found,
                   std::span<const StepPoint> points,
                   const ClockTrail& own,
                   const ClockTrail& other) {
  const StepPoint& before = points[found.first_after - 1];
  const StepPoint& behind = points[found.first_after];
  const std::int64_t size = std::abs(found.step_ns);
  const ClockTrail::Jump own_back = own.back(before.frame, behind.frame);
  const ClockTrail::Jump own_silence = own.silence(before.frame, behind.frame);
  const ClockTrail::Jump other_back = other.back(before.other_frame, behind.other_frame);
  const ClockTrail::Jump other_silence = other.silence(before.other_frame, behind.other_frame);
  if (found.step_ns > 0) {
    return other_back.size_ns > size / 2 && own_back.size_ns <= size / 2;
  }
  if (own_back.size_ns > size / 2) return false;
  return other_silence.size_ns > size - size / 10 && own_silence.size_ns < size / 4;
}

// Least and greatest of what points of either way are off a line.
struct Extent {
  std::array<std::int64_t, 2> least{std::numeric_limits<std::int64_t>::max(),
                                    std::numeric_limits<std::int64_t>::max()};
  std::array<std::int64_t, 2> most{std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::min()};
  bool has(std::size_t way) const { return least[way] <= most[way]; }
};

// Points with the steps taken off as they are known so far.
std::vector<ClockPoint> levelled(std::span<const StepPoint> points,
                                 std::span<const FoundStep> steps) {
  std::vector<ClockPoint> out;
  out.reserve(points.size());
  std::int64_t total = 0;
  std::int64_t own = 0;
  for (std::size_t i = 0, next = 0; i < points.size(); ++i) {
    for (; next < steps.size() && steps[next].first_after <= i; ++next) {
      total += steps[next].step_ns;
      if (!steps[next].of_other) own += steps[next].step_ns;
    }
    const StepPoint& p = points[i];
    out.push_back({p.time - own, p.difference - total, p.toward_server});
  }
  return out;
}

// The drift that the parts between the steps show, each by itself: a step that is not known
// well enough would look like drift. Without a part long enough, that of all.
double drift_of(const std::vector<ClockPoint>& level, std::span<const FoundStep> steps) {
  constexpr std::size_t kPointsForDrift = 64;
  double sum = 0;
  double weights = 0;
  std::size_t first = 0;
  for (std::size_t s = 0; s <= steps.size(); ++s) {
    const std::size_t end = s < steps.size() ? steps[s].first_after : level.size();
    if (end - first >= kPointsForDrift) {
      std::vector<ClockPoint> part(level.begin() + static_cast<std::ptrdiff_t>(first),
                                   level.begin() + static_cast<std::ptrdiff_t>(end));
      const auto span = static_cast<double>(part.back().time - part.front().time);
      const ClockFit fit = fit_clock(part);
      const double weight =
          fit.matches == 0 ? 0 : static_cast<double>(end - first) * span * span;
      sum += weight * fit.drift;
      weights += weight;
    }
    first = end;
  }
  if (weights > 0) return sum / weights;
  std::vector<ClockPoint> all = level;
  return fit_clock(all).drift;
}

void refine(std::span<const StepPoint> points, std::vector<FoundStep>& steps) {
  const std::vector<ClockPoint> level = levelled(points, steps);
  const double drift = drift_of(level, steps);
  std::vector<Extent> parts(steps.size() + 1);
  std::array<double, 2> sum{};
  std::array<double, 2> count{};
  std::size_t part = 0;
  for (std::size_t i = 0; i < level.size(); ++i) {
    while (part < steps.size() && steps[part].first_after <= i) ++part;
    const std::size_t way = level[i].toward_server ? 1 : 0;
    const std::int64_t off =
        level[i].difference - std::llround(drift * static_cast<double>(level[i].time));
    parts[part].least[way] = std::min(parts[part].least[way], off);
    parts[part].most[way] = std::max(parts[part].most[way], off);
    sum[way] += static_cast<double>(off - level[0].difference);
    ++count[way];
  }
  const auto mean = [&](std::size_t way) { return sum[way] / std::max(1.0, count[way]); };
  const std::size_t late = mean(1) >= mean(0) ? 1 : 0;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    const Extent& before = parts[s];
    const Extent& behind = parts[s + 1];
    const bool has_late = before.has(late) && behind.has(late);
    const bool has_early = before.has(1 - late) && behind.has(1 - late);
    if (!has_late && !has_early) continue;
    const std::int64_t by_late = has_late ? behind.least[late] - before.least[late] : 0;
    const std::int64_t by_early = has_early ? behind.most[1 - late] - before.most[1 - late] : 0;
    const bool both = has_late && has_early;
    steps[s].step_ns += both ? (by_late + by_early) / 2 : has_late ? by_late : by_early;
    steps[s].error_ns = both ? std::abs(by_late - by_early) / 2 + 1'000 : 1'000'000;
  }
}

}  // namespace

std::vector<FoundStep> find_steps(std::vector<StepPoint>& points,
                                  const ClockTrail& own,
                                  const ClockTrail& other) {
  drop_chance(points);
  std::vector<FoundStep> steps = rough_steps(points);
  for (FoundStep& step : steps) step.of_other = other_stepped(step, points, own, other);
  if (!steps.empty()) refine(points, steps);
  return steps;
}

}  // namespace natlens::correlate
