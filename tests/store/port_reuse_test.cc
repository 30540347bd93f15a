// queries/port_reuse.sql: who had an external port before, however many mappings lie between.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "natlens/store/database.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

namespace {

// Mappings of one external port: host, first and last packet in seconds.
struct Use {
  int host;
  double first;
  double last;
};

std::vector<std::string> reuses(const std::vector<Use>& uses) {
  const test::TempDir folder;
  const std::string path = folder.path("nat.db");
  auto writer = Writer::create(path, false);
  REQUIRE(writer);
  nat::Nat between;
  between.id = 1;
  between.inside_tap = 1;
  between.outside_tap = 2;
  (*writer)->nat(between);
  for (const Use& use : uses) {
    nat::Mapping mapping;
    mapping.nat = 1;
    mapping.protocol = protocol::kUdp;
    mapping.internal = parse_endpoint(fmt::format("10.0.0.{}:5000", use.host)).value();
    mapping.external = parse_endpoint("198.51.100.1:7000").value();
    mapping.first = second(use.first);
    mapping.last = second(use.last);
    mapping.translations = 1;
    (*writer)->mapping(mapping);
  }
  REQUIRE((*writer)->finish());
  auto database = Database::open(path);
  REQUIRE(database);
  const auto queries = catalogue();
  const auto query = std::find_if(queries.begin(), queries.end(),
                                  [](const NamedQuery& q) { return q.name == "port_reuse"; });
  REQUIRE(query != queries.end());
  auto rows = (*database)->query(query->sql);
  REQUIRE(rows);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < rows->rows.size(); ++i) {
    out.push_back(fmt::format("{} > {} after {}", rows->text(i, "before"),
                              rows->text(i, "after"), rows->text(i, "pause_s")));
  }
  return out;
}

}  // namespace

TEST_CASE("port_reuse: a port that goes from hand to hand", "[store][port_reuse]") {
  CHECK(reuses({{2, 0, 10}, {3, 40, 50}, {4, 55, 60}}) ==
        std::vector<std::string>{"10.0.0.3 5000 > 10.0.0.4 5000 after 5",
                                 "10.0.0.2 5000 > 10.0.0.3 5000 after 30"});
}

TEST_CASE("port_reuse: one's own earlier use is none", "[store][port_reuse]") {
  CHECK(reuses({{2, 0, 10}, {2, 40, 50}, {2, 60, 70}}).empty());
  // Host 3 had it last, though host 2 did, too, before.
  CHECK(reuses({{2, 0, 10}, {3, 20, 30}, {3, 40, 50}}) ==
        std::vector<std::string>{"10.0.0.2 5000 > 10.0.0.3 5000 after 10"});
}

TEST_CASE("port_reuse: who let go last counts, not who began last", "[store][port_reuse]") {
  // Host 2 kept it through all of host 3's time.
  CHECK(reuses({{2, 0, 100}, {3, 20, 30}, {4, 130, 140}}) ==
        std::vector<std::string>{"10.0.0.2 5000 > 10.0.0.4 5000 after 30"});
  // Two that share it, then a third: sharing is no reuse.
  CHECK(reuses({{2, 0, 100}, {3, 20, 120}}).empty());
}
