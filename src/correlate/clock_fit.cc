// Fitting a clock.
//
// 1. Coarse: a window over the sorted differences, wide enough for 250 ppm of drift over the
//    capture and half a second of delays, is put where it holds most points. Points that agree
//    by chance (a payload that two networks both know) are spread over hours and stay outside.
// 2. Line: the median of slopes between points half the set apart (Theil and Sen's idea, with
// one
//    slope per point), then the median difference.
// 3. Path delay: a packet one way arrives late by the way's delay, one the other way early. In
// each
//    of up to 16 slices of time, the least difference one way and the greatest the other way
//    enclose the truth, symmetrically if the way is; a line through the middles is the answer.
//    The delay at its least is what queues cannot make smaller, so this is exact to the jitter
//    of the fastest packets, not of all.
#include "clock_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <span>

namespace natlens::correlate {
namespace {

constexpr double kMaxDrift = 250e-6;
constexpr std::int64_t kMostDelay = 500'000'000;  // ns, both ways and queues
constexpr std::int64_t kFineDelay = 200'000'000;  // ns around the line, once it is known
constexpr std::uint32_t kLeastMatches = 3;
constexpr std::size_t kSlices = 16;
constexpr std::size_t kPointsForDrift = 16;

struct Line {
  double offset = 0;
  double drift = 0;
  double at(std::int64_t time) const { return offset + drift * static_cast<double>(time); }
};

double residual(const ClockPoint& point, const Line& line) {
  return static_cast<double>(point.difference) - line.at(point.time);
}

std::int64_t span_of(const std::vector<ClockPoint>& points) {
  const auto [first, last] = std::minmax_element(
      points.begin(), points.end(),
      [](const ClockPoint& a, const ClockPoint& b) { return a.time < b.time; });
  return last->time - first->time;
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Keeps the points of the densest window of differences.
void keep_densest(std::vector<ClockPoint>& points) {
  const auto drift =
      static_cast<std::int64_t>(2 * kMaxDrift * static_cast<double>(span_of(points)));
  const std::int64_t width = kMostDelay + drift;
  std::sort(points.begin(), points.end(), [](const ClockPoint& a, const ClockPoint& b) {
    return a.difference != b.difference ? a.difference < b.difference : a.time < b.time;
  });
  std::size_t best_first = 0;
  std::size_t best_count = 0;
  for (std::size_t first = 0, last = 0; first < points.size(); ++first) {
    while (last < points.size() &&
           points[last].difference - points[first].difference <= width) {
      ++last;
    }
    if (last - first > best_count) {
      best_count = last - first;
      best_first = first;
    }
  }
  const auto begin = points.begin() + static_cast<std::ptrdiff_t>(best_first);
  points.erase(begin + static_cast<std::ptrdiff_t>(best_count), points.end());
  points.erase(points.begin(), begin);
}

Line rough_line(std::vector<ClockPoint>& points) {
  std::sort(points.begin(), points.end(), [](const ClockPoint& a, const ClockPoint& b) {
    return a.time != b.time ? a.time < b.time : a.difference < b.difference;
  });
  Line line;
  std::vector<double> values;
  const std::size_t half = points.size() / 2;
  if (points.size() >= kPointsForDrift) {
    for (std::size_t i = 0; i + half < points.size(); ++i) {
      const ClockPoint& a = points[i];
      const ClockPoint& b = points[i + half];
      // Both ways alike, or the delay would look like drift.
      if (a.toward_server != b.toward_server || b.time - a.time < 1'000'000) continue;
      values.push_back(static_cast<double>(b.difference - a.difference) /
                       static_cast<double>(b.time - a.time));
    }
    if (!values.empty()) line.drift = std::clamp(median(values), -kMaxDrift, kMaxDrift);
  }
  values.clear();
  for (const ClockPoint& p : points) values.push_back(residual(p, line));
  line.offset = median(values);
  return line;
}

// What one slice of time says: the least and greatest residuals of the two ways.
struct Slice {
  std::array<double, 2> least{std::numeric_limits<double>::max(),
                              std::numeric_limits<double>::max()};
  std::array<double, 2> most{std::numeric_limits<double>::lowest(),
                             std::numeric_limits<double>::lowest()};
  double time = 0;
  std::size_t points = 0;
  bool both() const { return most[0] >= least[0] && most[1] >= least[1]; }
};

std::vector<Slice> slice(std::span<const ClockPoint> points, const Line& line) {
  const std::size_t count = std::clamp<std::size_t>(points.size() / 12, 1, kSlices);
  std::vector<Slice> slices(count);
  const std::int64_t first = points.front().time;
  const std::int64_t span = std::max<std::int64_t>(1, points.back().time - first + 1);
  for (const ClockPoint& p : points) {
    const double where = static_cast<double>(p.time - first) / static_cast<double>(span);
    Slice& s = slices[std::min(count - 1,
                               static_cast<std::size_t>(where * static_cast<double>(count)))];
    const double r = residual(p, line);
    const std::size_t way = p.toward_server ? 1 : 0;
    s.least[way] = std::min(s.least[way], r);
    s.most[way] = std::max(s.most[way], r);
    s.time += static_cast<double>(p.time);
    ++s.points;
  }
  for (Slice& s : slices) s.time /= static_cast<double>(std::max<std::size_t>(1, s.points));
  return slices;
}

// The middle between the two ways' fastest packets, and half their distance.
struct Middle {
  double time = 0;
  double value = 0;
  double half = 0;
};

std::vector<Middle> middles(std::span<const Slice> slices, bool toward_is_late) {
  std::vector<Middle> out;
  const std::size_t late = toward_is_late ? 1 : 0;
  for (const Slice& s : slices) {
    if (!s.both()) continue;
    const double low = s.most[1 - late];
    const double high = s.least[late];
    out.push_back({s.time, (low + high) / 2, std::abs(high - low) / 2});
  }
  return out;
}

// Least squares through the middles; a level if there are too few, or too close in time.
Line through(const std::vector<Middle>& points) {
  Line out;
  double time = 0;
  double value = 0;
  for (const Middle& m : points) {
    time += m.time;
    value += m.value;
  }
  time /= static_cast<double>(points.size());
  value /= static_cast<double>(points.size());
  double square = 0;
  double product = 0;
  for (const Middle& m : points) {
    square += (m.time - time) * (m.time - time);
    product += (m.time - time) * (m.value - value);
  }
  if (points.size() >= 4 && square > 0) out.drift = product / square;
  out.offset = value - out.drift * time;
  return out;
}

// Which way is late by the delay: the one whose residuals are larger.
bool toward_is_late(std::span<const ClockPoint> points, const Line& line) {
  std::array<std::vector<double>, 2> ways;
  for (const ClockPoint& p : points) ways[p.toward_server ? 1 : 0].push_back(residual(p, line));
  if (ways[0].empty() || ways[1].empty()) return true;
  return median(ways[1]) >= median(ways[0]);
}

// Without packets both ways the delay cannot be told from the offset: the fastest is taken as
// instant, and the error says so.
void settle_one_way(std::span<const ClockPoint> points, const Line& line, ClockFit& out) {
  double least = std::numeric_limits<double>::max();
  double most = std::numeric_limits<double>::lowest();
  for (const ClockPoint& p : points) {
    const double r = residual(p, line);
    least = std::min(least, r);
    most = std::max(most, r);
  }
  out.offset_ns = std::llround(line.offset + least);
  out.drift = line.drift;
  out.error_ns = std::llround(most - least) + 1'000'000;
}

// Half the distance of the two ways on average, and how far the middles lie from the line: they
// are what is left over when it is taken off.
double error_of(const std::vector<Middle>& left_over) {
  double half = 0;
  double apart = 0;
  for (const Middle& m : left_over) {
    half += m.half / static_cast<double>(left_over.size());
    apart = std::max(apart, std::abs(m.value));
  }
  return half + apart;
}

// Is the slope through the middles no more than their scatter would make (three standard errors
// of a slope)? With too few to tell: do they lie no further apart than each may be wrong?
bool without_drift(const std::vector<Middle>& points, const Line& slope) {
  double time = 0;
  for (const Middle& m : points) time += m.time / static_cast<double>(points.size());
  double square = 0;
  double scatter = 0;
  double half = 0;
  double apart = 0;
  for (const Middle& m : points) {
    const double left_over = m.value - slope.offset - slope.drift * m.time;
    square += (m.time - time) * (m.time - time);
    scatter += left_over * left_over;
    half += m.half / static_cast<double>(points.size());
    apart = std::max(apart, std::abs(left_over));
  }
  if (points.size() < 4) return apart <= 2 * half;
  const double error = std::sqrt(scatter / static_cast<double>(points.size() - 2) / square);
  return std::abs(slope.drift) <= 3 * error;
}

// The same offset all the time, if the points say no more than that.
std::optional<ClockFit> fit_level(std::span<const ClockPoint> points, bool late) {
  std::vector<Middle> middle = middles(slice(points, Line{}), late);
  if (middle.empty() || !without_drift(middle, through(middle))) return std::nullopt;
  Line line;
  for (const Middle& m : middle) line.offset += m.value / static_cast<double>(middle.size());
  for (Middle& m : middle) m.value -= line.offset;
  ClockFit out;
  out.matches = static_cast<std::uint32_t>(points.size());
  out.offset_ns = std::llround(line.offset);
  out.error_ns = std::llround(error_of(middle)) + 1'000;
  return out;
}

}  // namespace

ClockFit fit_clock(std::vector<ClockPoint>& points) {
  ClockFit out;
  const std::size_t all = points.size();
  if (all < kLeastMatches) return out;
  keep_densest(points);
  if (points.size() < kLeastMatches || points.size() * 3 < all) return out;
  Line line = rough_line(points);
  std::erase_if(points, [&](const ClockPoint& p) {
    return std::abs(residual(p, line)) > static_cast<double>(kFineDelay);
  });
  if (points.size() < kLeastMatches) return out;
  out.matches = static_cast<std::uint32_t>(points.size());
  const bool late = toward_is_late(points, line);
  if (const auto level = fit_level(points, late)) return *level;
  std::vector<Middle> middle;
  for (int round = 0; round < 2; ++round) {
    middle = middles(slice(points, line), late);
    if (middle.empty()) {
      settle_one_way(points, line, out);
      return out;
    }
    const Line better = through(middle);
    line.offset += better.offset;
    line.drift = std::clamp(line.drift + better.drift, -kMaxDrift, kMaxDrift);
  }
  out.offset_ns = std::llround(line.offset);
  out.drift = line.drift;
  out.error_ns = std::llround(error_of(middles(slice(points, line), late))) + 1'000;
  return out;
}

}  // namespace natlens::correlate
