// Real captures against the rules that were in force, and against others.
#include <fstream>
#include <iterator>

#include "natlens/verify/verify.h"

#include "captures.h"

namespace natlens::verify {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

Report judged(const std::string& folder, const std::string& rules) {
  const auto database = analysed(folder);
  Options options;
  options.rules = {rules};
  auto report = verify(*database, options);
  INFO(folder << " " << rules << (report ? "" : report.error().message));
  REQUIRE(report);
  return std::move(*report);
}

}  // namespace

TEST_CASE("verify: every router of the captures did what its rules say", "[verify]") {
  if (captures_dir() == nullptr) return;
  struct Case {
    const char* folder;
    const char* rules;
    std::size_t coverage;
    std::size_t used;
  };
  for (const Case& c :
       {Case{"01-home-masquerade", "rules.nft", 1, 1},
        Case{"01s-home-skew", "rules.json", 1, 1},
        Case{"03-portforward-hairpin", "rules.json", 7, 6},
        Case{"04-double-nat-cgn", "rules.nft#h1", 1, 1},
        Case{"04-double-nat-cgn", "rules.json#cgn", 3, 2},
        Case{"05-vm-chain", "rules.nft#gw", 1, 1}, Case{"05-vm-chain", "rules.nft#host", 1, 1},
        Case{"07-wireguard", "rules.nft#gw", 1, 1}, Case{"07-wireguard", "rules.nft#vs", 1, 1},
        Case{"10-vxlan-kube", "rules.nft#fab", 2, 2},
        Case{"10-vxlan-kube", "rules.nft#n1", 6, 5},
        Case{"19-router-any", "rules.nft", 3, 3}}) {
    const Report report = judged(c.folder, (*captures_dir() / c.folder / c.rules).string());
    INFO(c.folder << " " << c.rules);
    CHECK(exit_code(report, {}) == 0);
    CHECK(count_of(report, Verdict::kFail) == 0);
    REQUIRE(report.suites.size() == 1);
    const auto& coverage = report.suites[0].coverage;
    CHECK(coverage.size() == c.coverage);
    CHECK(std::count_if(coverage.begin(), coverage.end(), [](const auto& row) {
            return row.flows > 0;
          }) == static_cast<std::ptrdiff_t>(c.used));
  }
}

TEST_CASE("verify: an altered rule is named with one flow and both frames", "[verify]") {
  if (captures_dir() == nullptr) return;
  struct Case {
    const char* folder;
    const char* from;
    const char* to;
    const char* failed;     // id of the outcome
    const char* violation;  // of its first example
  };
  const test::TempDir scratch;
  for (const Case& c :
       {Case{"03-portforward-hairpin", "dport 8080 dnat to 10.77.3.20:80",
             "dport 8080 dnat to 10.77.3.21:80", "nat/prerouting line 13", "wrong-target"},
        Case{"03-portforward-hairpin", "tcp dport 7000-7003 dnat", "tcp dport 7000-7001 dnat",
             "no other translation", "wrong-target"},
        Case{"01-home-masquerade", "masquerade", "snat to 198.51.100.67",
             "nat/postrouting line 17", "wrong-source"},
        Case{"01-home-masquerade", "masquerade", "masquerade random", "nat/postrouting line 17",
             "port-kept"},
        Case{"01-home-masquerade", "oifname \"wan0\" masquerade", "", "no other translation",
             "wrong-source"}}) {
    std::string rules = text_of(*captures_dir() / c.folder / "rules.nft");
    const auto at = rules.find(c.from);
    REQUIRE(at != std::string::npos);
    rules.replace(at, std::string(c.from).size(), c.to);
    const std::string path = scratch.path("rules.nft");
    std::ofstream(path) << rules;
    const Report report = judged(c.folder, path);
    INFO(c.folder << ": " << c.from << " -> " << c.to);
    CHECK(exit_code(report, {}) == 1);
    for (const Outcome& outcome : report.suites.at(0).results) {
      INFO(outcome.id << " " << outcome.message);
      CHECK((outcome.verdict == Verdict::kFail) == (outcome.id == c.failed));
      if (outcome.verdict != Verdict::kFail) continue;
      REQUIRE(!outcome.examples.empty());
      CHECK(outcome.examples[0].violation == c.violation);
      CHECK(outcome.examples[0].frames.size() == 2);
    }
  }
}

}  // namespace natlens::verify
