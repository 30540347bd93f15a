// A first packet's way through the hooks, once for each combination of what cannot be told, as
// a tree of questions: where the box itself draws the answer one allowed branch is enough,
// where the capture does not show it both have to agree.
#include "natlens/ruleset/judge.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "natlens/conntrack/tracker.h"

#include "allowed.h"
#include "packet_layer.h"
#include "route.h"
#include "router_impl.h"

namespace natlens::ruleset {
namespace {

constexpr unsigned kMostRuns = 512;

struct Leaf {
  Truth allowed = Truth::kYes;
  const Rule* destination_rule = nullptr;
  const Rule* source_rule = nullptr;
  const Rule* broken = nullptr;
  std::string expected;
  PortFate source_port = PortFate::kNone;
  bool random = false;
  bool persistent = false;
  std::vector<Unsettled> unsettled;
};

bool has_ports(std::uint8_t protocol) {
  return protocol == protocol::kTcp || protocol == protocol::kUdp ||
         protocol == protocol::kUdpLite || protocol == protocol::kSctp ||
         protocol == protocol::kDccp;
}

// The class that a changed port stays in (nf_nat_core.c).
bool same_class(std::uint16_t before, std::uint16_t after) {
  if (before < 512) return after >= 1 && after < 512;
  if (before < 1024) return after >= 600 && after < 1024;
  return after >= 1024;
}

std::string_view name_of(Field field) {
  switch (field) {
    case Field::kInInterface:
      return "the interface it came in by (iifname)";
    case Field::kOutInterface:
      return "the interface it left by (oifname)";
    case Field::kMark:
      return "meta mark";
    case Field::kCtMark:
      return "ct mark";
    case Field::kDstType:
    case Field::kSrcType:
      return "the router's own addresses (fib)";
    default:
      return "";
  }
}

std::string told_unknown(const Question& question) {
  for (const Key& key : question.statement->keys) {
    if (const auto name = name_of(key.field); !name.empty()) return std::string(name);
  }
  if (question.statement->set != nullptr && question.statement->set->changes) {
    return "a set that packets or time change";
  }
  return fmt::format("a match of the rule ({})", question.rule->text);
}

}  // namespace

struct Judge::Impl {
  Impl(const Ruleset& ruleset, JudgeSetup given)
      : rules(ruleset), chains(ruleset), setup(std::move(given)) {}

  struct Walk;
  Leaf run(const FirstPacket& packet,
           const std::optional<Tuple>& after,
           Answers& answers) const;
  Leaf explore(const FirstPacket& packet,
               const std::optional<Tuple>& after,
               std::vector<bool> given,
               unsigned& left,
               bool& uncertain) const;
  bool is_own(const Address& address) const {
    return std::find(setup.own.begin(), setup.own.end(), address) != setup.own.end();
  }

  const Ruleset& rules;
  Chains chains;
  JudgeSetup setup;
};

// One way of one packet.
struct Judge::Impl::Walk {
  Walk(const Impl& owner,
       const FirstPacket& given,
       const std::optional<Tuple>& left,
       Answers& all)
      : impl(owner), packet(given), after(left), answers(all) {
    l4[13] = static_cast<std::uint8_t>(given.tcp_flags);
    if (is_icmp(given.tuple.protocol)) {
      l4[0] = static_cast<std::uint8_t>(given.tuple.dst_port >> 8);
      l4[1] = static_cast<std::uint8_t>(given.tuple.dst_port);
    }
    layer.l4 = l4;
    layer.ttl = given.ttl;
    layer.total_bytes = given.bytes;
    facts.layer = &layer;
    facts.tuple = given.tuple;
    facts.in = &packet.in;
    facts.src_type = type(given.tuple.src, true);
    facts.dst_type = type(given.tuple.dst, !after || after->dst == given.tuple.dst);
    facts.mark.known = owner.rules.sets_mark;
    facts.ct_mark.known = owner.rules.sets_ct_mark;
  }

  // Unknown (0) if it might be an own address that nobody told.
  std::uint32_t type(const Address& address, bool passed) const {
    if (impl.is_own(address)) return address_type::kLocal;
    if (address.is_multicast()) return address_type::kMulticast;
    return passed || impl.setup.own_complete ? address_type::kUnicast : 0;
  }
  bool hook(Hook at, std::int64_t from, std::int64_t to) {
    const Decision decision =
        impl.chains.follow({at, ChainType::kFilter, from, to}, facts, answers);
    facts.mark = decision.mark;
    facts.ct_mark = decision.ct_mark;
    untracked = untracked || decision.notrack;
    if (decision.verdict == VerdictKind::kUnknown) {
      leaf.allowed = Truth::kUnknown;
      leaf.unsettled.push_back({decision.rule, "where the rule sends it"});
      return false;
    }
    if (decision.verdict != VerdictKind::kDrop && decision.verdict != VerdictKind::kReject) {
      return true;
    }
    leaf.expected = "dropped";
    leaf.broken = decision.rule;
    leaf.allowed = after ? Truth::kNo : Truth::kYes;
    return false;
  }
  bool refuse(std::string expected, const Rule* rule) {
    leaf.allowed = Truth::kNo;
    leaf.expected = std::move(expected);
    leaf.broken = rule;
    return false;
  }
  bool fit_ports(bool source) const {
    return has_ports(packet.tuple.protocol) || (source && is_icmp(packet.tuple.protocol));
  }
  bool destination_nat();
  bool source_nat();
  bool check_source(const Decision& decision);
  bool keep_port(const Allowed& allowed, const Decision& decision);
  bool leave();
  Leaf run();

