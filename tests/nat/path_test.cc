#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "natlens/nat/observe.h"

#include "rows.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::nat;
using correlate::FirstSeen;
using correlate::TranslationKind;

namespace {

// From connection to connection in travel, while start..end (seconds).
TranslationRow hop(
    std::int64_t id, std::int64_t from, std::int64_t to, double start, double end) {
  TranslationRow r;
  r.id = id;
  r.kind = TranslationKind::kSnat;
  r.inside_connection = from;
  r.outside_connection = to;
  r.start = second(start);
  r.end = second(end);
  return r;
}

struct Collector {
  std::vector<std::string> paths;  // "1 -5> 2 -6> 3"
  PathBuilder builder{[this](const PathStep& step) {
    if (step.step == 1) {
      CHECK(step.path == static_cast<std::int64_t>(paths.size()) + 1);
      CHECK(step.translation == 0);
      paths.push_back(fmt::format("{}", step.connection));
    } else {
      CHECK(step.path == static_cast<std::int64_t>(paths.size()));
      paths.back() += fmt::format(" -{}> {}", step.translation, step.connection);
    }
  }};
};

std::vector<std::string> paths_of(const std::vector<TranslationRow>& rows) {
  Collector collector;
  for (const auto& r : rows) collector.builder.add(r);
  collector.builder.finish();
  return collector.paths;
}

}  // namespace

TEST_CASE("a translation alone is no path", "[nat][path]") {
  CHECK(paths_of({hop(1, 10, 20, 0, 1), hop(2, 11, 21, 0, 1)}).empty());
}

TEST_CASE("three taps in a row give one path", "[nat][path]") {
  CHECK(paths_of({hop(1, 10, 20, 0, 5), hop(2, 20, 30, 0, 5)}) ==
        std::vector<std::string>{"10 -1> 20 -2> 30"});
}

TEST_CASE("a path runs from the opener to the server, through a port forward too",
          "[nat][path]") {
  auto forward = hop(1, 20, 10, 0, 5);  // inside 20 is the server's side
  forward.kind = TranslationKind::kDnat;
  forward.opened_from = FirstSeen::kOutside;
  CHECK(paths_of({forward, hop(2, 20, 30, 0, 5)}) ==
        std::vector<std::string>{"10 -1> 20 -2> 30"});
}

TEST_CASE("a change of partner in the middle gives two paths", "[nat][path]") {
  SECTION("at the last hop") {
    CHECK(paths_of({hop(1, 10, 20, 0, 100), hop(2, 20, 30, 0, 40), hop(3, 20, 31, 60, 100)}) ==
          std::vector<std::string>{"10 -1> 20 -2> 30", "10 -1> 20 -3> 31"});
  }
  SECTION("at the first hop: no path joins stretches of different times") {
    CHECK(paths_of({hop(1, 10, 20, 0, 40), hop(3, 20, 30, 0, 40), hop(2, 11, 20, 60, 100),
                    hop(4, 20, 31, 60, 100)}) ==
          std::vector<std::string>{"10 -1> 20 -3> 30", "11 -2> 20 -4> 31"});
  }
  SECTION("around a hop that stays") {
    CHECK(paths_of({hop(1, 10, 20, 0, 40), hop(2, 20, 30, 0, 100), hop(3, 30, 40, 0, 40),
                    hop(4, 11, 20, 60, 100), hop(5, 30, 41, 60, 100)}) ==
          std::vector<std::string>{"10 -1> 20 -2> 30 -3> 40", "11 -4> 20 -2> 30 -5> 41"});
  }
  SECTION("with two taps only, the stretches are translations") {
    CHECK(paths_of({hop(1, 10, 20, 0, 40), hop(2, 10, 21, 60, 100)}).empty());
  }
}

TEST_CASE("a single packet makes a path though no time is common to all hops", "[nat][path]") {
  CHECK(paths_of({hop(1, 10, 20, 0.000, 0.001), hop(2, 20, 30, 0.001, 0.002),
                  hop(3, 30, 40, 0.002, 0.003)}) ==
        std::vector<std::string>{"10 -1> 20 -2> 30 -3> 40"});
}

TEST_CASE("a hairpin joins two connections of one tap and may go on", "[nat][path]") {
  auto hairpin = hop(1, 10, 11, 0, 5);
  hairpin.kind = TranslationKind::kHairpin;
  hairpin.inside_tap = hairpin.outside_tap = 1;
  CHECK(paths_of({hairpin}).empty());
  CHECK(paths_of({hairpin, hop(2, 11, 20, 0, 5)}) ==
        std::vector<std::string>{"10 -1> 11 -2> 20"});
}

