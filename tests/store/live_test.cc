// A database that grows while others read it.
#include <string>

#include "natlens/store/database.h"
#include "natlens/store/writer.h"

#include "sample.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace natlens;
using namespace natlens::store;

namespace {

std::string ask(const std::string& path, std::string_view sql) {
  auto db = Database::open(path);
  if (!db) FAIL(db.error().message);
  auto table = (*db)->query(sql);
  if (!table) FAIL(table.error().message);
  std::string out;
  for (const auto& row : table->rows) {
    for (const auto& value : row) out += (out.empty() ? "" : " ") + to_text(value);
  }
  return out;
}

class LiveFile {
 public:
  LiveFile() : path(folder_.path("live.db")) {
    auto made = Writer::create(path, false);
    REQUIRE(made);
    writer = std::move(*made);
    REQUIRE(writer->go_live());
    for (const int tap : {1, 2}) {
      TapRow row;
      row.id = tap;
      row.info.name = tap == 1 ? "lan" : "wan";
      writer->tap(row);
    }
  }
  // Ended at `end`, or open.
  void connection(int tap, std::uint32_t serial, double end, bool open = false) {
    auto row = store::connection(tap, serial, tuple("udp", "10.0.0.2:4000", "192.0.2.9:53"), 1);
    row.end = second(end);
    row.close_reason = open ? conntrack::CloseReason::kEnd : conntrack::CloseReason::kExpired;
    writer->connection(row);
  }
  void translation(std::uint64_t serial, std::uint32_t inside, std::uint32_t outside) {
    writer->translation(store::translation(serial, {0, inside}, {1, outside},
                                           correlate::TranslationKind::kSnat, 1));
  }
  std::string connections() {
    REQUIRE(writer->flush());
    return ask(path, "SELECT id % 10000000000 FROM connection ORDER BY id");
  }

 private:
  test::TempDir folder_;

 public:
  const std::string path;
  std::unique_ptr<Writer> writer;
};

}  // namespace

TEST_CASE("live: a row that is written again takes the place of the first", "[store][live]") {
  LiveFile live;
  live.connection(1, 1, 2, true);
  live.connection(2, 1, 2, true);
  live.translation(7, 1, 1);
  REQUIRE(live.writer->flush());
  CHECK(ask(live.path, "SELECT close_reason FROM connection") == "end end");
  live.connection(1, 1, 9);
  live.translation(7, 1, 1);
  REQUIRE(live.writer->flush());
  CHECK(ask(live.path, "SELECT close_reason FROM connection ORDER BY id") == "expired end");
  CHECK(ask(live.path, "SELECT id FROM translation") == "7");
  live.writer->take_back(7);
  REQUIRE(live.writer->flush());
  CHECK(ask(live.path, "SELECT count(*) FROM translation") == "0");
  REQUIRE(live.writer->finish());
}

TEST_CASE("live: what ended before goes, the oldest first", "[store][live]") {
  LiveFile live;
  for (std::uint32_t i = 1; i <= 5; ++i) live.connection(1, i, 10.0 - i);
  live.connection(1, 6, 1, true);  // open, however long silent
  live.writer->unpaired({{0, 5}, correlate::UnpairedReason::kNothingInCommon});
  live.writer->unpaired({{0, 1}, correlate::UnpairedReason::kNothingInCommon});
  live.writer->forget(second(8), 2);
  CHECK(live.connections() == "1 2 3 6");
  CHECK(ask(live.path, "SELECT connection_id % 10000000000 FROM unpaired") == "1");
  live.writer->forget(second(8), 100);
  CHECK(live.connections() == "1 2 6");
  live.writer->forget(second(100), 100);
  CHECK(live.connections() == "6");
}

TEST_CASE("live: a partner that stays keeps a connection", "[store][live]") {
  LiveFile live;
  live.connection(1, 1, 2);
  live.connection(2, 2, 50);
  live.connection(1, 3, 2);
  live.connection(2, 4, 2);
  live.translation(1, 1, 2);
  live.translation(2, 3, 4);
  live.writer->forget(second(10), 100);
  CHECK(live.connections() == "1 2");
  CHECK(ask(live.path, "SELECT id FROM translation") == "1");
  live.writer->forget(second(60), 100);
  CHECK(live.connections().empty());
  CHECK(ask(live.path, "SELECT count(*) FROM translation") == "0");
}

TEST_CASE("live: who reads has the old rows until the new ones are derived", "[store][live]") {
  LiveFile live;
  nat::Mapping mapping;
  mapping.nat = 1;
  mapping.first = mapping.last = second(1);
  live.writer->mapping(mapping);
  REQUIRE(live.writer->flush());
  REQUIRE(live.writer->derive_anew(10));
  mapping.nat = 2;
  live.writer->mapping(mapping);
  REQUIRE(live.writer->flush());
  CHECK(ask(live.path, "SELECT nat_id FROM mapping") == "1");
  REQUIRE(live.writer->derived());
  CHECK(ask(live.path, "SELECT nat_id FROM mapping") == "2");
}

TEST_CASE("live: derived from the newest translations, and from those that are open",
          "[store][live]") {
  LiveFile live;
  for (std::uint32_t i = 1; i <= 20; ++i) {
    live.connection(1, i, 2, i == 3);
    live.connection(2, i, 2, i == 3);
    live.translation(i, i, i);
  }
  REQUIRE(live.writer->derive_anew(5));
  std::string ids;
  for (const auto order : {TranslationOrder::kById, TranslationOrder::kByMapping}) {
    ids.clear();
    REQUIRE(live.writer->each_translation(order, [&](const nat::TranslationRow& row) {
      ids += std::to_string(row.id) + " ";
    }));
    CHECK(ids.size() == 17);  // "3 16 17 18 19 20 "
  }
  REQUIRE(live.writer->derived());
  std::size_t all = 0;
  REQUIRE(live.writer->each_translation(TranslationOrder::kById,
                                        [&](const nat::TranslationRow&) { ++all; }));
  CHECK(all == 20);
}
