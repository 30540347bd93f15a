// What several hops sum up to: the kind from end to end, and which side is the inside.
#include <map>

#include "natlens/store/database.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;
using correlate::TranslationKind;

namespace {

struct Hop {
  TranslationKind kind;
  bool forward;     // the connection entered at the inside
  std::string src;  // what the next tap shows
  std::string dst;
};

// A path over taps 1, 2, 3..., from `src` to `dst` at the first; its longest stretch as
// "kind inside_tap>outside_tap inside_src>outside_src".
std::string longest(const std::string& src,
                    const std::string& dst,
                    const std::vector<Hop>& hops) {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  for (std::size_t i = 0; i <= hops.size(); ++i) {
    const int id = static_cast<int>(i) + 1;
    TapRow tap;
    tap.id = id;
    tap.info.name = "t" + std::to_string(id);
    (*writer)->tap(tap);
    const auto& from = i == 0 ? src : hops[i - 1].src;
    const auto& to = i == 0 ? dst : hops[i - 1].dst;
    (*writer)->connection(connection(id, 1, tuple("tcp", from, to), 1));
    (*writer)->path_step({1, static_cast<std::uint32_t>(id), connection_id(id, 1),
                          static_cast<std::int64_t>(i)});
    if (i == 0) continue;
    correlate::ConnectionRef inside{static_cast<std::uint16_t>(i - 1), 1};
    correlate::ConnectionRef outside{static_cast<std::uint16_t>(i), 1};
    if (!hops[i - 1].forward) std::swap(inside, outside);
    auto row = translation(i, inside, outside, hops[i - 1].kind, 1);
    if (!hops[i - 1].forward) row.entered = correlate::FirstSeen::kOutside;
    if (i == 1) row.confidence = correlate::Confidence::kLikely;
    (*writer)->translation(row);
  }
  REQUIRE((*writer)->finish());
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  auto table = (*db)->query(
      "SELECT kind || ' ' || inside_tap || '>' || outside_tap || ' ' || inside_src || '>' || "
      "outside_src AS line, hops, confidence FROM translations ORDER BY hops DESC");
  REQUIRE(table);
  REQUIRE(table->rows.size() == hops.size() * (hops.size() + 1) / 2);
  CHECK(table->integer(0, "hops") == static_cast<std::int64_t>(hops.size()));
  CHECK(table->text(0, "confidence") == "likely");
  return table->text(0, "line");
}

const std::string kServer = "192.0.2.9:443";

}  // namespace

TEST_CASE("two source NATs are one from end to end", "[store][paths]") {
  CHECK(longest("10.0.0.2:1", kServer,
                {{TranslationKind::kSnat, true, "100.64.0.2:1", kServer},
                 {TranslationKind::kSnat, true, "198.51.100.1:9", kServer}}) ==
        "snat t1>t3 10.0.0.2>198.51.100.1");
}

TEST_CASE("bridged and routed hops add nothing to a NAT, and say which side is inside",
          "[store][paths]") {
  CHECK(longest("10.0.0.2:1", kServer,
                {{TranslationKind::kBridged, true, "10.0.0.2:1", kServer},
                 {TranslationKind::kSnat, true, "198.51.100.1:9", kServer},
                 {TranslationKind::kRouted, true, "198.51.100.1:9", kServer}}) ==
        "snat t1>t4 10.0.0.2>198.51.100.1");
  CHECK(longest("10.0.0.2:1", kServer,
                {{TranslationKind::kBridged, true, "10.0.0.2:1", kServer},
                 {TranslationKind::kRouted, true, "10.0.0.2:1", kServer}}) ==
        "routed t1>t3 10.0.0.2>10.0.0.2");
  CHECK(longest("10.0.0.2:1", kServer,
                {{TranslationKind::kBridged, true, "10.0.0.2:1", kServer},
                 {TranslationKind::kBridged, true, "10.0.0.2:1", kServer}}) ==
        "bridged t1>t3 10.0.0.2>10.0.0.2");
}

