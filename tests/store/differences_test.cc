// What a replay keeps in a database: in place of what was there, or not at all.
#include "natlens/store/differences.h"

#include <filesystem>

#include "sample.h"
#include "support/catch.h"

namespace natlens::store {
namespace {

Table kept(const std::string& path) {
  auto db = Database::open(path);
  REQUIRE(db);
  auto rows = (*db)->query("SELECT * FROM replay_difference ORDER BY id");
  REQUIRE(rows);
  return std::move(*rows);
}

}  // namespace

TEST_CASE("differences: a later replay replaces an earlier one", "[store]") {
  const test::TempDir folder;
  const std::string path = folder.path("nat.db");
  make_sample(path);
  const Tuple inner = tuple("udp", "10.0.0.2:5000", "203.0.113.9:53");
  const Tuple outer = tuple("udp", "198.51.100.1:6000", "203.0.113.9:53");
  const std::vector<DifferenceRow> rows{{"lan.pcap", 3, false, outer, inner},
                                        {"wan.pcap", 4, true, outer, {}}};
  REQUIRE(keep_differences(path, "other.nft", rows));
  const Table table = kept(path);
  REQUIRE(table.rows.size() == 2);
  CHECK(table.text(0, "rules") == "other.nft");
  CHECK(table.text(0, "sent_by") == "rules");
  CHECK(table.text(0, "entered_src") == "10.0.0.2");
  CHECK(table.integer(0, "sport") == 6000);
  CHECK(table.text(1, "sent_by") == "router");
  CHECK(table.text(1, "entered_src").empty());
  CHECK(table.integer(1, "frame") == 4);
}

TEST_CASE("differences: what is no database of natlens is left alone", "[store]") {
  const test::TempDir folder;
  CHECK_FALSE(keep_differences(folder.path("none.db"), "r", {}));
  CHECK_FALSE(std::filesystem::exists(folder.path("none.db")));
}

}  // namespace natlens::store
