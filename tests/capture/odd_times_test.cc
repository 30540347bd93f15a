// Time stamps that cannot be, whatever the size of the batches in which frames come.
#include "odd_times.h"

#include <vector>

#include "support/catch.h"

namespace natlens::capture::test {
namespace {

struct Judged {
  std::vector<double> seconds;
  int odd = 0;
};

// Frames of one tap, given `batch` at a time, as a source does.
Judged judge(const std::vector<double>& seconds, std::size_t batch) {
  OddTimes times;
  Judged out;
  std::vector<Frame> frames;
  std::size_t next = 0;
  const auto take = [&](std::size_t max) {
    for (; frames.size() < max && next < seconds.size(); ++next) {
      Frame frame;
      frame.time = Timestamp::from_ns(static_cast<std::int64_t>(seconds[next] * 1e9));
      frames.push_back(frame);
    }
  };
  for (take(batch); !frames.empty(); take(batch)) {
    const auto odd = [&](std::uint16_t) { ++out.odd; };
    std::size_t count = times.judge(frames, next == seconds.size(), odd);
    if (count == 0) count = times.judge(frames, true, odd);
    for (std::size_t i = 0; i < count; ++i) {
      out.seconds.push_back(static_cast<double>(frames[i].time.ns()) / 1e9);
    }
    frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return out;
}

}  // namespace

TEST_CASE("odd times: a frame that alone jumps gets the time of the one before",
          "[capture][odd_times]") {
  for (const std::size_t batch : {5, 6, 7, 8, 32}) {
    for (const double far : {1e9, 1.0, 511.0, -100.0}) {
      const auto judged = judge({500, 500.1, far, 500.2, 500.3, 500.4}, batch);
      CHECK(judged.odd == 1);
      CHECK(judged.seconds == std::vector<double>{500, 500.1, 500.1, 500.2, 500.3, 500.4});
    }
    const auto two = judge({500, 1e9, 2e9, 500.2, 500.3, 500.4}, batch);
    CHECK(two.odd == 2);
    CHECK(two.seconds == std::vector<double>{500, 500, 500, 500.2, 500.3, 500.4});
  }
}

TEST_CASE("odd times: silences, steps of a clock and late frames are believed",
          "[capture][odd_times]") {
  const std::vector<std::vector<double>> believed = {
      {500, 500.1, 4000, 4000.1, 4000.2, 4000.3, 4000.4},    // an hour of silence
      {500, 500.1, 500.2, 500.3, 100, 100.1, 100.2, 100.3},  // the clock was set back
      {500, 530, 560, 590, 620, 650},                        // a frame every half a minute
      {500, 509.9, 500.1, 510, 500.2},                       // written out of order
      {500, 500.1, 4000},                                    // nothing behind it
      {500, 500.1, 4000, 8000, 12000},
  };
  for (const auto& seconds : believed) {
    for (const std::size_t batch : {4, 5, 32}) {
      const auto judged = judge(seconds, batch);
      CHECK(judged.odd == 0);
      CHECK(judged.seconds == seconds);
    }
  }
}

TEST_CASE("odd times: a first frame is judged by those behind it", "[capture][odd_times]") {
  CHECK(judge({1e9, 500, 500.1, 500.2}, 8).seconds ==
        std::vector<double>{500, 500, 500.1, 500.2});
  CHECK(judge({0, 500, 500.1, 500.2}, 8).odd == 0);  // then a silence
}

}  // namespace natlens::capture::test
