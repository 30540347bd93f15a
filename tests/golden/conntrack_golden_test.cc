// Reads the goldens (see conntrack_golden.h), and says that all of them are there.
#include "conntrack_golden.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>

#include <fmt/format.h>

#include "support/catch.h"

namespace natlens::test {
namespace {

namespace fs = std::filesystem;

fs::path golden_folder() {
  const char* data = std::getenv("NATLENS_DATA");
  const fs::path own = fs::path(NATLENS_TEST_DATA) / "golden" / "conntrack";
  if (data == nullptr) return own;
  const fs::path given = fs::path(data) / "golden" / "conntrack";
  return fs::exists(given) ? given : own;
}

ConntrackGolden load(const fs::path& path) {
  ConntrackGolden golden;
  golden.name = path.filename().string();
  golden.name.resize(golden.name.size() - std::string(".golden.jsonl").size());
  golden.capture = path.parent_path() / (golden.name + ".pcap");
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    auto row = nlohmann::json::parse(line);
    if (row.contains("golden")) {
      golden.header = std::move(row);
    } else if (row.contains("i")) {
      golden.packets.push_back(std::move(row));
    } else if (row.contains("final")) {
      golden.final_texts = row["final"];
    }
  }
  return golden;
}

// Calls set(match) for each place where `pattern` is found in the rules.
template <typename Set>
void each_match(const std::string& rules, const char* pattern, Set set) {
  const std::regex regex(pattern);
  for (std::sregex_iterator at(rules.begin(), rules.end(), regex), end; at != end; ++at) {
    const Result<void> done = set(*at);
    INFO(at->str());
    REQUIRE(done);
  }
}

}  // namespace

bool ConntrackGolden::has_nat() const {
  return header["rules"].get<std::string>().find("type nat") != std::string::npos;
}

conntrack::Options ConntrackGolden::options() const {
  conntrack::Options options;
  REQUIRE(options.set_sysctl("nf_conntrack_checksum", "1"));
  for (const auto& [key, value] : header["sysctls"].items()) {
    REQUIRE(options.set_sysctl(key, std::to_string(value.get<long>())));
  }
  const auto rules = header["rules"].get<std::string>();
  each_match(rules, R"((tcp|udp) dport (\d+) ct helper set "(\w+)\")",
             [&](const std::smatch& m) {
               return options.add_helper(fmt::format("{}={}/{}", m.str(3), m.str(1), m.str(2)));
             });
  each_match(rules, R"((tcp|udp) dport (\d+) notrack)", [&](const std::smatch& m) {
    return options.add_notrack(m.str(1) + "/" + m.str(2));
  });
  each_match(rules, R"(ip saddr (\S+) ct zone set (\d+))",
             [&](const std::smatch& m) { return options.add_zone(m.str(2) + "=" + m.str(1)); });
  return options;
}

std::vector<ConntrackGolden> load_conntrack_goldens() {
  std::vector<fs::path> paths;
  const fs::path besides = fs::path(NATLENS_SOURCE_DIR) / "tests" / "golden" / "captures";
  for (const auto& folder : {golden_folder(), besides}) {
    for (const auto& item : fs::directory_iterator(folder)) {
      if (item.path().string().ends_with(".golden.jsonl")) paths.push_back(item.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<ConntrackGolden> goldens;
  goldens.reserve(paths.size());
  for (const auto& path : paths) goldens.push_back(load(path));
  return goldens;
}

TEST_CASE("golden: all captures of the kernel's answers are there", "[golden][conntrack]") {
  const auto goldens = load_conntrack_goldens();
  CHECK(goldens.size() == 131);
  CHECK(std::count_if(goldens.begin(), goldens.end(),
                      [](const auto& g) { return g.has_nat(); }) == 33);
  for (const auto& golden : goldens) {
    INFO(golden.name);
    CHECK_FALSE(golden.packets.empty());
    CHECK(fs::exists(golden.capture));
  }
}

}  // namespace natlens::test
