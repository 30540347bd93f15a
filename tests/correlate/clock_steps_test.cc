// Clocks that are set in the middle of a capture: which one, where and by how much.
#include <cmath>

#include "natlens/correlate/clock_probe.h"
#include "natlens/net/bytes.h"

#include "support/catch.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kStart = 1'800'000'000'000'000'000;

struct Step {
  double at_s = 0;
  double by_s = 0;
};

// What one tap's clock shows.
struct Clock {
  double offset_s = 0;
  double drift_ppm = 0;
  std::vector<Step> steps;

  std::int64_t shown(std::int64_t time) const {
    const auto since = static_cast<double>(time - kStart);
    double more = offset_s * 1e9 + since * drift_ppm * 1e-6;
    for (const Step& step : steps) {
      if (since >= step.at_s * 1e9) more += step.by_s * 1e9;
    }
    return time + std::llround(more);
  }
};

double uniform(std::uint64_t& state) {
  state = mix(state, 0x5eed);
  return static_cast<double>(state >> 11) * 0x1.0p-53;
}

// Two taps or more of one path, a packet each `gap_ns`.
struct Path {
  std::vector<Clock> clocks;
  std::uint32_t packets = 4000;
  std::int64_t gap_ns = 5'000'000;
  std::int64_t delay_ns = 300'000;  // from tap to tap
  std::int64_t queue_ns = 0;        // more delay one way in the second half
  std::uint64_t seed = 1;

  std::vector<ClockEstimate> estimates;
  std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> frames;  // true, shown

  void run() {
    ClockProbe probe;
    std::vector<ClockTrail> trails(clocks.size());
    frames.assign(clocks.size(), {});
    std::uint64_t state = seed;
    for (std::uint32_t i = 0; i < packets; ++i) {
      const std::int64_t sent = kStart + static_cast<std::int64_t>(i) * gap_ns;
      const bool toward = uniform(state) < 0.5;
      const std::uint64_t print = ((mix(seed + 77, i) | 2U) & ~1ULL) | (toward ? 1U : 0U);
      const std::int64_t queued = toward && i > packets / 2 ? queue_ns : 0;
      std::int64_t time = sent;
      for (std::size_t hop = 0; hop < clocks.size(); ++hop) {
        const auto tap = static_cast<std::uint16_t>(toward ? hop : clocks.size() - 1 - hop);
        const std::int64_t shown = clocks[tap].shown(time);
        trails[tap].frame(i + 1, Timestamp::from_ns(shown));
        probe.add(tap, i + 1, print, Timestamp::from_ns(shown));
        frames[tap].emplace_back(time, shown);
        // A tail, as queues make it.
        time += delay_ns + queued + std::llround(-std::log(1 - uniform(state)) * 100'000);
      }
    }
    for (std::uint16_t tap = 0; tap < clocks.size(); ++tap) probe.set_trail(tap, trails[tap]);
    estimates = probe.estimate(static_cast<std::uint16_t>(clocks.size()));
  }

  // The frames of a tap whose time is off by more than 100 microseconds, against the first tap
  // as it would be without steps; `jitter_ns` of the frames themselves may be off.
  std::size_t wrong_frames(std::uint16_t tap) const {
    std::size_t wrong = 0;
    Clock reference = clocks[0];
    reference.steps.clear();
    for (std::size_t i = 0; i < frames[tap].size(); ++i) {
      std::int64_t shown = frames[tap][i].second;
      for (const ClockStep& step : estimates[tap].steps) {
        if (step.frame <= i + 1) shown -= step.step_ns;
      }
      const Timestamp back = estimates[tap].to_reference(Timestamp::from_ns(shown));
      const std::int64_t truth = reference.shown(frames[tap][i].first);
      if (std::abs(static_cast<double>(back.ns() - truth)) > 100'000) ++wrong;
    }
    return wrong;
  }
};

}  // namespace

TEST_CASE("clock: a step of either tap is found at its frame", "[correlate][clock]") {
  for (const double by : {3.2, -0.7, 0.05, -0.02, 3600.0, -7200.0}) {
    for (const std::uint16_t tap : {std::uint16_t{0}, std::uint16_t{1}}) {
      for (const double drift : {0.0, 80.0}) {
        Path path;
        path.clocks = {Clock{}, Clock{12.5, drift, {}}};
        path.clocks[tap].steps = {{9.0, by}};
        path.run();
        CAPTURE(by, tap, drift);
        REQUIRE(path.estimates[tap].steps.size() == 1);
        CHECK(path.estimates[1U - tap].steps.empty());
        const ClockStep& step = path.estimates[tap].steps[0];
        CHECK(step.frame == 9'000'000'000 / path.gap_ns + 1);
        CHECK(std::abs(static_cast<double>(step.step_ns) - by * 1e9) < 100'000);
        CHECK(static_cast<double>(step.error_ns) < 200'000);
        CHECK(path.wrong_frames(0) == 0);
        CHECK(path.wrong_frames(1) == 0);
      }
    }
  }
}

TEST_CASE("clock: there and back, and more than one step", "[correlate][clock]") {
  for (const auto& steps : {std::vector<Step>{{4, 3.2}, {13, -3.2}},
                            std::vector<Step>{{3, -0.7}, {8, -0.7}, {12, 5}, {16, 60}}}) {
    Path path;
    path.clocks = {Clock{}, Clock{-3.25, -40, steps}};
    path.run();
    REQUIRE(path.estimates[1].steps.size() == steps.size());
    CHECK(path.wrong_frames(1) == 0);
  }
}

TEST_CASE("clock: along a chain a step is the clock's that stepped", "[correlate][clock]") {
  for (std::uint16_t tap = 0; tap < 3; ++tap) {
    Path path;
    path.clocks = {Clock{}, Clock{1, 20, {}}, Clock{-40, -30, {}}};
    path.clocks[tap].steps = {{7, -0.7}, {11, 3.2}};
    path.run();
    for (std::uint16_t t = 0; t < 3; ++t) {
      CAPTURE(tap, t);
      CHECK(path.estimates[t].steps.size() == (t == tap ? 2 : 0));
      CHECK(path.wrong_frames(t) == 0);
    }
  }
}

TEST_CASE("clock: few packets still tell of a step", "[correlate][clock]") {
  Path path;
  path.packets = 40;
  path.gap_ns = 250'000'000;
  path.clocks = {Clock{}, Clock{0, 0, {{5, -0.7}}}};
  path.run();
  REQUIRE(path.estimates[1].steps.size() == 1);
  CHECK(path.estimates[1].steps[0].frame == 21);
}

TEST_CASE("clock: delays that change are no steps", "[correlate][clock]") {
  for (const std::int64_t queue : {5'000'000, 80'000'000, 400'000'000}) {
    Path path;
    path.clocks = {Clock{}, Clock{2, 50, {}}};
    path.queue_ns = queue;
    path.run();
    CAPTURE(queue);
    CHECK(path.estimates[0].steps.empty());
    CHECK(path.estimates[1].steps.empty());
  }
}

TEST_CASE("clock: sparse packets of a drifting clock are no steps", "[correlate][clock]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Path path;
    path.seed = seed;
    path.packets = 60;
    path.gap_ns = 60'000'000'000;
    path.clocks = {Clock{}, Clock{0, 200, {}}};
    path.run();
    CHECK(path.estimates[1].steps.empty());
  }
}

}  // namespace natlens::correlate
