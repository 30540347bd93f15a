// Frames of one interface of a file are named by their numbers in the file, as Wireshark shows
// them, not by their place among those that were selected.
#include <sqlite3.h>

#include "natlens/capture/writer.h"
#include "natlens/pipeline/analysis.h"

#include "support/catch.h"
#include "support/packet.h"
#include "support/temp_dir.h"

using namespace natlens;

namespace {

// 2 frames of eth0, then 1 of eth1, and so on; each frame of eth1 is a connection of its own,
// whose client port is 1000 times the file's number plus the frame's.
void write_file(const std::string& path, std::uint16_t file, std::uint32_t frames) {
  auto writer = capture::PcapngWriter::create(path, "test");
  REQUIRE(writer);
  for (const char* name : {"eth0", "eth1"}) {
    REQUIRE((*writer)->add_interface({.link_type = 101, .name = name}));
  }
  for (std::uint32_t number = 1; number <= frames; ++number) {
    const bool wanted = number % 3 == 0;
    const auto port = static_cast<std::uint16_t>(1000 * file + number);
    const auto bytes = test::ipv4({}, test::udp(port, wanted ? 9 : 10, test::filler(20)));
    capture::PacketToWrite packet;
    packet.interface = wanted ? 1 : 0;
    packet.time = Timestamp::from_ns((1000LL * file + number) * 1'000'000);
    packet.bytes = bytes;
    REQUIRE((*writer)->write(packet));
  }
  REQUIRE((*writer)->close());
}

std::string ask(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  std::string answer;
  const auto keep = [](void* text, int, char** values, char**) {
    *static_cast<std::string*>(text) += std::string(values[0]) + " ";
    return 0;
  };
  CHECK(sqlite3_exec(db, sql, keep, &answer, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  return answer;
}

void check_names(const std::string& database, const char* connections) {
  CHECK(ask(database, "SELECT count(*) FROM connection WHERE dport = 9") == connections);
  CHECK(ask(database,
            "SELECT count(*) FROM connection WHERE "
            "sport <> 1000 * first_file_id + first_frame OR first_frame <> last_frame") ==
        "0 ");
  CHECK(ask(database,
            "SELECT count(*) FROM connection_events WHERE event = 'NEW' AND dport = 9 "
            "AND sport = 1000 * file_id + frame") == connections);
  CHECK(ask(database, "SELECT frames || '/' || first_ordinal FROM file ORDER BY id") ==
        "10/1 200/11 ");
}

}  // namespace

TEST_CASE("frames of a selected interface keep their numbers", "[pipeline][analysis]") {
  const test::TempDir folder;
  write_file(folder.path("1.pcapng"), 1, 10);
  write_file(folder.path("2.pcapng"), 2, 200);
  pipeline::AnalysisOptions options;
  options.output = folder.path("nat.db");
  options.force = true;
  for (const char* interface : {"eth1", ""}) {
    options.sources = {{"lan", {folder.path("1.pcapng"), folder.path("2.pcapng")}, interface}};
    INFO(interface);
    REQUIRE(pipeline::analyze(options));
    check_names(options.output, "69 ");
  }
}
