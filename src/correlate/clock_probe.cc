// The probe's store, and the chain of taps.
//
// Each tap holds the fingerprints below its threshold with their times; when 64 Ki are held,
// the threshold halves and those above it go. The taps' thresholds differ by powers of two
// only, so two taps have in common what lies below the lower one. A fingerprint that a tap saw
// twice (a retransmission, a payload that repeats) is of no use and marked.
//
// First the steps: each tap is held against the one that it has most packets in common with,
// from the reference outwards, and what its clock was set by is taken off its times. Which of
// the two clocks it was is told at the first link that shows the step; behind that it is gone.
//
// Links between taps are joined from the strongest on (the most matches), so every tap hangs on
// the reference, or on the lowest tap of its group, by the best way.
#include "natlens/correlate/clock_probe.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "clock_fit.h"
#include "clock_steps.h"

namespace natlens::correlate {
namespace {

constexpr std::size_t kMostHeld = std::size_t{1} << 16;
constexpr std::size_t kMostJumps = 256;  // of a tap that are remembered
constexpr std::size_t kMostTaps = 64;    // beyond, each tap is only held against the first ones

struct Print {
  std::uint64_t key = 0;  // without the bit of direction; bit 0: whether there is one
  std::int64_t time = 0;
  std::uint32_t frame = 0;
  bool toward_server = false;
  bool repeated = false;

  bool tells_direction() const { return (key & 1U) != 0; }
};

struct Held {
  std::vector<Print> prints;
  std::uint64_t threshold = std::uint64_t{1} << 63;
  Timestamp first = Timestamp::none();
  ClockTrail trail;
  std::vector<ClockStep> steps;

