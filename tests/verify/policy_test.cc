// Policies: what is understood, and what every mistake is told.
#include "policy.h"

#include <fstream>

#include "natlens/verify/verify.h"

#include "captures.h"

namespace natlens::verify {
namespace {

std::string error_of(const std::string& text) {
  const auto policy = parse_policy(text, "nat.toml");
  return policy ? "" : policy.error().message;
}

const std::string kStart = "version = 1\n[names]\nlan = \"10.0.0.0/24\"\n";

std::string assertion(const std::string& rest) {
  return kStart + "[[assert]]\nid = \"one\"\n" + rest;
}

}  // namespace

TEST_CASE("policy: a mistake is told with its place and what would be right", "[verify]") {
  struct Case {
    std::string text;
    std::string error;
  };
  for (const Case& c :
       {Case{assertion("kind = \"loss\"\ntolerence = 1\n"),
             "nat.toml:7:1: unknown key `tolerence`: did you mean `tolerance`?"},
        Case{assertion("kind = \"los\"\n"),
             "nat.toml:6:8: unknown kind \"los\": did you mean `loss`?"},
        Case{assertion("kind = \"translate\"\nas = \"lam\"\n"),
             "nat.toml:7:6: \"lam\" is no prefix, range, name or tap: did you mean \"lan\"?"},
        Case{assertion("kind = \"translate\"\n"),
             "nat.toml:4:1: \"one\" (translate) needs `as`"},
        Case{assertion("kind = \"loss\"\nseverity = \"eror\"\n"),
             "nat.toml:7:12: `severity` \"eror\": did you mean \"error\"?"},
        Case{assertion("kind = \"survives\"\nat-least = \"120\"\n"),
             "nat.toml:7:12: `at-least` is no time with a unit, such as \"120s\""},
        Case{assertion("kind = \"mapping\"\nis = [\"endpoint-independant\"]\n"),
             "nat.toml:7:7: `is` \"endpoint-independant\": did you mean "
             "\"endpoint-independent\"?"},
        Case{kStart + "[[waive]]\ncode = \"X\"\nreason = \"r\"\n",
             "nat.toml:4:1: a waiver needs `until`, a date such as 2027-03-31"},
        Case{kStart + "[[asert]]\nid = \"x\"\n",
             "nat.toml:4:3: unknown key `asert`: did you mean `assert`?"}}) {
    CHECK(error_of(c.text) == c.error);
  }
  CHECK(error_of("a = \n").starts_with("nat.toml:1:"));
}

TEST_CASE("policy: values are understood", "[verify]") {
  const auto policy = parse_policy(
      assertion("kind = \"forward\"\nlisten = \"203.0.113.10:8080\"\ntarget = \"lan:80\"\n"
                "tolerance = \"0.5%\"\nerror-if = \"> 3\"\nmin = 10\n"),
      "nat.toml");
  REQUIRE(policy);
  const Assertion& a = policy->assertions.at(0);
  CHECK(to_text(a.find("target")->addresses) == "10.0.0.0-10.0.0.255");
  CHECK(to_text(a.find("target")->ports) == "80");
  const Limits limits = a.limits();
  CHECK(limits.min == 10);
  CHECK(limits.tolerance_percent == 0.5);
  REQUIRE(limits.error_if);
  CHECK(!limits.error_if->holds(3));
  CHECK(limits.error_if->holds(4));
}

TEST_CASE("policy: a promise stands in a rule's comment", "[verify]") {
  const auto read =
      parse_comment(" forward id=web listen=203.0.113.10:80 target=10.0.0.80:80 min=2",
                    {"nat.nft", 12, 3}, Policy());
  REQUIRE(read);
  CHECK(read->id == "web");
  CHECK(read->limits().min == 2);
  CHECK(!parse_comment(" forwart id=web", {"nat.nft", 12, 3}, Policy()));
}

TEST_CASE("policy: verdicts on a real capture", "[verify]") {
  if (captures_dir() == nullptr) return;
  const test::TempDir scratch;
  const std::string path = scratch.path("nat.toml");
  std::ofstream(path)
      << "version = 1\n[names]\nlan = \"10.77.3.0/24\"\n[taps]\nout = \"wan\"\n"
         "[[assert]]\nid = \"leaves\"\nkind = \"translate\"\nfrom = \"lan\"\n"
         "as = \"198.51.100.130\"\n"
         "[[assert]]\nid = \"elsewhere\"\nkind = \"translate\"\nfrom = \"lan\"\n"
         "as = \"198.51.100.131\"\n"
         "[[assert]]\nid = \"nobody\"\nkind = \"translate\"\nfrom = \"10.99.0.0/16\"\n"
         "as = \"198.51.100.131\"\n"
         "[[assert]]\nid = \"no-leak\"\nkind = \"no-leak\"\ntap = \"out\"\n"
         "[[assert]]\nid = \"lives\"\nkind = \"survives\"\nat-least = \"120s\"\n"
         "[[assert]]\nid = \"rows\"\nkind = \"sql\"\nquery = \"SELECT 1 AS message\"\n"
         "severity = \"warning\"\n"
         "[[assert]]\nid = \"web\"\nkind = \"forward\"\nlisten = \"198.51.100.130:8080\"\n"
         "target = \"10.77.3.21:80\"\nanswered = false\n"
         "[[waive]]\ncode = \"X\"\nuntil = 2026-01-01\nreason = \"r\"\n";
  const auto database = analysed("03-portforward-hairpin");
  Options options;
  options.policies = {path};
  options.today = "2026-11-21";
  const auto report = verify(*database, options);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  const std::map<std::string, Verdict> expected{{"leaves", Verdict::kPass},
                                                {"elsewhere", Verdict::kFail},
                                                {"nobody", Verdict::kNotExercised},
                                                {"no-leak", Verdict::kPass},
                                                {"lives", Verdict::kNotExercised},
                                                {"rows", Verdict::kWarn},
                                                {"web", Verdict::kFail},
                                                {"waiver of X", Verdict::kFail}};
  REQUIRE(report->suites.at(0).results.size() == expected.size());
  for (const Outcome& o : report->suites[0].results) {
    INFO(o.id << ": " << o.message);
    CHECK(o.verdict == expected.at(o.id));
  }
  CHECK(exit_code(*report, {}) == 1);
}

TEST_CASE("policy: a query that would write, attach or never end is refused", "[verify]") {
  if (captures_dir() == nullptr) return;
  const test::TempDir scratch;
  for (const char* sql :
       {"DELETE FROM tap", "ATTACH 'x' AS y", "PRAGMA journal_mode = DELETE",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
        "SELECT nothing FROM tap"}) {
    const std::string path = scratch.path("check.sql");
    std::ofstream(path) << "-- id: bad\n" << sql << "\n";
    const auto database = analysed("01-home-masquerade");
    Options options;
    options.checks = {path};
    options.time_limit_ms = 200;
    const auto report = verify(*database, options);
    INFO(sql);
    REQUIRE(!report);
    CHECK(report.error().message.starts_with(path + ":"));
  }
}

TEST_CASE("policy: what --init writes is understood and kept", "[verify]") {
  if (captures_dir() == nullptr) return;
  const test::TempDir scratch;
  for (const char* folder : {"01-home-masquerade", "03-portforward-hairpin"}) {
    const auto database = analysed(folder);
    const auto text = init_policy(*database, {});
    REQUIRE(text);
    const std::string path = scratch.path("init.toml");
    std::ofstream(path) << *text;
    Options options;
    options.policies = {path};
    const auto report = verify(*database, options);
    INFO(*text << (report ? "" : report.error().message));
    REQUIRE(report);
    CHECK(count_of(*report, Verdict::kPass) > 2);
  }
}

}  // namespace natlens::verify
