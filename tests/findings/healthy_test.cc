// Boxes that work: whole captures, captures that begin late, and captures with copies of every
// frame must raise no error, and no warning that is not true of that box.
#include <filesystem>
#include <iostream>
#include <set>

#include "support/scene.h"

namespace fs = std::filesystem;

namespace natlens::test {
namespace {

// True of these boxes: what their README says was done on purpose.
struct True {
  std::string_view set;  // "" = all
  std::string_view code;
};
constexpr True kTrue[] = {
    {"", "PATH-LOST-BEYOND"},                 // a server whose port 7999 drops
    {"", "TCP-SYN-UNANSWERED"},               // the same
    {"", "CAP-INCOMPLETE"},                   // cut captures, and one with frames taken out
    {"07-wireguard", "NAT-MAPPING-CHANGED"},  // the gateway forgets a mapping half way
    {"10-vxlan-kube", "LEAK-PRIVATE-DESTINATION"},  // a service without such a port
};

bool is_true(const std::string& set, const std::string& code) {
  for (const True& one : kTrue) {
    if ((one.set.empty() || set.starts_with(one.set)) && one.code == code) return true;
  }
  return false;
}

struct File {
  std::string head;
  std::vector<std::string> records;
};

File read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  File file;
  file.head = all.substr(0, 24);
  for (std::size_t at = 24; at + 16 <= all.size();) {
    std::uint32_t captured = 0;
    std::memcpy(&captured, all.data() + at + 8, 4);
    file.records.push_back(all.substr(at, 16 + captured));
    at += 16 + captured;
  }
  return file;
}

enum class Edit { kNone, kCut, kCopies };

void write(const File& file, Edit edit, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  out << file.head;
  const std::size_t skip = edit == Edit::kCut ? file.records.size() * 3 / 10 : 0;
  for (std::size_t i = skip; i < file.records.size(); ++i) {
    out << file.records[i];
    if (edit == Edit::kCopies) out << file.records[i];
  }
}

// The codes raised by a set of which file `edited` is changed.
void judge(const std::string& set,
           const std::vector<fs::path>& files,
           Edit edit,
           std::size_t edited) {
  TempDir folder;
  pipeline::AnalysisOptions options;
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::string path = files[i].string();
    if (edit != Edit::kNone && i == edited) {
      path = folder.path(files[i].filename().string());
      write(read(files[i]), edit, path);
    }
    options.sources.push_back({files[i].stem().string(), {path}, ""});
  }
  options.output = folder.path("nat.db");
  options.command_line = "test";
  REQUIRE(pipeline::analyze(options));
  auto database = store::Database::open(options.output);
  REQUIRE(database);
  const auto rows = (*database)->query("SELECT severity, code, variant, text FROM findings");
  REQUIRE(rows);
  const std::string what = edit == Edit::kNone
                               ? "whole"
                               : fmt::format("{} {}", files[edited].stem().string(),
                                             edit == Edit::kCut ? "cut" : "copied");
  std::map<std::string, int> told;
  for (std::size_t i = 0; i < rows->rows.size(); ++i) {
    const std::string severity = rows->text(i, "severity");
    const std::string code = rows->text(i, "code");
    ++told[severity + " " + code];
    INFO(set << ", " << what << ": " << severity << " " << code << " "
             << rows->text(i, "variant") << ": " << rows->text(i, "text"));
    CHECK((severity == "info" || (severity == "warning" && is_true(set, code))));
  }
  std::cout << set << ", " << what << ":";
  for (const auto& [name, count] : told) std::cout << " " << name << " x" << count;
  std::cout << "\n";
}

TEST_CASE("healthy boxes raise no error", "[findings][healthy]") {
  for (const auto& entry : fs::directory_iterator(NATLENS_TEST_DATA "/captures")) {
    if (!entry.is_directory()) continue;
    std::vector<fs::path> files;
    for (const auto& file : fs::directory_iterator(entry.path())) {
      if (file.path().extension() == ".pcap") files.push_back(file.path());
    }
    std::sort(files.begin(), files.end());
    const std::string set = entry.path().filename().string();
    judge(set, files, Edit::kNone, 0);
    for (std::size_t i = 0; i < files.size(); ++i) judge(set, files, Edit::kCut, i);
    judge(set, files, Edit::kCopies, files.size() - 1);
  }
}

TEST_CASE("two faults in one capture are two root causes", "[findings]") {
  Scene scene;
  scene.play(R"(
    0.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100 #lost
    1.0 lan tcp 172.20.4.10:50000 > 203.0.113.30:2525 S seq 100
    0.5 lan tcp 172.20.4.11:50000 > 203.0.113.30:443 FA seq 100 ack 7
    0.5002 wan tcp 172.20.4.11:50000 > 203.0.113.30:443 FA seq 100 ack 7 ttl 63 #leak
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("NAT-DROP-OUT"));
  REQUIRE(scene.raised("LEAK-PRIVATE-SOURCE"));
  CHECK(scene.find("NAT-DROP-OUT")->explained_by == 0);
  CHECK(scene.find("LEAK-PRIVATE-SOURCE")->explained_by == 0);
  CHECK(scene.names("NAT-DROP-OUT", "cause", "lan", "lost"));
  CHECK(scene.names("LEAK-PRIVATE-SOURCE", "cause", "wan", "leak"));
}

}  // namespace
}  // namespace natlens::test
