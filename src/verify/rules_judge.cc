// Connections that crossed are held against what their first packet may become; those that did
// not cross against what should have forwarded them. A port that changed, or did not, is odd
// only in numbers: one may have had a reason that no tap shows.
#include "rules_judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "clashes.h"

namespace natlens::verify {
namespace {

using ruleset::Judgement;
using ruleset::PortFate;
using ruleset::Truth;

constexpr std::size_t kMostAddresses = 65'536;
constexpr std::uint64_t kManyPorts = 8;             // so many are no chance
constexpr std::int64_t kEndMargin = 1'000'000'000;  // too near to a capture's end to be judged

std::string hint_for(const std::string& what, const Box& box, const Scene& scene) {
  if (what.find("iifname") != std::string::npos || what.find("oifname") != std::string::npos) {
    return fmt::format("--iface {}=NAME", scene.tap_name(box.inside_tap()));
  }
  if (what.find("addresses") != std::string::npos) return "--local ADDRESS";
  return fmt::format("--assume '{}'=yes|no", what);
}

class Judging {
 public:
  Judging(const Scene& scene,
          const ruleset::Ruleset& rules,
          const Box& box,
          const JudgeOptions& options)
      : scene_(scene),
        box_(box),
        options_(options),
        names_(rules),
        judge_(rules, box.setup),
        clashes_(scene) {}

  RulesVerdict run() {
    for (const ruleset::Rule* rule : names_.translating) verdict_.rules[rule];
    verdict_.rules[nullptr];
    for (const Flow& flow : scene_.flows) {
      if (!box_.judges(flow)) continue;
      reached_.insert({flow.entered.tap, flow.entered.tuple.dst});
      if (!flow.entered.expected) crossed(flow);
    }
    for (const Alone& alone : scene_.alone) stayed(alone);
    settle_singles();
    settle_ports();
    return std::move(verdict_);
  }

 private:
  void crossed(const Flow& flow);
  void stayed(const Alone& alone);
  bool entered(const Alone& alone, ruleset::FirstPacket& packet) const;
  void settle_singles();
  void settle_ports();
  void count(const Flow& flow, const Judgement& judged);
  void count_port(const Flow& flow, const Judgement& judged);
  void unsettle(const Judgement& judged);
  void violation(const ruleset::Rule* rule, Counterexample example);
  Counterexample example(const Sight& entered, const Judgement& judged) const;
  std::string seen_text(const Flow& flow, const Judgement& judged) const;

