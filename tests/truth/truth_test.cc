// Precision and recall of translations on captures of real NATs, against their truth.jsonl.
//
// A truth line counts if packets of both its sides are in the captures (`visible`). A row of
// the view `translations` is right if it joins the tuples of a truth line, in either order; a
// row that joins no such tuples is wrong, unless it belongs to a line that is not visible, or
// joins equal tuples: one tuple at two taps is true, but listed only where a device stands
// between.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "natlens/pipeline/analysis.h"
#include "natlens/store/database.h"

#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A flow without direction: protocol and the two ends, sorted.
using End = std::pair<std::string, int>;
using Flow = std::tuple<std::string, End, End>;
using FlowPair = std::pair<Flow, Flow>;

Flow flow(std::string protocol, End src, End dst) {
  if (protocol == "icmpv6") protocol = "icmp";
  if (protocol == "icmp") src.second = dst.second = std::max(src.second, dst.second);
  return {protocol, std::min(src, dst), std::max(src, dst)};
}

FlowPair sorted(Flow one, Flow other) {
  return {std::min(one, other), std::max(one, other)};
}

Flow flow_of(const json& side, const std::string& protocol) {
  return flow(side.value("proto", protocol), {side.at("src"), side.value("sport", 0)},
              {side.at("dst"), side.value("dport", 0)});
}

struct Row {
  FlowPair flows;
  std::string kind;
};

std::vector<Row> translations(const std::string& database) {
  auto opened = store::Database::open(database);
  REQUIRE(opened);
  const auto table = (*opened)->query(
      "SELECT protocol, outside_protocol, kind, inside_src, inside_sport, inside_dst, "
      "inside_dport,"
      " outside_src, outside_sport, outside_dst, outside_dport FROM translations");
  REQUIRE(table);
  std::vector<Row> out;
  for (std::size_t r = 0; r < table->rows.size(); ++r) {
    const auto end = [&](const std::string& side, const char* which) {
      return End{table->text(r, side + "_" + which),
                 static_cast<int>(table->integer(r, side + "_" + which[0] + "port"))};
    };
    const Flow inside =
        flow(table->text(r, "protocol"), end("inside", "src"), end("inside", "dst"));
    const Flow outside =
        flow(table->text(r, "outside_protocol"), end("outside", "src"), end("outside", "dst"));
    out.push_back({sorted(inside, outside), table->text(r, "kind")});
  }
  return out;
}

// "double" sums up two translators, "identity" has two names of ours.
bool kind_fits(const std::string& truth, const std::string& ours) {
  if (truth == "identity") return ours == "routed" || ours == "bridged";
  if (truth == "double") return ours == "snat" || ours == "dnat" || ours == "twice";
  return truth == ours;
}

struct Score {
  std::size_t visible = 0;
  std::size_t found = 0;
  std::size_t kind = 0;
  std::size_t wrong = 0;
  double precision() const {
    return found + wrong == 0 ? 1
                              : static_cast<double>(found) / static_cast<double>(found + wrong);
  }
  double recall() const {
    return visible == 0 ? 1 : static_cast<double>(found) / static_cast<double>(visible);
  }
};

// Lines of these kinds are judged.
bool judged(const json& truth) {
  static const std::set<std::string> kinds{"snat",    "dnat",     "twice",
                                           "hairpin", "identity", "double"};
  return kinds.count(truth.at("kind")) != 0 || truth.at("kind") == "tunnel" ||
         truth.at("kind") == "proxy";
}

Score score(const fs::path& folder, const std::vector<Row>& rows) {
  std::map<FlowPair, std::string> visible;
  std::set<FlowPair> known;
  std::ifstream in(folder / "truth.jsonl");
  for (std::string line; std::getline(in, line);) {
    const json truth = json::parse(line);
    const bool tunnel = truth.contains("inner");
    const std::string protocol = truth.value("proto", "");
    const FlowPair pair = sorted(flow_of(truth.at(tunnel ? "inner" : "inside"), protocol),
                                 flow_of(truth.at(tunnel ? "outer" : "outside"), protocol));
    known.insert(pair);
    if (truth.value("visible", false) && judged(truth)) {
      visible.emplace(pair, truth.at("kind"));
    }
  }
  Score out;
  out.visible = visible.size();
  std::map<FlowPair, bool> found;
  std::set<FlowPair> wrong;
  for (const Row& row : rows) {
    const auto truth = visible.find(row.flows);
    if (truth != visible.end()) {
      found[row.flows] |= kind_fits(truth->second, row.kind);
    } else if (known.count(row.flows) == 0 && row.flows.first != row.flows.second) {
      wrong.insert(row.flows);
    }
  }
  out.found = found.size();
  out.wrong = wrong.size();
  for (const auto& [pair, fits] : found) out.kind += fits ? 1 : 0;
  return out;
}

std::vector<Row> analyze(const fs::path& folder, const TempDir& temp) {
  pipeline::AnalysisOptions options;
  options.output = temp.path("nat.db");
  options.force = true;
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".pcap") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    auto source = capture::parse_source(file);
    REQUIRE(source);
    options.sources.push_back(*source);
  }
  const auto summary = pipeline::analyze(options);
  REQUIRE(summary);
  return translations(options.output);
}

// The captures: NATLENS_DATA, the folder beside the repository, else the archive in tests/data.
fs::path captures(const TempDir& temp) {
  const char* given = std::getenv("NATLENS_DATA");
  const fs::path beside = fs::path(NATLENS_SOURCE_DIR) / ".." / "shared";
  const fs::path folder = fs::path(given != nullptr ? given : beside.string()) / "captures";
  if (fs::is_directory(folder)) return folder;
  const fs::path archive = fs::path(NATLENS_SOURCE_DIR) / "tests" / "data" / "captures.tar.xz";
  const std::string command =
      fmt::format("tar -xJf '{}' -C '{}'", archive.string(), temp.path("."));
  REQUIRE(std::system(command.c_str()) == 0);
  return temp.path("captures");
}

}  // namespace

TEST_CASE("truth: real NATs, precision 1 and recall 0.995 of what is visible", "[truth]") {
  constexpr double kLeastRecall = 0.995;
  const std::set<std::string> bar{
      "01-home-masquerade", "01s-home-skew", "03-portforward-hairpin",
      "04-double-nat-cgn",  "05-vm-chain",   "06-slirp4netns",
      "06p-pasta",          "06q-passt",     "07-wireguard",
      "10-vxlan-kube",      "19-router-any"};
  const TempDir temp;
  const fs::path folder = captures(temp);
  std::vector<fs::path> sets;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (fs::exists(entry.path() / "truth.jsonl")) sets.push_back(entry.path());
  }
  std::sort(sets.begin(), sets.end());
  std::cout << fmt::format("{:24}{:>9}{:>9}{:>9}{:>9}{:>11}{:>9}\n", "set", "visible", "found",
                           "wrong", "recall", "precision", "kind");
  std::size_t held = 0;
  for (const fs::path& set : sets) {
    const std::string name = set.filename().string();
    const Score result = score(set, analyze(set, temp));
    const bool counts = bar.count(name) != 0;
    std::cout << fmt::format("{:24}{:>9}{:>9}{:>9}{:>9.4f}{:>11.4f}{:>9}{}\n", name,
                             result.visible, result.found, result.wrong, result.recall(),
                             result.precision(), result.kind,
                             counts ? "" : "   not judged yet");
    if (!counts) continue;
    ++held;
    CHECK(result.wrong == 0);
    CHECK(result.recall() >= kLeastRecall);
    CHECK(result.kind == result.found);
  }
  CHECK(held == bar.size());
}

}  // namespace natlens::test
