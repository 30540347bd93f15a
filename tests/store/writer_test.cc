#include "natlens/store/writer.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "natlens/store/database.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

namespace {

Table ask(const std::string& path, std::string_view sql) {
  auto db = Database::open(path);
  if (!db) FAIL(db.error().message);
  auto table = (*db)->query(sql);
  if (!table) FAIL(table.error().message);
  return *table;
}

std::string only_row(const Table& table) {
  REQUIRE(table.rows.size() == 1);
  std::string out;
  for (const auto& value : table.rows[0]) {
    if (!out.empty()) out += '|';
    out += value.index() == 0 ? "NULL" : to_text(value);
  }
  return out;
}

bool contains(std::string_view text, std::string_view part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string_view::npos;
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string error_of(const std::string& path, bool force) {
  auto writer = Writer::create(path, force);
  return writer ? std::string() : writer.error().message;
}

// Runs `work` in a child process and returns its wait status.
int in_child(const std::function<void()>& work) {
  const pid_t pid = fork();
  if (pid == 0) {
    work();
    _exit(0);
  }
  int state = 0;
  waitpid(pid, &state, 0);
  return state;
}

}  // namespace

TEST_CASE("a connection comes back as it was written", "[store][writer]") {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  TapRow tap;
  tap.id = 3;
  tap.info.name = "lan";
  (*writer)->tap(tap);
  auto row = connection(3, 7, tuple("tcp", "[2001:db8::5]:4000", "[2001:db8::9]:443"), 1);
  row.zone = 5;
  row.close_reason = conntrack::CloseReason::kReset;
  row.invalid_packets = 2;
  row.master = connection_id(3, 1);
  row.depth = 1;
  row.frame_direction = capture::FrameDirection::kOut;
  row.tos = 0xb8;
  row.tcp_flags = 0xc2;
  row.silence_ms = {0, 8000};
  row.gap_ms = {12'000, 9'000};  // what is under ten seconds is not kept
  row.apart_ms = {0, 13'000};
  namespace syn = stream::syn_option;
  row.syn[0] = {1460,
                syn::kSeen | syn::kWindowScale | 7 | syn::kSackPermitted | syn::kTimestamps};
  (*writer)->connection(row);
  REQUIRE((*writer)->finish());
  CHECK(only_row(ask(folder.path("nat.db"), "SELECT * FROM connection")) ==
        "30000000007|3|5|tcp|2001:db8::5|4000|2001:db8::9|443|NULL|NULL|ESTABLISHED|14|120|"
        "reset|1|"
        "1795249801000000000|1795249806000000000|1795249861000000000|9|900|8|800|2|3|70|3|79|"
        "30000000001|1|out|64|184|194|60|02:00:00:00:00:01|02:00:00:00:00:02|"
        "NULL|8000|12000|NULL|NULL|13000|1460|wscale 7,sack,timestamps|NULL|NULL|"
        "[[0,70,0,1,120,8],[1000,71,1,2,60,14],[60000000000,0,2,null,0,14]]");
}

TEST_CASE("what is unknown is NULL, and ICMP has no ports", "[store][writer]") {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  auto row = connection(1, 1, tuple("icmp", "10.0.0.2:77", "192.0.2.9"), 1);
  row.original.dst_port = 3 << 8 | 4;
  row.first_frame = row.last_frame = {};
  row.src_mac = row.dst_mac = {};
  row.events.clear();
  (*writer)->connection(row);
  REQUIRE((*writer)->finish());
  CHECK(only_row(
            ask(folder.path("nat.db"),
                "SELECT protocol, sport, dport, icmp_type, icmp_code, state, first_file_id, "
                "first_frame, master_id, frame_direction, tcp_flags, src_mac, events "
                "FROM connection")) == "icmp|77|0|3|4|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL");
  CHECK(ask(folder.path("nat.db"), "SELECT * FROM encapsulation").rows.empty());
}

TEST_CASE("an INVALID is suspect where the other tap has packets that this one has not",
          "[store][writer]") {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  for (const int tap : {1, 2}) {
    (*writer)->connection(
        connection(tap, 1, tuple("tcp", "10.0.0.2:4000", "192.0.2.9:443"), 1));
    InvalidRow invalid;
    invalid.tap = tap;
    invalid.connection = connection_id(tap, 1);
    (*writer)->invalid(invalid);
  }
  auto row = translation(1, {0, 1}, {1, 1}, correlate::TranslationKind::kSnat, 1);
  row.packets[0].both = 9;
  row.packets[0].outside_only = 2;
  row.packets[1].both = 9;
  (*writer)->translation(row);
  REQUIRE((*writer)->finish());
  const auto rows =
      ask(folder.path("nat.db"), "SELECT tap_id, suspect FROM invalid ORDER BY 1");
  REQUIRE(rows.rows.size() == 2);
  CHECK(rows.integer(0, "suspect") == 1);
  CHECK(rows.integer(1, "suspect") == 0);
}

TEST_CASE("a translation comes back as it was written", "[store][writer]") {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  auto row = translation(5, {0, 1}, {1, 2}, correlate::TranslationKind::kNat64, 1);
  row.margin_bits = std::numeric_limits<float>::infinity();
  row.entered = correlate::FirstSeen::kUnknown;
  row.reversed = true;
  row.confidence = correlate::Confidence::kLikely;
  row.packets[1] = {};
  row.packets[1].inside_only = 3;
  row.packets[1].outside_only = 4;
  row.sequence_shift = {0, -77};
  (*writer)->translation(row);
  REQUIRE((*writer)->finish());
  CHECK(only_row(ask(folder.path("nat.db"), "SELECT * FROM translation")) ==
        "5|10000000001|20000000002|nat64|likely|NULL|1|1795249801000000000|1795249806000000000|"
        "93.2|"
        "NULL|[{\"field\":\"tcp_handshake\",\"bits\":63.2,\"note\":\"ISN 0x000012ab in 2 "
        "handshake "
        "segments\"},{\"field\":\"tcp_data\",\"bits\":30.0,\"note\":\"1 segment with equal "
        "bytes at "
        "the same "
        "sequence\"}]|9|0|0|10000|20000|50000|60000|-1|NULL|0|3|4|NULL|NULL|NULL|NULL|NULL|"
        "-77");
}

TEST_CASE("a tap and a file are replaced by a later row of the same id", "[store][writer]") {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  TapRow tap;
  tap.id = 1;
  tap.info.name = "lan";
  (*writer)->tap(tap);
  tap.info.frames = 12;
  tap.info.first = tap.clock.anchor = second(10);
  tap.info.last = second(20);
  tap.clock.offset_ns = 5'000'000'000;
  tap.clock.given = true;
  (*writer)->tap(tap);
  FileRow file;
  file.id = 1;
  file.info.path = "b\xff\"\n\\.pcap";
  file.info.comments = {"a\"b\\c\n", std::string("nul\0x", 5)};
  (*writer)->file(file);
  (*writer)->file(file);
  REQUIRE((*writer)->finish());
  // Times of a tap are in the reference clock, its anchor in its own.
  CHECK(
      only_row(ask(folder.path("nat.db"),
                   "SELECT frames, first_ns, last_ns, offset_ns, clock_anchor_ns, clock_basis "
                   "FROM tap")) ==
      "12|1795249805000000000|1795249815000000000|5000000000|1795249810000000000|given");
  const auto files = ask(folder.path("nat.db"),
                         "SELECT path, json_extract(comments, '$[0]') AS first, "
                         "json_extract(comments, '$[1]') AS second FROM file");
  REQUIRE(files.rows.size() == 1);
  CHECK(files.text(0, "path") == "b\xef\xbf\xbd\"\n\\.pcap");
  CHECK(files.text(0, "first") == "a\"b\\c\n");
  CHECK(files.text(0, "second") == "nul\xef\xbf\xbdx");
}

TEST_CASE("a finished file stands alone, complete and versioned", "[store][writer]") {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  const auto path = folder.path("nat.db");
  CHECK_FALSE(std::filesystem::exists(path + "-wal"));
  CHECK_FALSE(std::filesystem::exists(path + "-shm"));
  CHECK(only_row(ask(path, "PRAGMA user_version")) == "1");
  // Bytes 18 and 19: 1 = rollback journal, 2 = WAL (sqlite.org/fileformat2.html, 1.3).
  std::ifstream in(path, std::ios::binary);
  std::array<char, 20> head{};
  in.read(head.data(), head.size());
  CHECK(head[18] == 1);
  CHECK(head[19] == 1);
  CHECK(only_row(ask(path, "PRAGMA integrity_check")) == "ok");
  CHECK((*Database::open(path))->complete());
}

TEST_CASE("the same rows give the same dump", "[store][writer]") {
  if (!has_sqlite3_program()) {
    WARN("NOT RUN: the sqlite3 program is not installed");
    return;
  }
  const test::TempDir folder;
  make_sample(folder.path("one.db"));
  make_sample(folder.path("two.db"));
  const auto one = dump(folder.path("one.db"));
  CHECK(one.size() > 10'000);
  CHECK(one == dump(folder.path("two.db")));
}

TEST_CASE("an existing file is not replaced without force", "[store][create]") {
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  make_sample(path);
  CHECK(contains(error_of(path, false), "exists; use --force"));
  CHECK((*Database::open(path))->complete());
  CHECK(error_of(path, true).empty());
  CHECK(ask(path, "SELECT * FROM connection").rows.empty());
}

TEST_CASE("force replaces nothing but natlens databases and empty files", "[store][create]") {
  const test::TempDir folder;
  const auto path = folder.path("x");
  SECTION("an empty file is replaced") {
    write_file(path, "");
    CHECK(contains(error_of(path, false), "exists"));
    CHECK(error_of(path, true).empty());
  }
  SECTION("a text stays") {
    write_file(path, std::string(200, 'x'));
    CHECK(contains(error_of(path, true), "is not a natlens database"));
    CHECK(std::filesystem::file_size(path) == 200);
  }
  SECTION("a short file stays") {
    write_file(path, "a");
    CHECK(contains(error_of(path, true), "is not a natlens database"));
  }
  SECTION("another program's database stays") {
    int code = 0;
    if (!has_sqlite3_program()) return;
    run_command("sqlite3 '" + path + "' 'CREATE TABLE t (x)'", code);
    CHECK(contains(error_of(path, true), "is not a natlens database"));
  }
  SECTION("a directory stays") {
    std::filesystem::create_directory(path);
    CHECK(contains(error_of(path, true), "is a directory"));
    CHECK(contains(error_of(path, false), "is a directory"));
  }
  SECTION("a device stays") {
    CHECK(contains(error_of("/dev/null", true), "regular file"));
  }
  SECTION("a link stays a link") {
    make_sample(folder.path("real.db"));
    std::filesystem::create_symlink(folder.path("real.db"), path);
    CHECK(error_of(path, true).empty());
    CHECK(std::filesystem::is_symlink(path));
    CHECK(ask(folder.path("real.db"), "SELECT * FROM connection").rows.empty());
  }
}

TEST_CASE("a path that cannot be made says why", "[store][create]") {
  const test::TempDir folder;
  CHECK(contains(error_of(folder.path("no/such/nat.db"), false), "there is no folder"));
  write_file(folder.path("file"), "x");
  CHECK(contains(error_of(folder.path("file") + "/nat.db", false), "Not a directory"));
  CHECK(contains(error_of("", false), "no name"));
  CHECK_FALSE(error_of("/proc/nat.db", false).empty());
}

TEST_CASE("the log of a killed run is not replayed into its successor", "[store][create]") {
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  in_child([&] {
    auto writer = Writer::create(path, false);
    write_sample(**writer);
    (void)(*writer)->flush();
    raise(SIGKILL);
  });
  REQUIRE(std::filesystem::exists(path + "-wal"));
  auto writer = Writer::create(path, true);
  REQUIRE(writer);
  REQUIRE((*writer)->finish());
  CHECK(ask(path, "SELECT * FROM connection").rows.empty());
  CHECK((*Database::open(path))->complete());
}

TEST_CASE("a killed run leaves what it committed, marked incomplete", "[store][crash]") {
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  const int state = in_child([&] {
    auto writer = Writer::create(path, false);
    write_sample(**writer);
    (void)(*writer)->flush();
    for (std::uint32_t i = 0; i < 20'000;
         ++i) {  // more than the cache: some of it is in the log
      (*writer)->connection(
          connection(3, 1000 + i, tuple("udp", "10.0.0.2:1", "10.0.0.3:2"), 1));
    }
    raise(SIGKILL);
  });
  REQUIRE(WIFSIGNALED(state));
  auto db = Database::open(path);
  REQUIRE(db);
  CHECK_FALSE((*db)->complete());
  CHECK(only_row(*(*db)->query("SELECT count(*) FROM translation")) == "10");
  CHECK(only_row(*(*db)->query("SELECT count(*) FROM connection WHERE id > 30000000999")) ==
        "0");
  CHECK(only_row(*(*db)->query("PRAGMA integrity_check")) == "ok");
}

TEST_CASE("a run killed before its first flush leaves a database", "[store][crash]") {
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  in_child([&] {
    auto writer = Writer::create(path, false);
    raise(SIGKILL);
  });
  auto db = Database::open(path);
  REQUIRE(db);
  CHECK_FALSE((*db)->complete());
}

TEST_CASE("a full disk is told with path and reason, and loses nothing committed",
          "[store][crash]") {
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  const auto report = folder.path("error");
  const int state = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    auto writer = Writer::create(path, false);
    write_sample(**writer);
    (void)(*writer)->flush();
    const rlimit limit{4 << 20, 4 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    for (std::uint32_t i = 0; i < 60'000; ++i) {
      (*writer)->connection(
          connection(3, 1000 + i, tuple("udp", "10.0.0.2:1", "10.0.0.3:2"), 1));
    }
    const auto flushed = (*writer)->flush();
    const auto finished = (*writer)->finish();
    if (flushed || finished) _exit(2);
    if (flushed.error().message != finished.error().message) _exit(3);
    write_file(report, finished.error().message);
  });
  REQUIRE(WIFEXITED(state));
  REQUIRE(WEXITSTATUS(state) == 0);
  std::ifstream in(report);
  const std::string message{std::istreambuf_iterator<char>(in), {}};
  CHECK(contains(message, path));
  CHECK(contains(message, "File too large"));
  auto db = Database::open(path);
  REQUIRE(db);
  CHECK_FALSE((*db)->complete());
  CHECK(only_row(*(*db)->query("SELECT count(*) FROM translation")) == "10");
}

TEST_CASE("a reader does not stop the writer, and sees what is committed", "[store][writer]") {
  const test::TempDir folder;
  const auto path = folder.path("nat.db");
  auto writer = Writer::create(path, false);
  REQUIRE(writer);
  write_sample(**writer);
  REQUIRE((*writer)->flush());
  auto reader = Database::open(path);
  REQUIRE(reader);
  bool finished = false;
  auto done = (*reader)->each(
      "SELECT id FROM connection", {}, [](auto) {},
      [&](auto) {
        const auto result = (*writer)->finish();
        finished = static_cast<bool>(result);
        return false;
      });
  REQUIRE(done);
  CHECK(finished);
  CHECK((*reader)->complete());
}