TEST_CASE("the inside of a port forward is the server's, at the end of the path",
          "[store][paths]") {
  CHECK(longest("192.0.2.77:6", "198.51.100.1:80",
                {{TranslationKind::kDnat, false, "192.0.2.77:6", "100.64.0.2:8080"},
                 {TranslationKind::kDnat, false, "192.0.2.77:6", "10.0.0.20:80"}}) ==
        "dnat t3>t1 192.0.2.77>192.0.2.77");
}

TEST_CASE("both ends changed by different boxes is twice", "[store][paths]") {
  CHECK(longest("10.0.0.2:1", "198.51.100.7:80",
                {{TranslationKind::kSnat, true, "198.51.100.1:9", "198.51.100.7:80"},
                 {TranslationKind::kDnat, false, "198.51.100.1:9", "10.9.0.20:80"}}) ==
        "twice t1>t3 10.0.0.2>198.51.100.1");
}

TEST_CASE("a translation that is undone leaves a routed path", "[store][paths]") {
  CHECK(longest("10.0.0.2:1", kServer,
                {{TranslationKind::kSnat, true, "100.64.0.2:1", kServer},
                 {TranslationKind::kSnat, true, "10.0.0.2:1", kServer}}) ==
        "routed t1>t3 10.0.0.2>10.0.0.2");
}

TEST_CASE("families, prefixes, proxies are told from end to end", "[store][paths]") {
  CHECK(longest("[2001:db8::2]:1", "[64:ff9b::1]:443",
                {{TranslationKind::kRouted, true, "[2001:db8::2]:1", "[64:ff9b::1]:443"},
                 {TranslationKind::kNat64, true, "198.51.100.1:1", kServer}}) ==
        "nat64 t1>t3 2001:db8::2>198.51.100.1");
  CHECK(longest("[fd00::2]:1", "[2001:db8::9]:443",
                {{TranslationKind::kNpt, true, "[fd01::2]:1", "[2001:db8::9]:443"},
                 {TranslationKind::kNpt, true, "[2001:db8:1::2]:1", "[2001:db8::9]:443"}}) ==
        "npt t1>t3 fd00::2>2001:db8:1::2");
  CHECK(longest("10.0.2.15:1", kServer,
                {{TranslationKind::kProxy, true, "10.0.0.5:7", kServer},
                 {TranslationKind::kSnat, true, "198.51.100.1:7", kServer}}) ==
        "proxy t1>t3 10.0.2.15>198.51.100.1");
}

TEST_CASE("a stretch that two paths share is one row", "[store][paths]") {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  for (int tap = 1; tap <= 4; ++tap) {
    TapRow row;
    row.id = tap;
    row.info.name = "t" + std::to_string(tap);
    (*writer)->tap(row);
    const std::string src = "10.0." + std::to_string(tap) + ".2:1";
    for (std::uint32_t serial = 1; serial <= (tap == 4 ? 2U : 1U); ++serial) {
      (*writer)->connection(connection(tap, serial, tuple("tcp", src, kServer), 1));
    }
  }
  (*writer)->translation(translation(1, {0, 1}, {1, 1}, TranslationKind::kSnat, 1));
  (*writer)->translation(translation(2, {1, 1}, {2, 1}, TranslationKind::kSnat, 1));
  (*writer)->translation(translation(3, {2, 1}, {3, 1}, TranslationKind::kSnat, 1));
  (*writer)->translation(translation(4, {2, 1}, {3, 2}, TranslationKind::kSnat, 1));
  for (std::int64_t path = 1; path <= 2; ++path) {
    for (std::uint32_t step = 1; step <= 3; ++step) {
      (*writer)->path_step({path, step, connection_id(step, 1), step - 1});
    }
    (*writer)->path_step(
        {path, 4, connection_id(4, static_cast<std::uint32_t>(path)), path + 2});
  }
  REQUIRE((*writer)->finish());
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  auto table = (*db)->query(
      "SELECT count(*) AS n FROM translations WHERE hops = 2 AND inside_tap = 't1'");
  REQUIRE(table);
  CHECK(table->integer(0, "n") == 1);
  table = (*db)->query("SELECT count(*) AS n FROM translations");
  REQUIRE(table);
  CHECK(table->integer(0, "n") == 4 + (1 + 2) + 2);
}
