// Captures that show nothing of each other's connections, by the hundred: nothing may be said,
// however close together their connections were opened and however few bytes they moved.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/correlate_trace.h"

namespace natlens::test {
namespace {

struct Line {
  double time = 0;
  std::string text;
};

// Two networks whose hosts are busy at the same moments: a timer, a busy machine.
class Strangers {
 public:
  explicit Strangers(unsigned seed) : random_(seed) {}

  // `related`: some datagrams crossed, so that the clocks are known to agree.
  std::string text(bool related, bool same_servers) {
    const double seconds = pick({0.3, 1.0, 3.0, 10.0});
    moments_.clear();
    for (std::size_t n = 2 + random_() % 8; n != 0; --n)
      moments_.push_back(uniform(1, seconds));
    spread_ = pick({0.0003, 0.001, 0.005, 0.05});
    together_ = pick({0.3, 0.7, 1.0});
    sizes_.clear();
    for (std::size_t n = 1 + random_() % 3; n != 0; --n)
      sizes_.push_back(pick({2.0, 9.0, 24.0, 60.0, 300.0, 2000.0, 9000.0}));
    for (const std::string_view tap : {"a", "b"}) {
      const std::size_t count = 3 + random_() % 30;
      for (std::size_t n = 0; n < count; ++n)
        connection(tap, n, same_servers ? "192.0.2.9" : tap == "a" ? "192.0.2.1" : "192.0.2.2");
    }
    if (related) datagrams();
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const Line& x, const Line& y) { return x.time < y.time; });
    std::string out = related ? "" : "unrelated b\n";
    for (const Line& line : lines_) out += fmt::format("{:.6f} {}\n", line.time, line.text);
    return out;
  }

 private:
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, low + high)(random_);
  }
  double exponential(double mean) {
    return std::exponential_distribution<double>(1 / mean)(random_);
  }
  double pick(const std::vector<double>& of) { return of[random_() % of.size()]; }
  void add(double time, std::string text) { lines_.push_back({time, std::move(text)}); }

  void connection(std::string_view tap, std::size_t number, std::string_view host) {
    const double at =
        (uniform(0, 1) < together_ ? moments_[random_() % moments_.size()] : uniform(1, 2)) +
        exponential(spread_);
    const std::string client =
        fmt::format("10.{}.0.2:{}", tap == "a" ? 1 : 2, 32768 + number * 800 + random_() % 800);
    const std::string server = fmt::format("{}:{}", host, 9000 + random_() % 2);
    const auto one = static_cast<std::uint32_t>(random_());
    const auto two = static_cast<std::uint32_t>(random_());
    const auto there = [&](double t, std::string_view rest) {
      add(t, fmt::format("{} tcp {} > {} {}", tap, client, server, rest));
    };
    const auto back = [&](double t, std::string_view rest) {
      add(t, fmt::format("{} tcp {} > {} {}", tap, server, client, rest));
    };
    there(at, fmt::format("S seq {}", one));
    const double way = 0.0001 + exponential(0.0002);
    double now = at + way;
    if (random_() % 16 == 0) return back(now, fmt::format("RA seq 0 ack {}", one + 1));
    back(now, fmt::format("SA seq {} ack {}", two, one + 1));
    now += 0.0001;
    there(now, fmt::format("A seq {} ack {}", one + 1, two + 1));
    std::uint32_t sent = 0;
    const std::size_t turns = random_() % 4;
    for (std::size_t turn = 0; turn < turns; ++turn) {
      const auto bytes =
          static_cast<std::uint32_t>(pick(sizes_)) + static_cast<std::uint32_t>(random_() % 4);
      const std::uint32_t from = sent;
      for (const bool forth : {true, false}) {
        for (sent = from; sent < from + bytes;) {
          const std::uint32_t piece = std::min(1400U, from + bytes - sent);
          const std::string text =
              fmt::format("seq {} ack {} data {:08x}*{}", (forth ? one : two) + 1 + sent,
                          (forth ? two : one) + 1 + (forth ? from : sent),
                          random_() & UINT32_MAX, (piece + 7) / 8);
          if (forth) there(now, "A " + text);
          if (!forth) back(now, "A " + text);
          sent += (piece + 7) / 8 * 8;
          now += 0.00002;
        }
        now += way;
      }
      if (random_() % 3 == 0) now += exponential(0.02);
    }
    const bool reset = random_() % 4 == 0;
    there(now,
          fmt::format("{} seq {} ack {}", reset ? "RA" : "FA", one + 1 + sent, two + 1 + sent));
    if (!reset)
      back(now + way, fmt::format("FA seq {} ack {}", two + 1 + sent, one + 2 + sent));
  }

  void datagrams() {
    for (int n = 0; n < 4; ++n) {
      const std::string text = fmt::format("192.0.2.77:53 data {:016x}*4", random_());
      const double at = uniform(1, 2);
      add(at, fmt::format("a udp 10.1.0.3:{} > {}", 30000 + n, text));
      add(at + 0.0002, fmt::format("b udp 203.0.113.1:{} > {}", 30000 + n, text));
    }
  }

  std::mt19937_64 random_;
  std::vector<Line> lines_;
  std::vector<double> moments_;
  double spread_ = 0;
  double together_ = 0;
  std::vector<double> sizes_;
};

}  // namespace

TEST_CASE("correlate: strangers that are busy at the same moments are not paired",
          "[correlate][strangers]") {
  const bool related = GENERATE(false, true);
  const bool same_servers = GENERATE(false, true);
  CAPTURE(related, same_servers);
  int wrong = 0;
  unsigned last = 0;
  for (unsigned seed = 1; seed <= 500; ++seed) {
    const CorrelateTrace trace(Strangers(seed).text(related, same_servers));
    const auto& said = trace.sink().translations;
    const auto false_ones =
        std::count_if(said.begin(), said.end(), [](const correlate::Translation& t) {
          return t.kind == correlate::TranslationKind::kProxy;
        });
    if (false_ones != 0) last = seed;
    wrong += static_cast<int>(false_ones);
  }
  CAPTURE(last);
  CHECK(wrong == 0);
}

}  // namespace natlens::test
