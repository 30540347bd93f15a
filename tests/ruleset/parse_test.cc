// Rules from text: what nft, nft -j and iptables-save say becomes one model.
#include <string>

#include "rule_lines.h"
#include "values.h"

namespace natlens::ruleset {
namespace {

const Chain& chain_of(const Ruleset& rules, const std::string& name) {
  for (const Table& table : rules.tables) {
    for (const Chain& chain : table.chains) {
      if (chain.name == name) return chain;
    }
  }
  FAIL("no chain " << name);
  return rules.tables.front().chains.front();
}

const Nat& only_nat(const Ruleset& rules, const std::string& chain) {
  for (const Statement& statement : chain_of(rules, chain).rules.at(0).statements) {
    if (statement.kind == ActionKind::kNat) return statement.nat;
  }
  FAIL("no translation in " << chain);
  return chain_of(rules, chain).rules.at(0).statements.at(0).nat;
}

}  // namespace

TEST_CASE("parse: a chain's hook, priority and policy", "[ruleset]") {
  const auto rules = rules_of(
      "table inet filter {\n chain f {\n  type filter hook forward priority filter - 5; policy "
      "drop;\n }\n}\n");
  const Chain& chain = chain_of(rules, "f");
  CHECK(chain.hook == Hook::kForward);
  CHECK(chain.priority == -5);
  CHECK(chain.policy == VerdictKind::kDrop);
}

TEST_CASE("parse: targets of translations", "[ruleset]") {
  struct Case {
    std::string text;
    std::string first, last;
    unsigned first_port, last_port;
  };
  for (const Case& c :
       {Case{"snat to 192.0.2.1", "192.0.2.1", "192.0.2.1", 0, 0},
        Case{"snat to 192.0.2.1-192.0.2.9:1000-2000", "192.0.2.1", "192.0.2.9", 1000, 2000},
        Case{"dnat to 192.0.2.1:80", "192.0.2.1", "192.0.2.1", 80, 80},
        Case{"dnat ip to 192.0.2.1 random", "192.0.2.1", "192.0.2.1", 0, 0}}) {
    INFO(c.text);
    const auto rules = rules_of(nat_table(c.text, ""));
    CHECK(rules.gaps.empty());
    const Nat& nat = only_nat(rules, "pre");
    CHECK(nat.address.constant.low == number_of(*Address::parse(c.first)));
    CHECK(nat.address.constant.high == number_of(*Address::parse(c.last)));
    CHECK(nat.port.present == (c.first_port != 0));
    CHECK(low_bits(nat.port.constant.low) == c.first_port);
    CHECK(low_bits(nat.port.constant.high) == c.last_port);
  }
  const auto flags = rules_of(nat_table("", "masquerade to :1024-65535 random,persistent"));
  CHECK(only_nat(flags, "post").random);
  CHECK(only_nat(flags, "post").persistent);
  const auto v6 = rules_of(
      "table ip6 n { chain c { type nat hook prerouting priority -100; tcp dport 80 dnat to "
      "[2001:db8::5]:8080; } }");
  CHECK(only_nat(v6, "c").address.constant.low == number_of(*Address::parse("2001:db8::5")));
  CHECK(low_bits(only_nat(v6, "c").port.constant.low) == 8080);
}

TEST_CASE("parse: what is not understood is told with its place, and the rest is read",
          "[ruleset]") {
  const auto rules = rules_of(nat_table("frobnicate on 5 dnat to 192.0.2.1", "masquerade"));
  REQUIRE(rules.gaps.size() == 1);
  CHECK(to_string(rules.gaps[0].place) == "test.rules:4:3");
  CHECK(rules.gaps[0].what.find("frobnicate") != std::string::npos);
  const auto& statements = chain_of(rules, "pre").rules.at(0).statements;
  REQUIRE(statements.size() == 2);
  CHECK(statements[0].kind == ActionKind::kUnknownMatch);
  CHECK(statements[1].kind == ActionKind::kNat);
}

TEST_CASE("parse: errors say file, line, column and what would be right", "[ruleset]") {
  const auto open = parse("table ip nat {\n chain c {\n  accept\n", "x.nft");
  REQUIRE_FALSE(open);
  CHECK(open.error().message == "x.nft:4:1: chain 'c' is not closed; expected '}'");
  const auto word = parse("tabel ip nat { }\n", "x.nft");
  REQUIRE_FALSE(word);
  CHECK(word.error().message.starts_with("x.nft:1:1: 'tabel' is not a table; expected"));
  const auto json = parse("{\"nftables\": [", "x.json");
  REQUIRE_FALSE(json);
  CHECK(json.error().message.starts_with("x.json:1:"));
  const auto line =
      parse("*nat\n:POSTROUTING ACCEPT [0:0]\n-A NOWHERE -j ACCEPT\nCOMMIT\n", "x.save");
  REQUIRE_FALSE(line);
  CHECK(line.error().message.starts_with("x.save:3:4: chain 'NOWHERE' was not declared"));
}

TEST_CASE("parse: every prefix of a good text is an error or a ruleset, never worse",
          "[ruleset]") {
  const std::string nft =
      "table ip nat {\n map m { type ipv4_addr . inet_service : ipv4_addr . inet_service; "
      "elements = { 192.0.2.1 . 80 : 10.0.0.1 . 8080, 192.0.2.2 . 80 : 10.0.0.2 . 8080 } }\n"
      " chain c { type nat hook prerouting priority -100; ip daddr { 192.0.2.1, 192.0.2.2 } "
      "tcp "
      "flags & (fin | syn) == syn ct state established,related meta mark set mark or 0x4 dnat "
      "ip to "
      "ip daddr . tcp dport map @m\n fib daddr type local jump d\n tcp dport vmap { 80 : "
      "accept, 443 "
      ": goto d }\n }\n chain d { }\n}\n";
  const std::string save =
      "*nat\n:PREROUTING ACCEPT [0:0]\n:A - [0:0]\n-A PREROUTING -p tcp -m tcp --dport 80 -m "
      "comment "
      "--comment \"a b\" -j DNAT --to-destination 10.0.0.1:80\n-A A ! -s 10.0.0.0/8 -o eth+ -j "
      "MASQUERADE --random-fully\nCOMMIT\n";
  const std::string json =
      R"({"nftables":[{"table":{"family":"ip","name":"n","handle":1}},{"chain":{"family":"ip","table":"n","name":"c","type":"nat","hook":"postrouting","prio":100,"policy":"accept"}},{"rule":{"family":"ip","table":"n","chain":"c","expr":[{"match":{"op":"==","left":{"meta":{"key":"oifname"}},"right":"wan0"}},{"masquerade":{"flags":["random"]}}]}}]})";
  for (const std::string& text : {nft, save, json}) {
    CHECK(parse(text, "whole"));
    CHECK(rules_of(text).gaps.empty());
    for (std::size_t n = 0; n < text.size(); ++n) {
      static_cast<void>(parse(text.substr(0, n), "cut"));
    }
  }
}

TEST_CASE("parse: one of several rulesets in a text is chosen by name", "[ruleset]") {
  const std::string two = "# namespace a\ntable ip x { }\n# namespace b\ntable ip y { }\n";
  const auto b = parse(two, "rules.nft", "b");
  REQUIRE(b);
  CHECK(b->tables.at(0).name == "y");
  const auto none = parse(two, "rules.nft");
  REQUIRE_FALSE(none);
  CHECK(none.error().message ==
        "rules.nft: several rulesets; choose one: rules.nft#a rules.nft#b");
}

TEST_CASE("parse: iptables' words become the same matches", "[ruleset]") {
  const auto rules = rules_of(
      "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n"
      "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"
      "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"
      "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination "
      "172.17.0.2:80\n"
      "COMMIT\n");
  CHECK(rules.gaps.empty());
  const auto& masquerade = chain_of(rules, "POSTROUTING").rules.at(0).statements;
  REQUIRE(masquerade.size() == 3);
  CHECK(masquerade[1].compare == Compare::kNotEqual);
  CHECK(masquerade[1].set->elements[0].parts[0].name == "docker0");
  CHECK(chain_of(rules, "POSTROUTING").rules.at(0).text ==
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE");
  CHECK(low_bits(only_nat(rules, "DOCKER").port.constant.low) == 80);
}

}  // namespace natlens::ruleset
