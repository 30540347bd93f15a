// docs/schema.md against the real schema, both ways.
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "natlens/store/database.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

namespace {

using Schema = std::map<std::string, std::set<std::string>>;

// The texts between backquotes in the first cell of a table row.
std::set<std::string> names_in_first_cell(const std::string& line) {
  std::set<std::string> names;
  const std::string cell = line.substr(1, line.find('|', 1) - 1);
  for (std::size_t at = cell.find('`'); at != std::string::npos; at = cell.find('`', at + 1)) {
    const std::size_t end = cell.find('`', at + 1);
    if (end == std::string::npos) break;
    names.insert(cell.substr(at + 1, end - at - 1));
    at = end;
  }
  return names;
}

Schema documented() {
  std::ifstream in(NATLENS_SOURCE_DIR "/docs/schema.md");
  REQUIRE(in);
  Schema schema;
  std::string current;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("### `")) current = line.substr(5, line.rfind('`') - 5);
    if (line.starts_with("## ")) current.clear();
    if (current.empty() || !line.starts_with("| `")) continue;
    for (const auto& name : names_in_first_cell(line)) {
      INFO(current << '.' << name << " is described twice");
      CHECK(schema[current].insert(name).second);
    }
  }
  return schema;
}

Schema real() {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  auto table = (*db)->query(
      "SELECT s.name AS name, c.name AS column FROM sqlite_schema AS s "
      "JOIN pragma_table_info(s.name) AS c WHERE s.type IN ('table', 'view')");
  REQUIRE(table);
  Schema schema;
  for (std::size_t i = 0; i < table->rows.size(); ++i) {
    schema[table->text(i, "name")].insert(table->text(i, "column"));
  }
  return schema;
}

}  // namespace

TEST_CASE("docs/schema.md describes every table, view and column, and no other",
          "[store][schema]") {
  const Schema in_docs = documented();
  const Schema in_file = real();
  for (const auto& [name, columns] : in_file) {
    INFO(name);
    REQUIRE(in_docs.contains(name));
    CHECK(in_docs.at(name) == columns);
  }
  for (const auto& [name, columns] : in_docs) {
    INFO(name);
    CHECK(in_file.contains(name));
  }
}

TEST_CASE("tables are singular, views plural, names snake_case", "[store][schema]") {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  auto table =
      (*db)->query("SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view')");
  REQUIRE(table);
  const std::set<std::string> as_they_are{"conntrack", "ambiguous", "paths"};
  for (std::size_t i = 0; i < table->rows.size(); ++i) {
    const auto name = table->text(i, "name");
    INFO(name);
    if (!as_they_are.contains(name))
      CHECK(name.ends_with('s') == (table->text(i, "type") == "view"));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
  }
}
