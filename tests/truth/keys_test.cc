// A WireGuard tunnel of real daemons, opened with their keys, and what is said of it without
// them held against that.
//
// Truth is what the tunnel's own interface shows: all of that was in the tunnel, and nothing
// else. Decrypted, precision is 1 and recall at least 0.995; without keys the carriers that are
// named are right and at least 0.98 of them found, and of the packets that are linked at least
// 0.99 are linked with the one that they were in.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <string>

#include <fmt/format.h>

#include "natlens/pipeline/analysis.h"
#include "natlens/store/database.h"

#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::test {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(NATLENS_TEST_DATA) / "wireguard-keys";

std::unique_ptr<store::Database> analyze(const TempDir& temp,
                                         const std::string& name,
                                         std::shared_ptr<const decode::KeyRing> keys) {
  pipeline::AnalysisOptions options;
  options.output = temp.path(name);
  options.decode.keys = std::move(keys);
  options.correlate.links = options.tunnels.keep_links = true;
  for (const std::string tap : {"tun", "eth", "wan"}) {
    const auto source = capture::parse_source((kFolder / (tap + ".pcap")).string());
    REQUIRE(source);
    options.sources.push_back(*source);
  }
  REQUIRE(pipeline::analyze(options));
  auto opened = store::Database::open(options.output);
  REQUIRE(opened);
  return std::move(*opened);
}

std::shared_ptr<const decode::KeyRing> keys() {
  auto ring = std::make_shared<decode::KeyRing>();
  const auto added = ring->add_file((kFolder / "wireguard.keys").string());
  REQUIRE(added);
  return ring;
}

// The rows, each as one text.
std::set<std::string> rows(store::Database& database, const std::string& sql) {
  const auto table = database.query(sql);
  REQUIRE(table);
  std::set<std::string> out;
  for (const auto& row : table->rows) {
    std::string text;
    for (const store::Value& value : row) text += store::to_text(value) + " ";
    out.insert(text);
  }
  return out;
}

std::set<std::string> carriers(store::Database& database, const std::string& basis) {
  return rows(database, fmt::format("SELECT DISTINCT inner_protocol, inner_src, inner_sport, "
                                    "inner_dst, inner_dport, carrier_tap, carrier_src, "
                                    "carrier_sport FROM tunnels WHERE basis = '{}'",
                                    basis));
}

// The frame at the tunnel's interface and that of the packet at another tap that it was in.
std::set<std::string> packets(store::Database& database) {
  return rows(database,
              "SELECT CASE WHEN a.name = 'tun' THEN l.frame || ' ' || b.name || l.other_frame"
              " ELSE l.other_frame || ' ' || a.name || l.frame END FROM packet_link AS l"
              " JOIN connection AS c ON c.id = l.connection_id JOIN tap AS a ON a.id = c.tap_id"
              " JOIN connection AS d ON d.id = l.other_connection_id"
              " JOIN tap AS b ON b.id = d.tap_id"
              " WHERE (a.name = 'tun') <> (b.name = 'tun')");
}

std::size_t common(const std::set<std::string>& one, const std::set<std::string>& other) {
  return static_cast<std::size_t>(std::count_if(
      one.begin(), one.end(), [&](const std::string& row) { return other.count(row) != 0; }));
}

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void print(std::string_view what, std::size_t all, std::size_t said, std::size_t right) {
  std::cout << fmt::format("{:24}{:>9} said, {} right of {}: precision {:.4f} recall {:.4f}\n",
                           what, said, right, all, share(right, said), share(right, all));
}

}  // namespace

TEST_CASE("truth: WireGuard with keys, and without them against that", "[truth][keys]") {
  const TempDir temp;
  const auto opened = analyze(temp, "keys.db", keys());
  const auto closed = analyze(temp, "closed.db", nullptr);

  // What the tunnel's interface shows is in a carrier at both other taps.
  const auto shown = rows(*opened,
                          "SELECT c.protocol, c.src, c.sport, c.dst, c.dport, o.name"
                          " FROM connection AS c JOIN tap AS t ON t.id = c.tap_id"
                          " JOIN tap AS o ON o.name <> 'tun' WHERE t.name = 'tun'"
                          " AND c.reply_packets > 0");
  const auto inside = rows(*opened,
                           "SELECT DISTINCT inner_protocol, inner_src, inner_sport, inner_dst,"
                           " inner_dport, carrier_tap FROM tunnels WHERE basis = 'clear'");
  print("decrypted", shown.size(), inside.size(), common(inside, shown));
  CHECK(shown.size() > 100);
  CHECK(common(inside, shown) == inside.size());
  CHECK(share(common(inside, shown), shown.size()) >= 0.995);
  CHECK(rows(*opened, "SELECT 1 FROM tap WHERE stop_encrypted + stop_unauthentic > 0").empty());
  CHECK(rows(*closed, "SELECT 1 FROM tunnels WHERE basis = 'clear'").empty());

  const auto truth = carriers(*opened, "clear");
  const auto said = carriers(*closed, "aligned");
  print("aligned, carriers", truth.size(), said.size(), common(said, truth));
  CHECK(common(said, truth) == said.size());
  CHECK(share(common(said, truth), truth.size()) >= 0.98);

  const auto wanted = packets(*opened);
  const auto linked = packets(*closed);
  print("aligned, packets", wanted.size(), linked.size(), common(linked, wanted));
  CHECK(linked.size() > 1000);
  CHECK(share(common(linked, wanted), linked.size()) >= 0.99);
}

TEST_CASE("truth: no key comes into the database", "[truth][keys]") {
  const TempDir temp;
  analyze(temp, "keys.db", keys());
  const auto whole = [](const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  const std::string database = whole(temp.path("keys.db"));
  std::ifstream log(kFolder / "wireguard.keys");
  std::size_t keys_seen = 0;
  for (std::string word; log >> word;) {
    if (word.size() != 44) continue;
    ++keys_seen;
    CHECK(database.find(word) == std::string::npos);
  }
  CHECK(keys_seen >= 3);
}

}  // namespace natlens::test
