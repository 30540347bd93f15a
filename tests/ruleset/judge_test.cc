// What rules allow: sets of outcomes, and three answers.
#include "natlens/ruleset/judge.h"

#include "rule_lines.h"

namespace natlens::ruleset {
namespace {

Tuple tcp(const char* src, std::uint16_t sport, const char* dst, std::uint16_t dport) {
  Tuple tuple;
  tuple.src = *Address::parse(src);
  tuple.dst = *Address::parse(dst);
  tuple.protocol = protocol::kTcp;
  tuple.src_port = sport;
  tuple.dst_port = dport;
  return tuple;
}

const Tuple kOut = tcp("10.0.0.2", 5000, "192.0.2.9", 443);

Judgement judge(const std::string& text, const Tuple& entered, std::optional<Tuple> after) {
  static Ruleset rules;
  rules = rules_of(text);
  FirstPacket packet{entered, "lan0", "wan0", 2, 64, 60};
  return Judge(rules, {{*Address::parse("198.51.100.1")}, false, {}}).judge(packet, after);
}

Truth source(const std::string& rule, const char* address, std::uint16_t port) {
  Tuple after = kOut;
  after.src = *Address::parse(address);
  after.src_port = port;
  return judge(nat_table("", rule), kOut, after).allowed;
}

}  // namespace

TEST_CASE("judge: a source rule allows a set of ends", "[ruleset]") {
  struct Case {
    const char* rule;
    const char* address;
    std::uint16_t port;
    Truth allowed;
  };
  for (const Case& c : {
           Case{"snat to 198.51.100.7", "198.51.100.7", 5000, Truth::kYes},
           Case{"snat to 198.51.100.7", "198.51.100.7", 40'000, Truth::kYes},
           Case{"snat to 198.51.100.7", "198.51.100.7", 900, Truth::kNo},
           Case{"snat to 198.51.100.7", "198.51.100.8", 5000, Truth::kNo},
           Case{"snat to 198.51.100.7", "10.0.0.2", 5000, Truth::kNo},
           Case{"snat to 198.51.100.7-198.51.100.9", "198.51.100.8", 5000, Truth::kYes},
           Case{"meta l4proto tcp snat to 198.51.100.7:40000-40010", "198.51.100.7", 40'010,
                Truth::kYes},
           Case{"meta l4proto tcp snat to 198.51.100.7:40000-40010", "198.51.100.7", 40'011,
                Truth::kNo},
           Case{"oifname \"wan0\" masquerade", "198.51.100.1", 5000, Truth::kYes},
           Case{"oifname \"wan0\" masquerade", "10.0.0.2", 5000, Truth::kNo},
           // Another address of the interface, perhaps: nobody told them all.
           Case{"oifname \"wan0\" masquerade", "198.51.100.2", 5000, Truth::kUnknown},
           Case{"oifname \"wan1\" masquerade", "10.0.0.2", 5000, Truth::kYes},
           Case{"oifname \"wan1\" masquerade", "198.51.100.1", 5000, Truth::kNo},
           // A mark is not in a capture.
           Case{"meta mark 5 snat to 198.51.100.7", "198.51.100.7", 5000, Truth::kUnknown},
           Case{"meta mark 5 snat to 198.51.100.7", "10.0.0.2", 5000, Truth::kUnknown},
           Case{"meta mark 5 snat to 198.51.100.7", "198.51.100.8", 5000, Truth::kNo},
       }) {
    INFO(c.rule << " " << c.address << ":" << c.port);
    CHECK(source(c.rule, c.address, c.port) == c.allowed);
  }
}

TEST_CASE("judge: what is drawn is allowed if one draw gives it", "[ruleset]") {
  const std::string rules = nat_table(
      "tcp dport 80 dnat to numgen random mod 2 map { 0 : 10.0.1.1, 1 : 10.0.1.2 }", "");
  const Tuple in = tcp("192.0.2.9", 5000, "198.51.100.1", 80);
  for (const auto& [target, allowed] :
       {std::pair{"10.0.1.1", Truth::kYes}, std::pair{"10.0.1.2", Truth::kYes},
        std::pair{"10.0.1.3", Truth::kNo}, std::pair{"198.51.100.1", Truth::kNo}}) {
    INFO(target);
    CHECK(judge(rules, in, tcp("192.0.2.9", 5000, target, 80)).allowed == allowed);
  }
}

TEST_CASE("judge: a packet without image was dropped, delivered, or should have gone on",
          "[ruleset]") {
  const std::string forward = nat_table("tcp dport 8080 dnat to 10.0.0.80:80", "");
  const Tuple in = tcp("192.0.2.9", 5000, "198.51.100.1", 8080);
  const Judgement gone = judge(forward, in, std::nullopt);
  CHECK(gone.allowed == Truth::kNo);
  REQUIRE(gone.broken != nullptr);
  CHECK(gone.broken->text == "tcp dport 8080 dnat to 10.0.0.80:80");
  // Without the rule it is for the router itself.
  CHECK(judge(nat_table("", ""), in, std::nullopt).allowed == Truth::kYes);
  // A rule that drops explains it, and forbids that it is seen.
  const std::string drops =
      forward +
      "table inet f {\n chain c {\n type filter hook forward priority 0;\n drop\n }\n}\n";
  CHECK(judge(drops, in, std::nullopt).allowed == Truth::kYes);
  CHECK(judge(drops, in, tcp("192.0.2.9", 5000, "10.0.0.80", 80)).allowed == Truth::kNo);
}

TEST_CASE("judge: a mark set on the way in chooses the rule on the way out", "[ruleset]") {
  const std::string rules = nat_table("tcp dport 8080 ct mark set 0x1 dnat to 10.0.0.80:80",
                                      "ct mark 0x1 masquerade");
  const Tuple in = tcp("192.0.2.9", 5000, "198.51.100.1", 8080);
  CHECK(judge(rules, in, tcp("198.51.100.1", 5000, "10.0.0.80", 80)).allowed == Truth::kYes);
  CHECK(judge(rules, in, tcp("192.0.2.9", 5000, "10.0.0.80", 80)).allowed == Truth::kNo);
}

TEST_CASE("judge: handles and comments are kept", "[ruleset]") {
  const auto text =
      rules_of(nat_table("", "oifname \"wan0\" masquerade comment \"way out\" # handle 7"));
  const Rule& rule = text.tables.at(0).chains.at(1).rules.at(0);
  CHECK(rule.handle == 7);
  CHECK(rule.comment == "way out");
}

}  // namespace natlens::ruleset