  const Scene& scene_;
  const Box& box_;
  const JudgeOptions& options_;
  RuleNames names_;
  ruleset::Judge judge_;
  Clashes clashes_;
  RulesVerdict verdict_;
  std::set<std::pair<std::int64_t, Address>> reached_;  // far ends, by the tap of entry
  // One packet without answer and image may have been lost; several are not.
  std::map<const ruleset::Rule*, std::vector<Counterexample>> singles_;
};

Counterexample Judging::example(const Sight& entered, const Judgement& judged) const {
  Counterexample e;
  e.flow = flow_text(entered.tuple);
  e.expected = judged.expected;
  e.frames.push_back(scene_.frame_of(entered));
  e.prefix = prefix_text(entered.tuple.src);
  e.see = fmt::format("natlens trace {} {}", scene_.name, source_text(entered.tuple));
  if (judged.broken != nullptr) {
    e.rule = fmt::format("{}: {}", names_.of(judged.broken).full(), judged.broken->text);
    e.place = judged.broken->place;
  }
  return e;
}

std::string Judging::seen_text(const Flow& flow, const Judgement& judged) const {
  const Tuple& after = flow.left.tuple;
  if (!flow.changed()) return "left as it came, untranslated";
  std::string out;
  if (after.src != flow.entered.tuple.src || after.src_port != flow.entered.tuple.src_port) {
    out = "from " + source_text(after);
  } else if (judged.source_rule != nullptr ||
             judged.expected.find("from ") != std::string::npos) {
    out = "from " + source_text(after) + ", untranslated";
  }
  if (after.dst != flow.entered.tuple.dst || after.dst_port != flow.entered.tuple.dst_port) {
    out += (out.empty() ? "to " : ", to ") + destination_text(after);
  }
  return out;
}

void Judging::violation(const ruleset::Rule* rule, Counterexample example) {
  RuleTally& tally = verdict_.rules[rule];
  ++tally.violations;
  if (tally.examples.size() < options_.most_examples)
    tally.examples.push_back(std::move(example));
}

void Judging::unsettle(const Judgement& judged) {
  ++verdict_.possibly;
  for (const ruleset::Unsettled& u : judged.unsettled) {
    const std::string rule = u.rule == nullptr ? "" : names_.of(u.rule).full();
    Unsettled& entry = verdict_.unsettled[u.what + "\n" + rule];
    entry.what = u.what;
    entry.rule = rule;
    entry.hint = hint_for(u.what, box_, scene_);
    ++entry.flows;
  }
}

void Judging::count_port(const Flow& flow, const Judgement& judged) {
  RuleTally& tally = verdict_.rules[judged.source_rule];
  tally.random = judged.random;
  const bool kept = judged.source_port == PortFate::kKept;
  if (!kept && judged.source_port != PortFate::kChanged) return;
  const bool odd = kept ? judged.random : !judged.random && !clashes_.explain(flow);
  tally.kept += kept ? 1 : 0;
  tally.drawn += !kept && odd ? 1 : 0;
  if (!odd || tally.odd_ports.size() >= options_.most_examples) return;
  Counterexample e = example(flow.entered, judged);
  e.frames.push_back(scene_.frame_of(flow.left));
  e.expected = kept ? "a port drawn by chance"
                    : fmt::format("port {} kept: nobody else is seen to have it",
                                  flow.entered.tuple.src_port);
  e.got = "from " + source_text(flow.left.tuple);
  e.violation = kept ? "port-kept" : "port-changed";
  e.rule =
      fmt::format("{}: {}", names_.of(judged.source_rule).full(), judged.source_rule->text);
  e.place = judged.source_rule->place;
  tally.odd_ports.push_back(std::move(e));
}

void Judging::count(const Flow& flow, const Judgement& judged) {
  const bool sure = judged.allowed == Truth::kYes && judged.rule_certain;
  if (judged.allowed == Truth::kYes) {
    ++verdict_.explained;
  } else {
    unsettle(judged);
  }
  const auto take = [&](const ruleset::Rule* rule, const Address& host,
                        const Address& external) {
    RuleTally& tally = verdict_.rules[rule];
    ++(sure ? tally.flows : tally.possibly);
    if (tally.sources.size() < kMostAddresses) tally.sources.insert(host);
    if (tally.externals.size() < kMostAddresses) tally.externals.insert(external);
  };
  const Tuple& before = flow.entered.tuple;
  if (judged.destination_rule != nullptr)
    take(judged.destination_rule, before.src, flow.left.tuple.dst);
  if (judged.source_rule != nullptr) {
    take(judged.source_rule, before.src, flow.left.tuple.src);
    count_port(flow, judged);
  }
  if (judged.destination_rule == nullptr && judged.source_rule == nullptr)
    take(nullptr, before.src, flow.left.tuple.src);
}

void Judging::crossed(const Flow& flow) {
  const Judgement judged = judge_.judge(first_packet(flow, box_), flow.left.tuple);
  ++verdict_.flows;
  if (judged.allowed != Truth::kNo) {
    count(flow, judged);
    return;
  }
  Counterexample e = example(flow.entered, judged);
  e.frames.push_back(scene_.frame_of(flow.left));
  e.got = seen_text(flow, judged);
  e.violation = !flow.changed()                                 ? "untranslated"
                : flow.left.tuple.dst != flow.entered.tuple.dst ? "wrong-target"
                                                                : "wrong-source";
  if (judged.expected == "dropped") {
    e.violation = "forwarded";
    e.got = "forwarded";
  }
  if (is_refused(flow)) e.why = "tracking refuses it (INVALID), so NAT does not see it";
  if (!flow.entered.beginning_seen) {
    e.why = "its beginning was not captured: it may be older than these rules";
    ++verdict_.possibly;
    return;
  }
  violation(judged.broken, std::move(e));
}

// Did this connection enter the router, and by which interface would it leave?
bool Judging::entered(const Alone& alone, ruleset::FirstPacket& packet) const {
  const Sight& s = alone.sight;
  const auto& own = box_.setup.own;
  const auto is_own = [&](const Address& a) {
    return std::find(own.begin(), own.end(), a) != own.end();
  };
  if (!box_.has(s.tap) || s.untracked || s.expected || !s.beginning_seen ||
      s.tuple.dst.is_multicast() || is_own(s.tuple.src)) {
    return false;
  }
  const bool inner = std::any_of(box_.pairs.begin(), box_.pairs.end(),
                                 [&](const auto& pair) { return pair.first == s.tap; });
  const std::int64_t across = box_.across(s.tap);
  const bool to_router = is_own(s.tuple.dst);
  if (!to_router) {  // somebody that this side is known to reach through the router
    const bool reached = inner && reached_.contains({s.tap, s.tuple.dst});
    if (!reached) return false;
  }
  packet = {s.tuple,
            box_.name(s.tap),
            inner && to_router ? box_.name(s.tap) : box_.name(across),
            s.tcp_flags,
            static_cast<std::uint8_t>(s.ttl),
            s.bytes};
  return true;
}

void Judging::stayed(const Alone& alone) {
  ruleset::FirstPacket packet;
  if (!entered(alone, packet)) return;
  const Sight& s = alone.sight;
  const std::int64_t across = box_.across(s.tap);
  const auto tap = std::find_if(scene_.taps.begin(), scene_.taps.end(),
                                [&](const Tap& t) { return t.id == across; });
  const bool gone_by =
      tap != scene_.taps.end() && s.last_ns + kEndMargin > tap->last_ns && s.replies == 0;
  const Judgement judged = judge_.judge(packet, std::nullopt);
  if (judged.allowed == Truth::kYes) {
    ++verdict_.flows;
    ++verdict_.explained;
    return;
  }
  if (judged.allowed == Truth::kUnknown || !alone.in_time) {
    ++verdict_.undecided;
    return;
  }
  Counterexample e = example(s, judged);
  e.got = s.replies > 0 ? "answered by the router itself, not forwarded" : "not forwarded";
  e.violation = "no-image";
  e.why = fmt::format("{} packets, {} of them answers, and nothing of it at {}",
                      s.packets + s.replies, s.replies, scene_.tap_name(across));
  if (s.replies > 0 || (s.packets > 1 && !gone_by)) {
    ++verdict_.flows;
    violation(judged.broken, std::move(e));
  } else {
    singles_[judged.broken].push_back(std::move(e));
  }
}

void Judging::settle_singles() {
  for (auto& [rule, examples] : singles_) {
    if (examples.size() == 1 && verdict_.rules[rule].violations == 0) {
      ++verdict_.undecided;
      continue;
    }
    for (Counterexample& e : examples) {
      ++verdict_.flows;
      violation(rule, std::move(e));
    }
  }
}

void Judging::settle_ports() {
  for (auto& [rule, tally] : verdict_.rules) {
    if (rule == nullptr) continue;
    const std::uint64_t odd = tally.random ? tally.kept : tally.drawn;
    const std::uint64_t usual = tally.flows - std::min(tally.flows, odd);
    if (odd >= kManyPorts && odd > usual) {
      tally.violations += odd;
      for (Counterexample& e : tally.odd_ports) {
        e.why = tally.random ? fmt::format("{} flows kept their port", odd)
                             : fmt::format("{} flows got another port without need", odd);
        if (tally.examples.size() < options_.most_examples)
          tally.examples.push_back(std::move(e));
      }
      tally.odd_ports.clear();
    } else if (!tally.random) {
      tally.warnings = odd;
    }
  }
}

}  // namespace

bool translates(const ruleset::Rule& rule) {
  return std::any_of(
      rule.statements.begin(), rule.statements.end(),
      [](const ruleset::Statement& s) { return s.kind == ruleset::ActionKind::kNat; });
}

RuleNames::RuleNames(const ruleset::Ruleset& rules) {
  for (const ruleset::Table& table : rules.tables) {
    for (const ruleset::Chain& chain : table.chains) {
      for (const ruleset::Rule& rule : chain.rules) {
        names_[&rule] = {table.name + "/" + chain.name,
                         rule.handle != 0 ? fmt::format("handle {}", rule.handle)
                                          : fmt::format("line {}", rule.place.line)};
        if (table.family != ruleset::TableFamily::kOther &&
            chain.type == ruleset::ChainType::kNat && verify::translates(rule)) {
          translating.push_back(&rule);
        }
      }
    }
  }
}

const RuleNames::Name& RuleNames::of(const ruleset::Rule* rule) const {
  static const Name kNone{"", "no rule"};
  const auto found = names_.find(rule);
  return found == names_.end() ? kNone : found->second;
}

RulesVerdict judge_rules(const Scene& scene,
                         const ruleset::Ruleset& rules,
                         const Box& box,
                         const JudgeOptions& options) {
  return Judging(scene, rules, box, options).run();
}

}  // namespace natlens::verify
