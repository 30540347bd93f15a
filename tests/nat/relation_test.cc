#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "natlens/nat/observe.h"

#include "rows.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::nat;
using correlate::TranslationKind;

namespace {

TranslationRow between(std::uint16_t inside, std::uint16_t outside, TranslationKind kind) {
  auto r = row(1, kind, tuple("tcp", "10.0.0.2:4000", "192.0.2.9:443"),
               tuple("tcp", "198.51.100.1:4000", "192.0.2.9:443"));
  r.inside_tap = inside;
  r.outside_tap = outside;
  return r;
}

std::vector<Nat> relations(std::uint16_t taps, const std::vector<TranslationRow>& rows) {
  RelationBuilder builder(taps);
  for (std::uint16_t tap = 1; tap <= taps; ++tap) builder.tap(tap, second(0), second(10));
  for (const auto& r : rows) builder.add(r);
  return builder.rows();
}

}  // namespace

TEST_CASE("what lies between two taps is told by the kinds between them", "[nat][relation]") {
  using K = TranslationKind;
  const std::vector<std::pair<std::vector<K>, Relation>> cases{
      {{K::kSnat}, Relation::kNat},
      {{K::kRouted, K::kRouted, K::kDnat}, Relation::kNat},
      {{K::kRouted, K::kBridged}, Relation::kRouted},
      {{K::kBridged}, Relation::kBridged},
      {{K::kTunnel, K::kTunnel, K::kSnat}, Relation::kTunnel},
      {{K::kProxy, K::kRouted}, Relation::kUserNat},  // to where the client asked
      {{K::kProxy, K::kNat64, K::kNpt}, Relation::kNat},
  };
  for (const auto& [kinds, relation] : cases) {
    std::vector<TranslationRow> rows;
    for (const auto kind : kinds) rows.push_back(between(1, 2, kind));
    const auto nats = relations(2, rows);
    REQUIRE(nats.size() == 1);
    CHECK(to_string(nats[0].relation) == to_string(relation));
    CHECK(nats[0].translations == kinds.size());
  }
}

TEST_CASE("a proxy that goes where the client asked to is a NAT in user space",
          "[nat][relation]") {
  const auto tuple = [](std::string_view src, std::string_view dst) {
    Tuple out;
    out.src = *Address::parse(src);
    out.dst = *Address::parse(dst);
    out.dst_port = 443;
    return out;
  };
  TranslationRow kept = between(1, 2, TranslationKind::kProxy);
  kept.inside = tuple("10.0.2.15", "192.0.2.9");
  kept.outside = tuple("198.51.100.1", "192.0.2.9");
  TranslationRow asked = between(1, 2, TranslationKind::kProxy);
  asked.inside = tuple("10.0.2.15", "10.0.2.2");
  asked.outside = kept.outside;
  CHECK(relations(2, {kept, asked, kept})[0].relation == Relation::kUserNat);
  CHECK(relations(2, {kept, asked, kept})[0].external_addresses.size() == 1);
  CHECK(relations(2, {kept, asked})[0].relation == Relation::kProxy);
}

TEST_CASE("traffic that only passed the other way belongs to the NAT", "[nat][relation]") {
  const auto nats = relations(
      2, {between(2, 1, TranslationKind::kRouted), between(2, 1, TranslationKind::kRouted),
          between(1, 2, TranslationKind::kSnat)});
  REQUIRE(nats.size() == 1);
  CHECK(nats[0].id == 2);  // the second pair that appeared
  CHECK(nats[0].inside_tap == 1);
  CHECK(nats[0].outside_tap == 2);
  CHECK(nats[0].translations == 3);
  CHECK(nats[0].by_kind[static_cast<std::size_t>(TranslationKind::kRouted)] == 2);
  CHECK(nat_id(nats, between(2, 1, TranslationKind::kRouted)) == 2);
  CHECK(nat_id(nats, between(1, 3, TranslationKind::kSnat)) == 0);
}

TEST_CASE("a box that translates both ways is two rows", "[nat][relation]") {
  const auto nats = relations(
      2, {between(1, 2, TranslationKind::kSnat), between(2, 1, TranslationKind::kSnat)});
  REQUIRE(nats.size() == 2);
  CHECK(nat_id(nats, between(1, 2, TranslationKind::kSnat)) == 1);
  CHECK(nat_id(nats, between(2, 1, TranslationKind::kSnat)) == 2);
}

TEST_CASE("a hairpin is a NAT between a tap and itself", "[nat][relation]") {
  const auto nats = relations(1, {between(1, 1, TranslationKind::kHairpin)});
  REQUIRE(nats.size() == 1);
  CHECK(nats[0].relation == Relation::kNat);
  CHECK(nats[0].inside_tap == nats[0].outside_tap);
}

TEST_CASE("taps joined by others are no strangers; a lone one is isolated", "[nat][relation]") {
  const auto nats = relations(
      4, {between(1, 2, TranslationKind::kSnat), between(2, 3, TranslationKind::kRouted)});
  // 1-2, 2-3, and tap 4 with each of the three; not 1-3.
  REQUIRE(nats.size() == 5);
  std::set<std::int64_t> ids;
  for (const auto& nat : nats) ids.insert(nat.id);
  CHECK(ids == std::set<std::int64_t>{1, 2, 3, 4, 5});
  for (const auto& nat : nats) {
    CHECK((nat.outside_tap == 4) == (nat.relation == Relation::kIsolated));
  }
}

TEST_CASE("taps that never captured together are unrelated", "[nat][relation]") {
  RelationBuilder builder(2);
  builder.tap(1, second(0), second(10));
  builder.tap(2, second(11), second(20));
  REQUIRE(builder.rows().size() == 1);
  CHECK(builder.rows()[0].relation == Relation::kUnrelated);
}

TEST_CASE("external addresses are the least 64, whatever the order", "[nat][relation]") {
  std::vector<TranslationRow> rows;
  for (std::uint32_t i = 0; i < 200; ++i) {
    rows.push_back(between(1, 2, TranslationKind::kSnat));
    rows.back().outside.src = Address::v4(0xc6336400U + i);
  }
  const auto sorted = relations(2, rows)[0].external_addresses;
  REQUIRE(sorted.size() == 64);
  CHECK(to_string(sorted.front()) == "198.51.100.0");
  CHECK(to_string(sorted.back()) == "198.51.100.63");
  std::mt19937 random(1);
  std::shuffle(rows.begin(), rows.end(), random);
  CHECK(relations(2, rows)[0].external_addresses == sorted);
}
