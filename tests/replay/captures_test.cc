// Real captures through the rules of the routers that they were taken at: what left the real
// router has to leave this one, byte by byte, and nothing else.
#include <iostream>

#include <fmt/format.h>

#include "natlens/replay/replay.h"
#include "natlens/ruleset/parse.h"

#include "support/catch.h"
#include "support/data_dir.h"

namespace natlens::test {
namespace {

struct Case {
  std::string folder, inside, outside, part;
  std::string inner_name, outer_name;
};

replay::ReplayOptions options_of(const std::filesystem::path& folder, const Case& c) {
  replay::ReplayOptions options;
  options.inside = (folder / c.inside).string();
  options.outside = (folder / c.outside).string();
  options.compare = options.outside;
  options.setup.interfaces.resize(2);
  options.setup.interfaces[0].name = c.inner_name;
  options.setup.interfaces[1].name = c.outer_name;
  options.setup.interfaces[1].behind = {*ruleset::parse_prefix("0.0.0.0/0"),
                                        *ruleset::parse_prefix("::/0")};
  return options;
}

Result<void> nothing(const replay::Left&) {
  return {};
}

}  // namespace

TEST_CASE("replay: what left real routers leaves the router of their rules",
          "[replay][truth]") {
  const auto captures = data_dir("captures", "replay of real captures");
  if (!captures) return;
  const std::vector<Case> cases{
      {"01-home-masquerade", "lan.pcap", "wan.pcap", "", "br-lan", "wan0"},
      {"03-portforward-hairpin", "lan.pcap", "wan.pcap", "", "br-lan", "wan0"},
      {"04-double-nat-cgn", "h1-lan.pcap", "h1-wan.pcap", "h1", "br-lan", "wan0"},
      {"04-double-nat-cgn", "h1-wan.pcap", "cgn-wan.pcap", "cgn", "h1", "wan0"},
      {"05-vm-chain", "host-eth0.pcap", "wan.pcap", "gw", "br-lan", "wan0"},
      {"05-vm-chain", "vmnet8.pcap", "host-eth0.pcap", "host", "vmnet8", "br0"},
      {"07-wireguard", "cl1-eth0.pcap", "gw-wan.pcap", "gw", "br-lan", "wan0"}};
  std::cerr << fmt::format("{:40} {:>8} {:>8} {:>9} {:>10}\n", "replay of", "entered", "equal",
                           "different", "router's own");
  for (const Case& c : cases) {
    const auto folder = *captures / c.folder;
    if (!std::filesystem::exists(folder)) {
      std::cerr << "NOT RUN: replay of " << c.folder << ": not there\n";
      continue;
    }
    for (const char* file : {"rules.nft", "rules.json"}) {
      const auto rules =
          ruleset::load((folder / file).string() + (c.part.empty() ? "" : "#" + c.part));
      INFO(c.folder << " " << c.part << " " << file);
      REQUIRE(rules);
      CHECK(rules->gaps.empty());
      auto options = options_of(folder, c);
      options.actual = options.outside;
      const auto result = replay::replay(*rules, options, nothing);
      REQUIRE(result);
      CHECK(result->difference_count == 0);
      CHECK(result->inconclusive == 0);
      CHECK(result->equal > 100);
      CHECK(result->equal_inside > 100);
      std::cerr << fmt::format("{:40} {:8} {:8} {:9} {:10}\n",
                               c.folder + " " + c.part + " " + file, result->entered,
                               result->equal, result->difference_count, result->not_ours);
    }
  }
}

TEST_CASE("replay: the comparison sees rules that are not the router's", "[replay][truth]") {
  const auto captures = data_dir("captures", "replay with other rules");
  if (!captures || !std::filesystem::exists(*captures / "01-home-masquerade")) return;
  const Case c{"01-home-masquerade", "lan.pcap", "wan.pcap", "", "br-lan", "wan0"};
  const auto rules = ruleset::parse(
      "table ip n { chain c { type nat hook postrouting priority srcnat; oifname wan0 udp "
      "dport 53 "
      "masquerade to :2000-3000; oifname wan0 masquerade; } }",
      "other.nft");
  REQUIRE(rules);
  const auto result = replay::replay(*rules, options_of(*captures / c.folder, c), nothing);
  REQUIRE(result);
  CHECK(result->difference_count > 0);
}

TEST_CASE("what-if: only connections that the other rules concern change", "[replay][truth]") {
  const auto captures = data_dir("captures", "what-if over real captures");
  if (!captures || !std::filesystem::exists(*captures / "01-home-masquerade")) return;
  const Case c{"01-home-masquerade", "lan.pcap", "wan.pcap", "", "br-lan", "wan0"};
  auto options = options_of(*captures / c.folder, c);
  options.compare.clear();
  const auto rules = [](const std::string& first) {
    auto parsed = ruleset::parse(
        "table ip n {\n chain c {\n  type nat hook postrouting priority "
        "srcnat\n" +
            first + "  oifname wan0 masquerade\n }\n}\n",
        "r.nft");
    REQUIRE(parsed);
    return std::move(*parsed);
  };
  const auto plain = rules("");
  const auto none = replay::what_if({plain, options}, {rules("\n"), options});
  REQUIRE(none);
  CHECK(none->empty());
  const auto dns = replay::what_if({plain, options},
                                   {rules("  udp dport 53 snat to 198.51.100.9\n"), options});
  REQUIRE(dns);
  CHECK_FALSE(dns->empty());
  for (const auto& change : *dns) {
    CHECK(change.flow.protocol == protocol::kUdp);
    CHECK(change.flow.dst_port == 53);
    CHECK(change.after.after.src == *Address::parse("198.51.100.9"));
    CHECK(change.after.rule == "r.nft:4:3");
  }
  // A table that forgets idle connections, and does not take them up again.
  auto hasty = options;
  REQUIRE(hasty.tracking.set_sysctl("nf_conntrack_tcp_timeout_established", "1"));
  REQUIRE(hasty.tracking.set_sysctl("nf_conntrack_tcp_loose", "0"));
  const auto late = replay::what_if({plain, options}, {plain, hasty});
  REQUIRE(late);
  CHECK_FALSE(late->empty());
  for (const auto& change : *late) {
    CHECK(change.flow.protocol == protocol::kTcp);
    CHECK(change.before.rule == "r.nft:4:3");
    CHECK(change.after.rule.empty());
  }
}

}  // namespace natlens::test
