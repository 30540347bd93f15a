// Connections without a byte through a user-space NAT, by the hundred: who became whom is known
// here, and what is claimed must be right.
#include <algorithm>
#include <map>
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

// What a guest asks of a few servers, and what the host asks of them besides.
class Household {
 public:
  Household(unsigned seed, double seconds) : random_(seed), seconds_(seconds) {}

  void guest(int number, std::string_view what, std::string_view server) {
    const double t = moment();
    const double way = 0.0001 + exponential(0.0004);  // through the proxy
    go(t, way, fmt::format("10.0.2.15:{}", 20000 + number),
       fmt::format("198.51.100.1:{}", 40000 + number), what, server);
  }
  void host(int number, std::string_view what, std::string_view server) {
    course(moment(), "wan", fmt::format("198.51.100.1:{}", 60000 + number), what, server,
           uniform(0.0, 0.5));
  }
  // A connection with bytes, that shows what stands between the taps.
  void shown() {
    for (const auto& [tap, src, late] : {std::tuple("lan", "10.0.2.15:19999", 0.0),
                                         std::tuple("wan", "198.51.100.1:39999", 0.001)}) {
      add(late, fmt::format("{} tcp {} > 192.0.2.200:80 S seq {}", tap, src, isn()));
      add(0.01 + late, fmt::format("{} tcp {} > 192.0.2.200:80 A seq {} ack 1 data {}*8", tap,
                                   src, last_ + 1, "some-bytes-of-its-own"));
    }
  }
  std::string text() {
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const Line& a, const Line& b) { return a.time < b.time; });
    std::string out;
    for (const Line& line : lines_) out += fmt::format("{:.6f} {}\n", line.time, line.text);
    return out;
  }
  // In the order in which a tap saw them begin: the number that guest() was given, 0 of others.
  std::vector<std::string> order(std::string_view tap) {
    std::vector<std::string> out;
    for (const Line& line : lines_) {
      if (!line.text.starts_with(tap) || line.text.find(" S seq") == std::string::npos)
        continue;
      std::string src = line.text.substr(8, line.text.find(" >") - 8);
      if (std::find(out.begin(), out.end(), src) == out.end()) out.push_back(std::move(src));
    }
    return out;
  }

 private:
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  double exponential(double mean) {
    return std::exponential_distribution<double>(1 / mean)(random_);
  }
  double moment() { return 1 + uniform(0, seconds_); }
  std::uint32_t isn() { return last_ = static_cast<std::uint32_t>(random_()); }
  void add(double time, std::string text) { lines_.push_back({time, std::move(text)}); }

  void go(double t,
          double way,
          const std::string& inside,
          const std::string& outside,
          std::string_view what,
          std::string_view server) {
    const double hold = exponential(0.5);
    course(t, "lan", inside, what, server, hold, 2 * way);
    course(t + way, "wan", outside, what, server, hold, 0);
  }
  // One side's packets; `more` is what it takes longer to be answered here.
  void course(double t,
              std::string_view tap,
              const std::string& src,
              std::string_view what,
              std::string_view server,
              double hold,
              double more = 0) {
    const std::uint32_t seq = isn();
    const auto other = static_cast<std::uint32_t>(random_());
    const auto there = [&](double at, std::string_view rest) {
      add(at, fmt::format("{} tcp {} > {} {}", tap, src, server, rest));
    };
    const auto back = [&](double at, std::string_view rest) {
      add(at, fmt::format("{} tcp {} > {} {}", tap, server, src, rest));
    };
    there(t, fmt::format("S seq {}", seq));
    const double answer = t + 0.002 + more;
    if (what == "unanswered") {
      there(t + 1.01 + uniform(0, 0.02), fmt::format("S seq {}", seq));
    } else if (what == "refused") {
      back(answer, fmt::format("RA seq 0 ack {}", seq + 1));
    } else {
      back(answer, fmt::format("SA seq {} ack {}", other, seq + 1));
      there(answer + 0.0001, fmt::format("A seq {} ack {}", seq + 1, other + 1));
      there(t + 0.01 + hold, fmt::format("FA seq {} ack {}", seq + 1, other + 1));
    }
  }

  std::mt19937 random_;
  double seconds_;
  std::uint32_t last_ = 0;
  std::vector<Line> lines_;
};

struct Claims {
  int truth = 0;
  int claimed = 0;
  int right = 0;
};

Claims claims(unsigned seed, double seconds, int connections) {
  Household household(seed, seconds);
  const std::vector<std::string_view> outcomes{"unanswered", "refused", "closed"};
  const auto server = [&](int n) {
    return fmt::format("192.0.2.{}:{}", 1 + n % 5, 80 + n % 2);
  };
  household.shown();
  for (int n = 0; n < connections; ++n) {
    const std::string_view what = outcomes[static_cast<std::size_t>(n) % 3];
    household.guest(n, what, server(n / 3));
    if (n % 3 == 0) household.host(n, what, server(n / 3));
  }
  const CorrelateTrace trace(household.text());
  const auto lan = household.order("lan");
  const auto wan = household.order("wan");
  Claims out;
  out.truth = connections + 1;
  for (const correlate::Translation& t : trace.sink().translations) {
    ++out.claimed;
    if (t.inside.tap != 0 || t.kind != correlate::TranslationKind::kProxy) continue;
    const std::string& inside = lan.at(t.inside.serial - 1);
    const std::string& outside = wan.at(t.outside.serial - 1);
    const auto number = [](const std::string& end) {
      return std::stoi(end.substr(end.find(':') + 1));
    };
    if (number(outside) - number(inside) == 20000) ++out.right;
  }
  return out;
}

}  // namespace

TEST_CASE("courses: what is claimed of connections without a byte is right", "[correlate]") {
  for (const double seconds : {120.0, 10.0, 1.0}) {
    Claims sum;
    for (unsigned seed = 1; seed <= 6; ++seed) {
      const Claims one = claims(seed, seconds, 240);
      sum.truth += one.truth;
      sum.claimed += one.claimed;
      sum.right += one.right;
    }
    const double precision = static_cast<double>(sum.right) / sum.claimed;
    const double recall = static_cast<double>(sum.right) / sum.truth;
    INFO(fmt::format("{} s: precision {:.4f} recall {:.4f}", seconds, precision, recall));
    CHECK(precision >= 0.95);
    CHECK(recall >= (seconds > 100 ? 0.99 : seconds > 5 ? 0.9 : 0.6));
  }
}

}  // namespace natlens::test