  // The tap's clock showed `step.step_ns` more from there on.
  void take_off(ClockStep step) {
    for (Print& p : prints) {
      if (p.frame >= step.frame) p.time -= step.step_ns;
    }
    for (const ClockStep& earlier : steps) {
      if (earlier.frame <= step.frame) step.at = step.at - Nanoseconds(earlier.step_ns);
    }
    steps.push_back(step);
    std::sort(steps.begin(), steps.end(),
              [](const ClockStep& a, const ClockStep& b) { return a.frame < b.frame; });
  }
  // Sorts by key and joins repeated ones.
  static void tidy(std::vector<Print>& prints) {
    std::sort(prints.begin(), prints.end(), [](const Print& a, const Print& b) {
      return std::tie(a.key, a.time) < std::tie(b.key, b.time);
    });
    std::size_t kept = 0;
    for (const Print& p : prints) {
      if (kept != 0 && prints[kept - 1].key == p.key) {
        prints[kept - 1].repeated = true;
      } else {
        prints[kept++] = p;
      }
    }
    prints.resize(kept);
  }
  void make_room() {
    tidy(prints);
    while (prints.size() > kMostHeld / 2) {
      threshold /= 2;
      std::erase_if(prints, [&](const Print& p) { return p.key >= threshold; });
    }
  }
};

// A clock against another: what `to` shows more than `from`.
struct Link {
  std::uint16_t from = 0;
  std::uint16_t to = 0;
  ClockFit fit;
};

// Calls `use` with each packet that both saw once, going the same way.
template <typename Use>
void each_common(const Held& from, const Held& to, Use use) {
  const std::uint64_t threshold = std::min(from.threshold, to.threshold);
  auto other = from.prints.begin();
  for (const Print& p : to.prints) {
    if (p.key >= threshold) break;
    while (other != from.prints.end() && other->key < p.key) ++other;
    if (other == from.prints.end()) break;
    if (other->key != p.key || other->repeated || p.repeated) continue;
    if (other->toward_server == p.toward_server) use(*other, p);
  }
}

ClockFit fit_taps(const Held& from, const Held& to) {
  std::vector<ClockPoint> points;
  std::vector<ClockPoint> either_way;
  each_common(from, to, [&](const Print& other, const Print& p) {
    (p.tells_direction() ? points : either_way)
        .push_back({p.time - to.first.ns(), p.time - other.time, p.toward_server});
  });
  const ClockFit fit = fit_clock(points);
  // Packets of unknown direction blur what the others say, but are better than nothing.
  return fit.matches != 0 ? fit : fit_clock(either_way);
}

// Where a step took place at a tap: where its own times show it, else where the first packet
// behind it is known.
ClockStep placed(const ClockTrail& trail,
                 std::int64_t step_ns,
                 std::uint32_t after,
                 std::uint32_t until,
                 Timestamp until_time) {
  const std::int64_t size = std::abs(step_ns);
  ClockTrail::Jump jump = step_ns < 0 ? trail.back(after, until) : trail.silence(after, until);
  if (step_ns > 0 && jump.size_ns < size - size / 10) jump = {};
  if (step_ns < 0 && jump.size_ns < size / 4) jump = {};
  ClockStep out;
  out.frame = jump.frame != 0 ? jump.frame : until;
  out.at = (jump.frame != 0 ? jump.time : until_time) - Nanoseconds(step_ns);
  out.step_ns = step_ns;
  return out;
}

// Finds the steps between two taps and takes each off the one whose it is.
void take_off_steps(Held& from, Held& to) {
  std::vector<StepPoint> points;
  std::vector<StepPoint> either_way;
  each_common(from, to, [&](const Print& other, const Print& p) {
    (p.tells_direction() ? points : either_way)
        .push_back({p.time - to.first.ns(), p.time - other.time, p.frame, other.frame,
                    p.toward_server});
  });
  if (points.empty()) points.swap(either_way);
  std::sort(points.begin(), points.end(), [](const StepPoint& a, const StepPoint& b) {
    return std::tie(a.frame, a.time) < std::tie(b.frame, b.time);
  });
  for (const FoundStep& found : find_steps(points, to.trail, from.trail)) {
    const StepPoint& before = points[found.first_after - 1];
    const StepPoint& behind = points[found.first_after];
    const Timestamp time = to.first + Nanoseconds(behind.time);
    ClockStep step = found.of_other
                         ? placed(from.trail, -found.step_ns, before.other_frame,
                                  behind.other_frame, time - Nanoseconds(behind.difference))
                         : placed(to.trail, found.step_ns, before.frame, behind.frame, time);
    step.error_ns = found.error_ns;
    (found.of_other ? from : to).take_off(step);
  }
}

// The same link read the other way round.
Link turned(const Link& link, const std::vector<Held>& taps) {
  Link out{link.to, link.from, link.fit};
  const auto gap = static_cast<double>(taps[link.from].first.ns() - taps[link.to].first.ns());
  // At the other tap's first frame, `to` shows gap + offset more than its own anchor.
  const double since = gap + static_cast<double>(link.fit.offset_ns);
  out.fit.offset_ns =
      -std::llround(static_cast<double>(link.fit.offset_ns) + link.fit.drift * since);
  out.fit.drift = -link.fit.drift;
  return out;
}

}  // namespace

void ClockTrail::keep(std::vector<Jump>& jumps, const Jump& jump) {
  const auto greater = [](const Jump& a, const Jump& b) { return a.size_ns > b.size_ns; };
  if (jumps.size() == kMostJumps) {
    if (jump.size_ns <= jumps.front().size_ns) return;
    std::pop_heap(jumps.begin(), jumps.end(), greater);
    jumps.pop_back();
  }
  jumps.push_back(jump);
  std::push_heap(jumps.begin(), jumps.end(), greater);
}

void ClockTrail::keep_silence(const Jump& jump) {
  keep(silences_, jump);
  if (silences_.size() == kMostJumps) least_silence_ = silences_.front().size_ns;
}

namespace {

ClockTrail::Jump greatest(const std::vector<ClockTrail::Jump>& jumps,
                          std::uint32_t after,
                          std::uint32_t until) {
  ClockTrail::Jump out;
  for (const ClockTrail::Jump& jump : jumps) {
    if (jump.frame > after && jump.frame <= until && jump.size_ns > out.size_ns) out = jump;
  }
  return out;
}

}  // namespace

ClockTrail::Jump ClockTrail::back(std::uint32_t after, std::uint32_t until) const {
  return greatest(backs_, after, until);
}
ClockTrail::Jump ClockTrail::silence(std::uint32_t after, std::uint32_t until) const {
  return greatest(silences_, after, until);
}

struct ClockProbe::Impl {
  std::vector<Held> taps;

  Held& tap(std::uint16_t number);

  std::vector<std::uint16_t> used() const {
    std::vector<std::uint16_t> out;
    for (std::uint16_t t = 0; t < taps.size(); ++t) {
      if (!taps[t].prints.empty()) out.push_back(t);
    }
    return out;
  }

  // Every tap but the first is held against one before it, of those in reach the one that it
  // shares most with.
  static void level(std::vector<Held>& held, std::vector<std::uint16_t> left) {
    std::vector<std::uint16_t> done;
    std::vector<std::uint64_t> shared(held.size());  // with the closest one done
    std::vector<std::uint16_t> closest(held.size());
    while (!left.empty()) {
      const auto next = std::max_element(
          left.begin(), left.end(),
          [&](std::uint16_t a, std::uint16_t b) { return shared[a] < shared[b]; });
      const std::uint16_t tap = *next;
      left.erase(next);
      if (shared[tap] != 0) take_off_steps(held[closest[tap]], held[tap]);
      if (done.size() < kMostTaps) {
        for (const std::uint16_t other : left) {
          std::uint64_t common = 0;
          each_common(held[tap], held[other], [&](const Print&, const Print&) { ++common; });
          if (common <= shared[other]) continue;
          shared[other] = common;
          closest[other] = tap;
        }
      }
      done.push_back(tap);
    }
  }