TEST_CASE("partners at the same time are paths side by side", "[nat][path]") {
  CHECK(paths_of({hop(1, 10, 20, 0, 50), hop(2, 20, 30, 0, 50), hop(3, 20, 31, 0, 50)}) ==
        std::vector<std::string>{"10 -1> 20 -2> 30", "10 -1> 20 -3> 31"});
}

TEST_CASE("edges whose pairs hold but never all at once are all in some path", "[nat][path]") {
  CHECK(paths_of({hop(1, 10, 20, 0, 10), hop(2, 20, 30, 5, 20), hop(3, 30, 40, 15, 30)}) ==
        std::vector<std::string>{"10 -1> 20 -2> 30", "20 -2> 30 -3> 40"});
}

TEST_CASE("loops end", "[nat][path]") {
  const auto paths =
      paths_of({hop(1, 10, 20, 0, 5), hop(2, 20, 30, 0, 5), hop(3, 30, 10, 0, 5)});
  for (const auto& path : paths) CHECK(path.size() < 40);
  CHECK(paths_of({hop(1, 10, 10, 0, 5)}).empty());
  CHECK(paths_of({hop(1, 10, 20, 0, 5), hop(2, 20, 10, 0, 5)}).empty());
}

TEST_CASE("tunnels end a path", "[nat][path]") {
  auto tunnel = hop(2, 20, 30, 0, 5);
  tunnel.kind = TranslationKind::kTunnel;
  CHECK(paths_of({hop(1, 10, 20, 0, 5), tunnel, hop(3, 30, 40, 0, 5)}).empty());
}

TEST_CASE("a group is emitted when its connections are dead, and not before", "[nat][path]") {
  Collector collector;
  auto first = hop(1, 10, 20, 0, 5);
  first.alive_until = second(5);
  auto next = hop(2, 20, 30, 0.1, 8);
  next.alive_until = second(8);
  collector.builder.add(first);
  collector.builder.add(next);
  auto at_the_end = hop(3, 110, 120, 8, 9);
  at_the_end.alive_until = second(9);
  collector.builder.add(at_the_end);
  CHECK(collector.paths.empty());
  auto later = hop(4, 111, 121, 8.5, 9);
  later.alive_until = second(9);
  collector.builder.add(later);
  CHECK(collector.paths.size() == 1);
  collector.builder.finish();
  CHECK(collector.paths.size() == 1);
}

TEST_CASE("early settling gives the paths that waiting for the end gives", "[nat][path]") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    std::vector<TranslationRow> rows;
    std::map<std::int64_t, Timestamp> last;
    for (std::int64_t id = 1; id <= 200; ++id) {
      const auto layer = static_cast<std::int64_t>(random() % 3);
      const auto from = layer * 1000 + static_cast<std::int64_t>(random() % 40);
      const auto to = (layer + 1) * 1000 + static_cast<std::int64_t>(random() % 40);
      const double start = static_cast<double>(random() % 10000) / 10;
      rows.push_back(hop(id, from, to, start, start + static_cast<double>(random() % 50) / 10));
    }
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
      return std::tie(a.start, a.id) < std::tie(b.start, b.id);
    });
    const auto patient = paths_of(rows);
    for (const auto& r : rows) {
      for (const auto c : {r.inside_connection, r.outside_connection}) {
        last[c] = std::max(last[c], r.end);
      }
    }
    for (auto& r : rows) {
      r.alive_until = std::max(last[r.inside_connection], last[r.outside_connection]);
    }
    const auto eager = paths_of(rows);
    CHECK(std::set<std::string>(eager.begin(), eager.end()) ==
          std::set<std::string>(patient.begin(), patient.end()));
    CHECK(eager == paths_of(rows));
  }
}

TEST_CASE("many partners at once stay bounded", "[nat][path]") {
  std::vector<TranslationRow> rows;
  for (std::int64_t i = 0; i < 300; ++i) rows.push_back(hop(i + 1, 1000 + i, 5, 0, 100));
  for (std::int64_t i = 0; i < 300; ++i) rows.push_back(hop(i + 301, 5, 2000 + i, 0, 100));
  CHECK(paths_of(rows).size() <= 600 * 8);
}
