// Chains: what a packet meets, and when a decision is certain.
#include "evaluate.h"

#include "natlens/conntrack/records.h"

#include "rule_lines.h"

namespace natlens::ruleset {
namespace {

constexpr std::int64_t kFrom = -1000;
constexpr std::int64_t kTo = 1000;

struct Meeting {
  decode::Layer layer;
  Facts facts;
  std::string in = "lan0";
  std::string out = "wan0";

  Meeting() {
    facts.layer = &layer;
    facts.tuple.src = *Address::parse("10.0.0.2");
    facts.tuple.dst = *Address::parse("192.0.2.9");
    facts.tuple.protocol = protocol::kTcp;
    facts.tuple.src_port = 5000;
    facts.tuple.dst_port = 443;
    facts.in = &in;
    facts.out = &out;
    facts.has_entry = true;
    facts.state = state_bit::kNew;
    facts.dst_type = address_type::kUnicast;
    facts.mark.known = false;
  }
  Decision filter(const std::string& lines) {
    rules = rules_of(
        "table inet f {\n chain c {\n type filter hook forward priority 0; policy drop;\n" +
        lines + "\n }\n chain other {\n accept\n }\n}\n");
    return Chains(rules).decide({Hook::kForward, ChainType::kFilter, kFrom, kTo}, facts, 1);
  }
  Ruleset rules;
};

}  // namespace

TEST_CASE("evaluate: a match holds or not", "[ruleset]") {
  struct Case {
    std::string match;
    bool holds;
  };
  for (const Case& c : {Case{"ip saddr 10.0.0.0/24", true},
                        Case{"ip saddr != 10.0.0.0/24", false},
                        Case{"ip6 saddr ::/0", false},
                        Case{"tcp dport 443", true},
                        Case{"udp dport 443", false},
                        Case{"udp dport != 443", false},
                        Case{"th dport { 80, 443 }", true},
                        Case{"tcp dport > 443", false},
                        Case{"tcp dport >= 443", true},
                        Case{"tcp dport 400-500", true},
                        Case{"meta l4proto { tcp, udp }", true},
                        Case{"iifname \"lan*\"", true},
                        Case{"iifname != \"lan0\"", false},
                        Case{"oifname { \"wan0\", \"wan1\" }", true},
                        Case{"ct state new,established", true},
                        Case{"ct state { established, related }", false},
                        Case{"ip saddr . tcp dport { 10.0.0.2 . 443 }", true},
                        Case{"ip saddr . tcp dport { 10.0.0.2 . 80 }", false},
                        Case{"ip saddr & 255.255.255.0 == 10.0.0.0", true},
                        Case{"fib daddr type local", false},
                        Case{"meta nfproto ipv4", true}}) {
    INFO(c.match);
    Meeting packet;
    const Decision decision = packet.filter(c.match + " accept");
    CHECK(packet.rules.gaps.empty());
    CHECK(decision.doubt == nullptr);
    CHECK((decision.verdict == VerdictKind::kAccept) == c.holds);
  }
}

TEST_CASE("evaluate: jumps come back, gotos do not, returns end a chain", "[ruleset]") {
  Meeting packet;
  CHECK(packet.filter("jump other").verdict == VerdictKind::kAccept);
  CHECK(packet.filter("goto other").verdict == VerdictKind::kAccept);
  CHECK(packet.filter("return\n accept").verdict == VerdictKind::kDrop);
  CHECK(packet.filter("tcp dport vmap { 443 : jump other }").verdict == VerdictKind::kAccept);
  CHECK(packet.filter("jump c").verdict == VerdictKind::kDrop);  // a loop ends
}

TEST_CASE("evaluate: what cannot be told makes a decision doubtful only if it matters",
          "[ruleset]") {
  Meeting packet;
  const Decision matters = packet.filter("meta mark 0x1 accept");
  CHECK(matters.verdict == VerdictKind::kDrop);
  REQUIRE(matters.doubt != nullptr);
  CHECK(matters.doubt->text == "meta mark 0x1 accept");
  CHECK(packet.filter("meta mark 0x1 accept\n accept").doubt == nullptr);
  CHECK(packet.filter("meta mark 0x1 drop").doubt == nullptr);
  CHECK(packet.filter("meta mark set 0x1\n meta mark 0x1 accept").doubt == nullptr);
  CHECK(packet.filter("frobnicate accept").doubt != nullptr);
  CHECK(packet.filter("queue to 3").doubt != nullptr);
  CHECK(packet.filter("ip saddr @nowhere accept").doubt != nullptr);
}

}  // namespace natlens::ruleset