  // Every link that has an answer, strongest first.
  static std::vector<Link> links(const std::vector<Held>& held,
                                 const std::vector<std::uint16_t>& used) {
    std::vector<Link> out;
    for (std::size_t i = 0; i < std::min(used.size(), kMostTaps); ++i) {
      for (std::size_t k = i + 1; k < used.size(); ++k) {
        const Link link{used[i], used[k], fit_taps(held[used[i]], held[used[k]])};
        if (link.fit.matches != 0) out.push_back(link);
      }
    }
    std::stable_sort(out.begin(), out.end(), [](const Link& a, const Link& b) {
      return a.fit.matches > b.fit.matches;
    });
    return out;
  }
};

ClockProbe::ClockProbe() : impl_(std::make_unique<Impl>()) {}
ClockProbe::~ClockProbe() = default;

Held& ClockProbe::Impl::tap(std::uint16_t number) {
  if (number >= taps.size()) taps.resize(number + 1U);
  return taps[number];
}

void ClockProbe::set_trail(std::uint16_t tap, const ClockTrail& trail) {
  impl_->tap(tap).trail = trail;
}

void ClockProbe::add(std::uint16_t tap,
                     std::uint32_t frame,
                     std::uint64_t fingerprint,
                     Timestamp time) {
  if (!time.has_value()) return;
  Held& held = impl_->tap(tap);
  if (!held.first.has_value()) held.first = time;
  const std::uint64_t key = fingerprint >> 1;
  if (fingerprint == 0 || key >= held.threshold) return;
  held.prints.push_back({key, time.ns(), frame, (fingerprint & 1U) != 0, false});
  if (held.prints.size() >= kMostHeld) held.make_room();
}

namespace {

// Clock `to` seen from the reference, when `from` is known already.
ClockEstimate chained(const ClockEstimate& from, const Link& link, Timestamp anchor) {
  ClockEstimate out;
  out.tap = link.to;
  out.anchor = anchor;
  // At this tap's anchor the other tap shows anchor - offset; its own correction there is
  // added.
  const auto since = static_cast<double>((anchor - from.anchor).count() - link.fit.offset_ns);
  const double from_drift = from.drift_ppm * 1e-6;
  out.offset_ns = link.fit.offset_ns + from.offset_ns + std::llround(from_drift * since);
  out.drift_ppm = (link.fit.drift + from_drift * (1 - link.fit.drift)) * 1e6;
  out.error_ns = link.fit.error_ns + from.error_ns;
  out.matches = link.fit.matches;
  out.group = from.group;
  return out;
}

}  // namespace

std::vector<ClockEstimate> ClockProbe::estimate(std::uint16_t taps) const {
  std::vector<ClockEstimate> out(taps);
  std::vector<bool> known(taps);
  const auto anchor = [&](std::uint16_t tap) {
    return tap < impl_->taps.size() ? impl_->taps[tap].first : Timestamp::none();
  };
  std::vector<Held> held = impl_->taps;
  for (Held& tap : held) Held::tidy(tap.prints);
  const std::vector<std::uint16_t> used = impl_->used();
  Impl::level(held, used);
  const std::vector<Link> links = Impl::links(held, used);
  for (std::uint16_t root = 0; root < taps; ++root) {
    if (known[root]) continue;
    known[root] = true;
    out[root].tap = root;
    out[root].anchor = anchor(root);
    out[root].group = root;
    for (std::size_t i = 0; i < links.size();) {
      const Link& link = links[i++];
      if (std::max(link.from, link.to) >= taps || known[link.from] == known[link.to]) continue;
      const Link use = known[link.from] ? link : turned(link, impl_->taps);
      if (out[use.from].group != root) continue;
      out[use.to] = chained(out[use.from], use, anchor(use.to));
      known[use.to] = true;
      out[use.from].matches = std::max(out[use.from].matches, use.fit.matches);
      i = 0;  // the strongest link that now reaches further
    }
  }
  for (std::uint16_t tap = 0; tap < std::min<std::size_t>(taps, held.size()); ++tap) {
    out[tap].steps = held[tap].steps;
  }
  return out;
}

}  // namespace natlens::correlate
