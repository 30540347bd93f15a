#include "natlens/pipeline/analysis.h"

#include <cstdlib>
#include <filesystem>

#include <sqlite3.h>
#include <unistd.h>

#include "support/catch.h"

using namespace natlens;
namespace fs = std::filesystem;

namespace {

// A folder that goes when the test ends.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "natlens-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Scratch() { fs::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

// Every row of every table as text, in rowid order.
std::string dump(const std::string& path) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  std::string out;
  const auto append = [](void* text, int columns, char** values, char**) {
    for (int i = 0; i < columns; ++i) {
      *static_cast<std::string*>(text) += values[i] == nullptr ? "NULL" : values[i];
      *static_cast<std::string*>(text) += '|';
    }
    *static_cast<std::string*>(text) += '\n';
    return 0;
  };
  std::string tables;
  sqlite3_exec(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", append,
               &tables, nullptr);
  for (std::size_t at = 0; at < tables.size();) {
    const auto end = tables.find('|', at);
    const std::string table = tables.substr(at, end - at);
    out += "== " + table + "\n";
    sqlite3_exec(db, ("SELECT * FROM \"" + table + "\"").c_str(), append, &out, nullptr);
    at = end + 2;
  }
  sqlite3_close(db);
  return out;
}

pipeline::AnalysisOptions both_sides(const std::string& set, const std::string& output) {
  const std::string folder = std::string(NATLENS_TEST_DATA "/captures/") + set;
  pipeline::AnalysisOptions options;
  for (const char* tap : {"lan", "wan"}) {
    options.sources.push_back({tap, {folder + "/" + tap + ".pcap"}, ""});
  }
  options.output = output;
  options.force = true;
  options.command_line = "test";
  return options;
}

}  // namespace

TEST_CASE("analyze: the same input gives the same database, whatever the threads did",
          "[pipeline][analysis]") {
  const Scratch scratch;
  const auto options = both_sides("01s-home-skew", scratch.file("a.db"));
  const auto first = pipeline::analyze(options);
  REQUIRE(first);
  CHECK(first->translations > 100);
  const std::string expected = dump(options.output);
  CHECK(expected.size() > 100'000);
  for (int run = 0; run < 8; ++run) {
    REQUIRE(pipeline::analyze(options));
    REQUIRE(dump(options.output) == expected);
  }
}

TEST_CASE("analyze: taps are named in the order of the command line", "[pipeline][analysis]") {
  const Scratch scratch;
  auto options = both_sides("01-home-masquerade", scratch.file("a.db"));
  std::swap(options.sources[0], options.sources[1]);
  REQUIRE(pipeline::analyze(options));
  const std::string text = dump(options.output);
  CHECK(text.find("wan") < text.find("lan|"));
}

TEST_CASE("analyze: a stop flag ends the run early, and the database says so",
          "[pipeline][analysis]") {
  const Scratch scratch;
  auto options = both_sides("01-home-masquerade", scratch.file("a.db"));
  const std::atomic<bool> stop{true};
  options.stop = &stop;
  const auto summary = pipeline::analyze(options);
  REQUIRE(summary);
  CHECK(summary->frames == 0);
  CHECK(dump(options.output).find("interrupted|1|") != std::string::npos);
}

TEST_CASE("analyze: an output that exists is left alone without force",
          "[pipeline][analysis]") {
  const Scratch scratch;
  auto options = both_sides("01-home-masquerade", scratch.file("a.db"));
  REQUIRE(pipeline::analyze(options));
  const std::string before = dump(options.output);
  options.force = false;
  const auto again = pipeline::analyze(options);
  REQUIRE_FALSE(again);
  CHECK(again.error().message.find("--force") != std::string::npos);
  CHECK(dump(options.output) == before);
}

TEST_CASE("analyze: --clock overrides what the probe would find", "[pipeline][analysis]") {
  const Scratch scratch;
  auto options = both_sides("01-home-masquerade", scratch.file("a.db"));
  options.clock_offsets_ns["wan"] = 5'000'000'000;
  REQUIRE(pipeline::analyze(options));
  CHECK(dump(options.output).find("5000000000") != std::string::npos);
}
