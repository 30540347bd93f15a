#include <vector>

#include "natlens/nat/observe.h"

#include "rows.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::nat;
using correlate::TranslationKind;

namespace {

struct Ends {
  bool has = false;
  std::string internal;
  std::string external;
};

Ends ends_of(const TranslationRow& r) {
  Endpoint internal;
  Endpoint external;
  Ends out;
  out.has = mapping_ends(r, internal, external);
  if (out.has) {
    out.internal = to_string(internal);
    out.external = to_string(external);
  }
  return out;
}

std::vector<Mapping> mappings_of(const std::vector<TranslationRow>& rows) {
  std::vector<Mapping> out;
  MappingBuilder builder([&](const Mapping& m) { out.push_back(m); });
  for (const auto& r : rows) builder.add(r, 7);
  builder.finish();
  return out;
}

}  // namespace

TEST_CASE("a source NAT maps the sources of both sides", "[nat][mapping]") {
  for (const auto kind : {TranslationKind::kSnat, TranslationKind::kTwice,
                          TranslationKind::kNpt, TranslationKind::kProxy}) {
    const auto e = ends_of(row(1, kind, tuple("tcp", "10.0.0.2:4000", "192.0.2.9:443"),
                               tuple("tcp", "198.51.100.1:40211", "192.0.2.10:8443")));
    CHECK(e.has);
    CHECK(e.internal == "10.0.0.2:4000");
    CHECK(e.external == "198.51.100.1:40211");
  }
}

TEST_CASE("NAT64 maps an IPv6 source to an IPv4 one", "[nat][mapping]") {
  const auto e = ends_of(row(1, TranslationKind::kNat64,
                             tuple("udp", "[2001:db8::5]:4000", "[64:ff9b::c000:209]:53"),
                             tuple("udp", "198.51.100.1:4000", "192.0.2.9:53")));
  CHECK(e.internal == "[2001:db8::5]:4000");
  CHECK(e.external == "198.51.100.1:4000");
}

TEST_CASE("a port forward maps the server's own end to the published one", "[nat][mapping]") {
  const auto e =
      ends_of(row(1, TranslationKind::kDnat, tuple("tcp", "192.0.2.9:4000", "10.0.0.20:80"),
                  tuple("tcp", "192.0.2.9:4000", "198.51.100.1:8080")));
  CHECK(e.internal == "10.0.0.20:80");
  CHECK(e.external == "198.51.100.1:8080");
}

TEST_CASE("a hairpin uses the mapping of the port forward", "[nat][mapping]") {
  const auto e = ends_of(row(1, TranslationKind::kHairpin,
                             tuple("tcp", "10.0.0.11:4000", "198.51.100.1:8080"),
                             tuple("tcp", "10.0.0.1:4000", "10.0.0.20:80")));
  CHECK(e.internal == "10.0.0.20:80");
  CHECK(e.external == "198.51.100.1:8080");
}

TEST_CASE("what passes unchanged has no mapping", "[nat][mapping]") {
  const auto t = tuple("tcp", "10.0.0.2:4000", "192.0.2.9:443");
  for (const auto kind :
       {TranslationKind::kBridged, TranslationKind::kRouted, TranslationKind::kTunnel}) {
    CHECK_FALSE(ends_of(row(1, kind, t, t)).has);
  }
  CHECK(mappings_of({row(1, TranslationKind::kRouted, t, t)}).empty());
}

TEST_CASE("translations through one mapping are counted, far ends once each",
          "[nat][mapping]") {
  std::vector<TranslationRow> rows;
  const std::vector<std::string> far{"192.0.2.9:53", "192.0.2.10:53", "192.0.2.9:53"};
  for (std::size_t i = 0; i < far.size(); ++i) {
    rows.push_back(row(static_cast<std::int64_t>(i) + 1, TranslationKind::kSnat,
                       tuple("udp", "10.0.0.2:4000", far[i]),
                       tuple("udp", "198.51.100.1:4000", far[i])));
    rows.back().start = second(static_cast<double>(i));
    rows.back().end = second(static_cast<double>(i) + 5);
  }
  // The same ends over TCP are another mapping.
  rows.push_back(row(4, TranslationKind::kSnat, tuple("tcp", "10.0.0.2:4000", far[0]),
                     tuple("tcp", "198.51.100.1:4000", far[0])));
  const auto mappings = mappings_of(rows);
  REQUIRE(mappings.size() == 2);
  CHECK(mappings[0].nat == 7);
  CHECK(mappings[0].protocol == protocol::kUdp);
  CHECK(mappings[0].translations == 3);
  CHECK(mappings[0].far_endpoints == 2);
  CHECK(mappings[0].first == second(0));
  CHECK(mappings[0].last == second(7));
  CHECK(mappings[1].translations == 1);
  CHECK(mappings[1].far_endpoints == 1);
}

TEST_CASE("an ICMP mapping has the id as port and no type in its far end", "[nat][mapping]") {
  std::vector<TranslationRow> rows;
  for (const int type : {8, 13}) {
    auto inside = tuple("icmp", "10.0.0.2:77", "192.0.2.9");
    auto outside = tuple("icmp", "198.51.100.1:78", "192.0.2.9");
    inside.dst_port = outside.dst_port = static_cast<std::uint16_t>(type << 8);
    rows.push_back(row(type, TranslationKind::kSnat, inside, outside));
  }
  const auto mappings = mappings_of(rows);
  REQUIRE(mappings.size() == 1);
  CHECK(mappings[0].internal.port == 77);
  CHECK(mappings[0].external.port == 78);
  CHECK(mappings[0].far_endpoints == 1);
}

TEST_CASE("distinct far ends are exact up to 65,535 and stop there", "[nat][mapping]") {
  for (const std::uint32_t distinct : {63U, 64U, 65U, 1000U, 65'535U, 70'000U}) {
    std::uint32_t translations = 0;
    std::vector<Mapping> out;
    MappingBuilder builder([&](const Mapping& m) { out.push_back(m); });
    for (int round = 0; round < 2; ++round) {
      for (std::uint32_t i = 0; i < distinct; ++i, ++translations) {
        auto r = row(1, TranslationKind::kSnat, tuple("udp", "10.0.0.2:4000", "192.0.2.9:53"),
                     tuple("udp", "198.51.100.1:4000", "192.0.2.9:53"));
        r.inside.dst = Address::v4(0xc6336400U + i);
        builder.add(r, 1);
      }
    }
    builder.finish();
    REQUIRE(out.size() == 1);
    CHECK(out[0].translations == translations);
    CHECK(out[0].far_endpoints == std::min(distinct, 65'535U));
  }
}
