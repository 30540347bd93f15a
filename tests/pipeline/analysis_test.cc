#include "natlens/pipeline/analysis.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

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

// The first column of the first row of a query, as text.
std::string ask(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  std::string answer;
  const auto keep = [](void* text, int, char** values, char**) {
    *static_cast<std::string*>(text) = values[0] == nullptr ? "NULL" : values[0];
    return 0;
  };
  CHECK(sqlite3_exec(db, sql, keep, &answer, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  return answer;
}

// A little-endian pcap in two: the first `frames` records, and the rest.
void split_pcap(const std::string& path,
                std::size_t frames,
                const std::string& head,
                const std::string& tail) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::size_t at = 24;
  for (std::size_t i = 0; i < frames; ++i) {
    std::uint32_t captured = 0;
    std::memcpy(&captured, all.data() + at + 8, 4);
    at += 16 + captured;
  }
  std::ofstream(head, std::ios::binary) << all.substr(0, at);
  std::ofstream(tail, std::ios::binary) << all.substr(0, 24) << all.substr(at);
}

}  // namespace

TEST_CASE("analyze: frames of a tap in two files are named by file and number",
          "[pipeline][analysis]") {
  const Scratch scratch;
  auto options = both_sides("01-home-masquerade", scratch.file("a.db"));
  const auto whole = pipeline::analyze(options);
  REQUIRE(whole);
  split_pcap(options.sources[0].files[0], 1000, scratch.file("1.pcap"), scratch.file("2.pcap"));
  options.sources[0].files = {scratch.file("2.pcap"), scratch.file("1.pcap")};
  options.output = scratch.file("b.db");
  const auto parts = pipeline::analyze(options);
  REQUIRE(parts);
  CHECK(parts->frames == whole->frames);
  CHECK(parts->translations == whole->translations);
  CHECK(ask(options.output, "SELECT frames FROM file WHERE id = 1") == "1000");
  CHECK(ask(options.output,
            "SELECT count(*) FROM connection_events e JOIN file f "
            "ON f.id = e.file_id WHERE e.frame < 1 OR e.frame > f.frames") == "0");
  CHECK(ask(options.output,
            "SELECT count(*) > 100 FROM connection_events WHERE file_id = 2 "
            "AND frame > 0") == "1");
  CHECK(ask(options.output,
            "SELECT count(*) > 0 FROM connection WHERE first_file_id = 1 "
            "AND last_file_id = 2") == "1");
}

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

TEST_CASE("analyze: what protocols say is stored with the frame that says it",
          "[pipeline][analysis]") {
  const Scratch scratch;
  auto options = both_sides("01-home-masquerade", scratch.file("a.db"));
  REQUIRE(pipeline::analyze(options));
  // Each question once at each tap, in a frame of its own connection.
  CHECK(ask(options.output,
            "SELECT count(*) FROM statement WHERE protocol = 'dns' AND tap_id = 1") != "0");
  CHECK(
      ask(options.output,
          "SELECT count(*) FROM statement AS s JOIN connection AS c ON c.id = s.connection_id "
          "WHERE s.tap_id <> c.tap_id OR s.file_id <> c.first_file_id OR c.dport <> 53 "
          "OR s.frame NOT BETWEEN c.first_frame AND c.last_frame "
          "OR s.time_ns NOT BETWEEN c.start_ns AND c.last_ns") == "0");
  // A plain NAT leaves id and name alone.
  CHECK(ask(options.output,
            "SELECT count(*) FROM translation AS t "
            "JOIN statement AS i ON i.connection_id = t.inside_connection_id "
            "WHERE NOT EXISTS (SELECT * FROM statement AS o "
            "WHERE o.connection_id = t.outside_connection_id "
            "AND o.number IS i.number AND o.text = i.text)") == "0");
  CHECK(ask(options.output, "SELECT count(*) FROM meta WHERE key = 'statements_left_out'") ==
        "1");
}
