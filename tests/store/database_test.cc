#include "natlens/store/database.h"

#include <filesystem>
#include <fstream>

#include <sqlite3.h>

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

namespace {

std::string open_error(const std::string& path) {
  auto db = Database::open(path);
  return db ? std::string() : db.error().message;
}

bool contains(std::string_view text, std::string_view part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string_view::npos;
}

void run_sql(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

}  // namespace

TEST_CASE("opening what is no natlens database says what it is", "[store][database]") {
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  SECTION("missing") {
    CHECK(contains(open_error(path), "No such file"));
  }
  SECTION("a directory") {
    CHECK(contains(open_error(folder.path("")), "is a directory"));
  }
  SECTION("empty") {
    std::ofstream(path) << "";
    CHECK(contains(open_error(path), "is empty"));
  }
  SECTION("a capture") {
    std::ofstream(path) << std::string("\xd4\xc3\xb2\xa1\x02\x00\x04\x00", 8) +
                               std::string(5000, 'x');
    CHECK(contains(open_error(path), "is not an SQLite database"));
  }
  SECTION("another program's") {
    run_sql(path, "CREATE TABLE t (x)");
    CHECK(contains(open_error(path), "is not a natlens database"));
  }
  SECTION("a later version") {
    make_sample(path);
    run_sql(path, "PRAGMA user_version = 7");
    CHECK(contains(open_error(path), "schema version 7"));
    CHECK(contains(open_error(path), "newer natlens"));
  }
  SECTION("an earlier version") {
    make_sample(path);
    run_sql(path, "PRAGMA user_version = 0");
    CHECK(contains(open_error(path), "analyze the captures again"));
  }
  SECTION("cut off") {
    make_sample(path);
    std::filesystem::resize_file(path, 20'000);
    auto db = Database::open(path);
    // Either at once or by the first query, but told.
    CHECK((!db || !(*db)->query("SELECT count(*) FROM translations")));
  }
}

TEST_CASE("values come back with their type", "[store][database]") {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  const std::vector<Value> parameters{std::int64_t{7}, 2.5, std::string("x"), std::monostate{}};
  auto table =
      (*db)->query("SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, x'0aff' AS e", parameters);
  REQUIRE(table);
  CHECK(table->columns == std::vector<std::string>{"a", "b", "c", "d", "e"});
  CHECK(table->rows[0][0] == Value{std::int64_t{7}});
  CHECK(table->rows[0][1] == Value{2.5});
  CHECK(table->rows[0][2] == Value{std::string("x")});
  CHECK(table->rows[0][3] == Value{std::monostate{}});
  CHECK(table->text(0, "e") == "0aff");
  CHECK(table->integer(0, "a") == 7);
  CHECK(table->text(0, "b") == "2.5");
  CHECK(table->integer(0, "d") == 0);
  CHECK(table->integer(0, "missing") == 0);
  CHECK(table->text(9, "a").empty());
}

TEST_CASE("a wrong statement says what and where", "[store][database]") {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  const auto error = [&](std::string_view sql, std::vector<Value> parameters = {}) {
    auto table = (*db)->query(sql, parameters);
    return table ? std::string() : table.error().message;
  };
  CHECK(contains(error("SELECT *\n  FROM mapings"), "no such table: mapings"));
  CHECK(contains(error("SELECT 1,\n  nothing FROM tap"), "line 2, column 3"));
  CHECK(contains(error("SELECT"), "incomplete input"));
  CHECK(contains(error(""), "no SQL statement"));
  CHECK(contains(error("-- only a comment"), "no SQL statement"));
  CHECK(contains(error("SELECT 1; SELECT 2"), "more than one"));
  CHECK(contains(error("SELECT 1", {std::int64_t{1}}), "0 parameters"));
  CHECK(error("SELECT 1; -- a remark\n ;\n").empty());
}

TEST_CASE("nothing can be changed", "[store][database]") {
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  make_sample(path);
  const auto before = std::filesystem::last_write_time(path);
  auto db = Database::open(path);
  REQUIRE(db);
  for (const char* sql :
       {"DELETE FROM tap", "CREATE TABLE x (y)", "INSERT INTO meta VALUES (1, 2)",
        "PRAGMA user_version = 3", "VACUUM"}) {
    INFO(sql);
    CHECK_FALSE((*db)->query(sql));
  }
  CHECK((*db)->query("SELECT count(*) AS n FROM tap")->integer(0, "n") == 3);
  db->reset();
  CHECK(std::filesystem::last_write_time(path) == before);
}

TEST_CASE("a receiver may stop early", "[store][database]") {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  std::size_t rows = 0;
  std::size_t columns = 0;
  auto done = (*db)->each(
      "SELECT id, src FROM connection", {}, [&](auto names) { columns = names.size(); },
      [&](auto) { return ++rows < 2; });
  CHECK(done);
  CHECK(columns == 2);
  CHECK(rows == 2);
}
