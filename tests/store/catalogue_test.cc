#include <algorithm>
#include <set>
#include <sstream>

#include "natlens/store/database.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

namespace {

std::string opening_comment(std::string_view sql) {
  std::istringstream in{std::string(sql)};
  std::string out;
  for (std::string line; std::getline(in, line) && line.starts_with("--");) out += line + "\n";
  return out;
}

bool is_check(const NamedQuery& query) {
  return query.name.starts_with("checks/");
}

}  // namespace

TEST_CASE("the catalogue is there, sorted by name", "[store][catalogue]") {
  const auto queries = catalogue();
  CHECK(std::count_if(queries.begin(), queries.end(), is_check) >= 4);
  CHECK(queries.size() >= 18);
  std::set<std::string_view> names;
  for (const auto& query : queries) {
    CHECK(names.insert(query.name).second);
    CHECK_FALSE(query.name.ends_with(".sql"));
  }
  CHECK(names.contains("top_mappings"));
  CHECK(names.contains("checks/leaks"));
}

TEST_CASE("every query runs, finds what the sample has, and explains its columns",
          "[store][catalogue]") {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  for (const auto& query : catalogue()) {
    INFO(query.name);
    // A query asks, a check states.
    CHECK(query.question.ends_with('?') != is_check(query));
    auto table = (*db)->query(query.sql);
    if (!table) FAIL(table.error().message);
    CHECK_FALSE(table->rows.empty());
    const std::string comment = opening_comment(query.sql);
    CHECK(comment.starts_with("-- " + std::string(query.question) + "\n"));
    for (const auto& column : table->columns) {
      INFO(column);
      // tap, protocol and the like speak for themselves.
      CHECK((comment.find(column) != std::string::npos || column == "protocol" ||
             column == "kind"));
    }
  }
}

TEST_CASE("every query gives the same in the sqlite3 program", "[store][catalogue]") {
  if (!has_sqlite3_program()) {
    WARN("NOT RUN: the sqlite3 program is not installed");
    return;
  }
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  make_sample(path);
  auto db = Database::open(path);
  REQUIRE(db);
  for (const auto& query : catalogue()) {
    INFO(query.name);
    int code = 0;
    const std::string file =
        std::string(NATLENS_SOURCE_DIR "/queries/") + std::string(query.name);
    const auto text =
        run_command("sqlite3 -bail -quote '" + path + "' < '" + file + ".sql' 2>&1", code);
    INFO(text);
    CHECK(code == 0);
    auto table = (*db)->query(query.sql);
    REQUIRE(table);
    CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) ==
          table->rows.size());
  }
}

TEST_CASE("no check complains of an empty, finished database", "[store][catalogue]") {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  REQUIRE((*writer)->finish());
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  for (const auto& query : catalogue()) {
    INFO(query.name);
    auto table = (*db)->query(query.sql);
    REQUIRE(table);
    if (is_check(query)) CHECK(table->rows.empty());
  }
}

namespace {

std::vector<std::string> column_of(Database& db,
                                   std::string_view name,
                                   std::string_view column,
                                   std::vector<Value> parameters = {}) {
  const auto queries = catalogue();
  const auto query = std::find_if(queries.begin(), queries.end(),
                                  [&](const NamedQuery& q) { return q.name == name; });
  REQUIRE(query != queries.end());
  auto table = db.query(query->sql, parameters);
  if (!table) FAIL(table.error().message);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < table->rows.size(); ++i) out.push_back(table->text(i, column));
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("the queries say of the sample what is true", "[store][catalogue]") {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  auto opened = Database::open(folder.path("nat.db"));
  REQUIRE(opened);
  Database& db = **opened;
  const std::string asked = "100.64.0.2";
  CHECK(column_of(db, "who_was", "internal", {asked, std::int64_t{5000}}) ==
        Texts{"10.0.0.2 5000", "10.0.0.4 5000"});
  CHECK(column_of(db, "who_was", "internal",
                  {asked, std::string("5000"), std::string("2026-11-21T08:33:21Z")}) ==
        Texts{"10.0.0.4 5000"});
  CHECK(column_of(db, "port_clashes", "taken_by") == Texts{"10.0.0.2 4000"});
  CHECK(column_of(db, "port_clashes", "external") == Texts{"100.64.0.2 40211"});
  CHECK(column_of(db, "port_reuse", "pause_s") == Texts{"183"});
  CHECK(column_of(db, "unanswered_syns", "dst") == Texts{"192.0.2.200"});
  CHECK(column_of(db, "half_open", "dport") == Texts{"82"});
  CHECK(column_of(db, "resets", "refused") == Texts{"1"});
  CHECK(column_of(db, "unanswered_dns", "unanswered") == Texts{"1"});
  CHECK(column_of(db, "hairpins", "server") == Texts{"10.0.0.20 80"});
  CHECK(column_of(db, "packets_lost_between_taps", "replied_only_outside") == Texts{"2"});
  CHECK(column_of(db, "ambiguous_pairs", "second_bits") == Texts{"30"});
  CHECK(column_of(db, "paths_with_hops", "path") ==
        Texts{"lan > snat > wan", "core > dnat > wan > dnat > lan", "lan > hairpin > lan",
              "lan > snat > wan > snat > core"});
  CHECK(column_of(db, "checks/leaks", "src") == Texts{"10.0.0.2"});
  CHECK(column_of(db, "checks/incomplete", "what") == Texts{"file", "tap"});
  CHECK(column_of(db, "checks/invalid_errors", "excess") == Texts{"1000"});
  CHECK(column_of(db, "checks/lost", "lost") == Texts{"2"});
  CHECK(column_of(db, "checks/ambiguous", "best_bits") == Texts{"31.3"});
  CHECK(column_of(db, "carried_by", "inner", {std::string("10.0.0.30 40000")}) ==
        Texts{"tcp 10.244.0.2 40001 > 10.244.1.2 80"});
  CHECK(column_of(db, "carried_by", "inner", {std::string("10.0.0.99")}).empty());
  CHECK(column_of(db, "carriers_of", "carrier", {std::string("10.244.1.2")}) ==
        Texts{"udp 10.0.0.30 40000 > 10.0.0.31 4789"});
  CHECK(column_of(db, "evidence_of", "field", {std::string("10.0.0.3")}) ==
        Texts{"tcp_handshake", "tcp_data"});
}