  const Impl& impl;
  FirstPacket packet;
  const std::optional<Tuple>& after;
  Answers& answers;
  std::array<std::uint8_t, 20> l4{};
  decode::Layer layer;
  Facts facts;
  Leaf leaf;
  bool untracked = false;
};

bool Judge::Impl::Walk::destination_nat() {
  const Decision decision = impl.chains.follow(
      {Hook::kPrerouting, ChainType::kNat, kAllBelow, kAllAbove}, facts, answers);
  facts.mark = decision.mark;
  facts.ct_mark = decision.ct_mark;
  const Tuple& before = packet.tuple;
  if (decision.nat == nullptr) {
    const bool changed = after && (after->dst != before.dst ||
                                   (fit_ports(false) && after->dst_port != before.dst_port));
    if (changed) return refuse("the destination unchanged", nullptr);
    leaf.expected = to_string(Endpoint{before.dst, before.dst_port});
    return true;
  }
  const Nat& nat = decision.nat->nat;
  const Allowed allowed = allowed_by(nat, facts, impl.setup.own, false);
  if (nat.type == NatType::kRedirect) {
    if (after) return refuse("to the router itself", decision.rule);
    leaf.expected = "to the router itself";
    return false;  // which is what was seen
  }
  leaf.destination_rule = decision.rule;
  leaf.expected = "to " + to_text(allowed);
  if (!after) {
    if (!allowed.targets.empty()) {
      facts.tuple.dst = allowed.targets.front().first;
      if (allowed.targets.front().has_ports) {
        facts.tuple.dst_port = allowed.targets.front().first_port;
      }
    }
    facts.dst_type = type(facts.tuple.dst, true);
    facts.status |= conntrack::status::kDstNat | conntrack::status::kDstNatDone;
    return true;
  }
  bool fits = contains(allowed, after->dst, after->dst_port, fit_ports(false));
  for (const Target& target : allowed.targets) {  // a port that no target names stays
    if (!target.has_ports && fit_ports(false))
      fits = fits && after->dst_port == before.dst_port;
  }
  if (!fits) return refuse(leaf.expected, decision.rule);
  facts.tuple.dst = after->dst;
  facts.tuple.dst_port = after->dst_port;
  facts.dst_type = address_type::kUnicast;
  facts.status |= conntrack::status::kDstNat | conntrack::status::kDstNatDone;
  return true;
}

// Without a range the port is kept, or another one of its class.
bool Judge::Impl::Walk::keep_port(const Allowed& allowed, const Decision& decision) {
  const bool ranged = !allowed.targets.empty() && allowed.targets.front().has_ports;
  const std::uint16_t port = packet.tuple.src_port;
  leaf.random = decision.nat->nat.random || decision.nat->nat.fully_random;
  leaf.persistent = decision.nat->nat.persistent;
  if (!fit_ports(true)) return true;
  leaf.source_port = ranged                    ? PortFate::kInRange
                     : after->src_port == port ? PortFate::kKept
                                               : PortFate::kChanged;
  if (leaf.source_port != PortFate::kChanged || is_icmp(packet.tuple.protocol) ||
      same_class(port, after->src_port)) {
    return true;
  }
  const char* range = port < 512 ? "1-511" : port < 1024 ? "600-1023" : "1024-65535";
  return refuse(fmt::format("{}, a port of {}", to_text(allowed), range), decision.rule);
}

bool Judge::Impl::Walk::check_source(const Decision& decision) {
  const Allowed allowed = allowed_by(decision.nat->nat, facts, impl.setup.own, true);
  const bool masquerade = decision.nat->nat.type == NatType::kMasquerade;
  leaf.source_rule = decision.rule;
  const std::string told = "from " + to_text(allowed);
  leaf.expected = leaf.destination_rule == nullptr ? told : leaf.expected + ", " + told;
  if (!after) return true;
  const bool fits = contains(allowed, after->src, after->src_port, fit_ports(true));
  const bool other_own = masquerade && after->src != packet.tuple.src &&
                         (allowed.any_address || (!fits && !impl.setup.own_complete));
  if (other_own) {
    leaf.allowed = Truth::kUnknown;
    leaf.unsettled.push_back({decision.rule, "the addresses of the interface it left by"});
  } else if (!fits) {
    return refuse(leaf.expected, decision.rule);
  }
  return keep_port(allowed, decision);
}

bool Judge::Impl::Walk::source_nat() {
  const Decision decision = impl.chains.follow(
      {Hook::kPostrouting, ChainType::kNat, kAllBelow, kAllAbove}, facts, answers);
  facts.mark = decision.mark;
  facts.ct_mark = decision.ct_mark;
  if (decision.nat != nullptr) return check_source(decision);
  const bool changed = after && (after->src != packet.tuple.src ||
                                 (fit_ports(true) && after->src_port != packet.tuple.src_port));
  if (changed) return refuse("the source unchanged", nullptr);
  return true;
}

bool Judge::Impl::Walk::leave() {
  facts.out = &packet.out;
  if (layer.ttl <= 1) {
    leaf.expected = "dropped: its TTL ends here";
    return false;
  }
  return hook(Hook::kForward, kAllBelow, kAllAbove) &&
         hook(Hook::kPostrouting, kAllBelow, kSourceNat);
}

Leaf Judge::Impl::Walk::run() {
  facts.state = state_bit::kInvalid;
  if (!hook(Hook::kPrerouting, kAllBelow, kTracking)) return leaf;
  if (packet.invalid || untracked) {
    facts.state = packet.invalid ? state_bit::kInvalid : state_bit::kUntracked;
    if (!hook(Hook::kPrerouting, kTracking, kAllAbove) || !leave()) return leaf;
    if (after && !(*after == packet.tuple)) refuse("unchanged: it is not tracked", nullptr);
    return leaf;
  }
  facts.has_entry = true;
  facts.state = state_bit::kNew;
  facts.original = facts.tuple;
  conntrack::invert(facts.tuple, facts.reply);
  if (!hook(Hook::kPrerouting, kTracking, kDestinationNat) || !destination_nat() ||
      !hook(Hook::kPrerouting, kDestinationNat, kAllAbove)) {
    return leaf;
  }
  if (!after && impl.is_own(facts.tuple.dst)) {
    leaf.expected = "delivered to the router";
    return leaf;
  }
  if (!leave() || !source_nat() || !hook(Hook::kPostrouting, kSourceNat, kAllAbove)) {
    return leaf;
  }
  if (!after) {
    const Rule* rule =
        leaf.destination_rule != nullptr ? leaf.destination_rule : leaf.source_rule;
    refuse("forwarded " + leaf.expected, rule);
  }
  return leaf;
}

Leaf Judge::Impl::run(const FirstPacket& packet,
                      const std::optional<Tuple>& after,
                      Answers& answers) const {
  answers.asked.clear();
  return Walk(*this, packet, after, answers).run();
}

// The tree below the answers given so far.
Leaf Judge::Impl::explore(const FirstPacket& packet,
                          const std::optional<Tuple>& after,
                          std::vector<bool> given,
                          unsigned& left,
                          bool& uncertain) const {
  Answers answers{given, {}};
  Leaf leaf = run(packet, after, answers);
  if (answers.asked.size() <= given.size()) return leaf;
  if (left == 0) {
    leaf.allowed = Truth::kUnknown;
    leaf.unsettled.push_back({answers.asked.back().rule, "too many things at once"});
    return leaf;
  }
  --left;
  const Question question = answers.asked[given.size()];
  for (const auto& [what, answer] : setup.assumed) {
    if (question.chance || what != told_unknown(question)) continue;
    given.push_back(answer);
    return explore(packet, after, std::move(given), left, uncertain);
  }
  given.push_back(false);
  Leaf no = explore(packet, after, given, left, uncertain);
  given.back() = true;
  Leaf yes = explore(packet, after, std::move(given), left, uncertain);
  const bool same_rules =
      no.destination_rule == yes.destination_rule && no.source_rule == yes.source_rule;
  if (no.allowed == yes.allowed) {
    uncertain = uncertain || (!same_rules && no.allowed == Truth::kYes);
    return no;
  }
  const bool no_better = no.allowed == Truth::kYes || yes.allowed == Truth::kNo;
  Leaf& better = no_better ? no : yes;
  if (!question.chance) {
    better.allowed = Truth::kUnknown;
    better.unsettled.push_back({question.rule, told_unknown(question)});
    if (better.broken == nullptr) better.broken = (no_better ? yes : no).broken;
  }
  return std::move(better);
}

Judge::Judge(const Ruleset& rules, JudgeSetup setup)
    : impl_(std::make_unique<Impl>(rules, std::move(setup))) {}
Judge::~Judge() = default;
Judge::Judge(Judge&&) noexcept = default;

Judgement Judge::judge(const FirstPacket& packet, const std::optional<Tuple>& after) const {
  unsigned left = kMostRuns;
  bool uncertain = false;
  Leaf leaf = impl_->explore(packet, after, {}, left, uncertain);
  return {leaf.allowed,    leaf.destination_rule,    leaf.source_rule, !uncertain,
          leaf.broken,     std::move(leaf.expected), leaf.source_port, leaf.random,
          leaf.persistent, std::move(leaf.unsettled)};
}

std::string Judge::outcome(const FirstPacket& packet) const {
  Judgement judged = judge(packet, std::nullopt);
  if (judged.random) judged.expected += ", a port drawn by chance";
  for (const Unsettled& u : judged.unsettled) judged.expected += " (depends on " + u.what + ")";
  return judged.expected;
}

}  // namespace natlens::ruleset
