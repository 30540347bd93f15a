#include "box.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "natlens/net/nearest.h"
#include "natlens/ruleset/router.h"

namespace natlens::verify {
namespace {

using Pair = std::pair<std::int64_t, std::int64_t>;

// What NAT chains have no say in: a proxy makes connections of its own, a bridge routes
// nothing.
bool is_routed_kind(Kind kind) {
  return kind != Kind::kBridged && kind != Kind::kProxy && kind != Kind::kTunnel;
}

std::set<std::string> interface_names(const ruleset::Ruleset& rules,
                                      std::optional<ruleset::Field> of = std::nullopt) {
  std::set<std::string> names;
  for (const ruleset::Table& table : rules.tables) {
    for (const ruleset::Chain& chain : table.chains) {
      for (const ruleset::Rule& rule : chain.rules) {
        for (const ruleset::Statement& s : rule.statements) {
          for (std::size_t i = 0; s.set != nullptr && i < s.keys.size(); ++i) {
            const auto field = s.keys[i].field;
            if (field != ruleset::Field::kInInterface && field != ruleset::Field::kOutInterface)
              continue;
            if (of && field != *of) continue;
            for (const ruleset::Element& element : s.set->elements) {
              if (i < element.parts.size()) names.insert(element.parts[i].name);
            }
          }
        }
      }
    }
  }
  names.erase("");
  return names;
}

struct PairCount {
  std::uint64_t changed = 0;
  std::uint64_t unchanged = 0;
  bool source_nat = false;
};

// Pairs of taps between which something passed; the same tap twice for a hairpin.
std::map<Pair, PairCount> pairs_of(const Scene& scene) {
  std::map<Pair, PairCount> pairs;
  for (const Flow& flow : scene.flows) {
    if (!is_routed_kind(flow.kind)) continue;
    PairCount& count = pairs[{flow.inside().tap, flow.outside().tap}];
    ++(flow.changed() ? count.changed : count.unchanged);
    count.source_nat = count.source_nat || flow.kind == Kind::kSnat;
  }
  return pairs;
}

// Addresses that the router has, by what was seen: the source that most flows that left by a
// tap got, and the destinations that it gave to servers inside.
std::vector<Address> own_addresses(const Scene& scene, const std::set<Pair>& pairs) {
  std::map<std::pair<std::int64_t, Family>, std::map<Address, std::uint64_t>> sources;
  std::set<Address> own;
  for (const Flow& flow : scene.flows) {
    if (!is_routed_kind(flow.kind)) continue;
    if (!pairs.contains({flow.inside().tap, flow.outside().tap})) continue;
    const Tuple& before = flow.entered.tuple;
    const Tuple& after = flow.left.tuple;
    if (before.src != after.src) ++sources[{flow.left.tap, after.src.family()}][after.src];
    if (before.dst != after.dst) own.insert(before.dst);
  }
  for (const auto& [where, counts] : sources) {
    const auto most =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    own.insert(most->first);
  }
  return {own.begin(), own.end()};
}

class Finder {
 public:
  Finder(const Scene& scene, const ruleset::Ruleset& rules, const BoxOptions& options)
      : scene_(scene), rules_(rules), options_(options), all_(pairs_of(scene)) {}

  Result<Box> run() {
    if (auto done = given_names(); !done) return done.error();
    std::set<Pair> candidates;
    const bool any_changed = std::any_of(all_.begin(), all_.end(),
                                         [](const auto& p) { return p.second.changed > 0; });
    for (const auto& [pair, count] : all_) {
      const bool named = options_.interfaces.empty() ||
                         (given_.contains(pair.first) && given_.contains(pair.second));
      const bool nat = count.changed > 0 || !any_changed || !options_.interfaces.empty();
      if (named && nat) candidates.insert(pair);
    }
    if (!options_.interfaces.empty() || candidates.size() <= 1) return box_of(candidates);
    return best_of(candidates);
  }

 private:
  Result<void> given_names() {
    std::vector<std::string_view> known;
    for (const Tap& tap : scene_.taps) known.push_back(tap.name);
    for (const auto& [tap, name] : options_.interfaces) {
      const Tap* found = scene_.tap(tap);
      if (found == nullptr) {
        const std::string near = nearest(tap, known);
        return Error{fmt::format("--iface {}={}: no tap '{}'{}", tap, name, tap,
                                 near.empty()
                                     ? fmt::format("; there are {}", fmt::join(known, ", "))
                                     : fmt::format("; did you mean {}?", near))};
      }
      given_[found->id] = name;
    }
    return {};
  }

  Box box_of(const std::set<Pair>& pairs) const;
  Box best_of(const std::set<Pair>& candidates) const;
  std::int64_t score(const Pair& pair) const;

  const Scene& scene_;
  const ruleset::Ruleset& rules_;
  const BoxOptions& options_;
  std::map<Pair, PairCount> all_;
  std::map<std::int64_t, std::string> given_;
};

Box Finder::box_of(const std::set<Pair>& pairs) const {
  Box box;
  box.pairs = pairs;
  box.setup.own = options_.own.empty() ? own_addresses(scene_, pairs) : options_.own;
  box.setup.own_complete = !options_.own.empty();
  box.setup.assumed = options_.assumed;
  std::set<std::string> free = interface_names(rules_);
  for (const auto& [tap, name] : given_) free.erase(name);
  std::map<std::int64_t, std::string> sure = given_;
  for (const Tap& tap : scene_.taps) {  // taps of other routers keep their names, too
    for (const std::string& name : {tap.interface, tap.name}) {
      if (!sure.contains(tap.id) && free.contains(name)) {
        sure[tap.id] = name;
        free.erase(name);
      }
    }
  }
  ruleset::InterfaceNames guess = ruleset::infer_names(rules_);
  if (guess.outside.empty()) {  // nothing is translated by interface: who forwards from where?
    for (const std::string& name : interface_names(rules_, ruleset::Field::kInInterface)) {
      if (guess.inside.empty() && free.contains(name)) guess.inside = name;
    }
  }
  // A side that the rules do not name: the one name that no other tap has.
  const auto name_side = [&](std::int64_t tap, const std::string& wanted) {
    if (box.names.contains(tap)) return;
    const auto known = sure.find(tap);
    if (known != sure.end()) {
      box.names[tap] = known->second;
    } else if (!wanted.empty() && free.contains(wanted)) {
      box.names[tap] = wanted;
      free.erase(wanted);
    } else {
      box.names[tap] = "(" + scene_.tap_name(tap) + ")";
    }
  };
  for (const auto& [inside, outside] : pairs) {
    if (inside != outside) name_side(outside, guess.outside);
  }
  for (const auto& [inside, outside] : pairs) name_side(inside, guess.inside);
  std::string told;
  for (const auto& [tap, name] : box.names) {
    if (given_.contains(tap) || name.front() == '(') continue;
    told += fmt::format("{}{}={}", told.empty() ? "" : " ", scene_.tap_name(tap), name);
  }
  if (!told.empty()) box.told = fmt::format("interfaces by the rules: {}", told);
  return box;
}

// Flows of the pair that the rules explain, less those that they do not. A port that was kept
// under a rule that draws ports speaks for another router.
std::int64_t Finder::score(const Pair& pair) const {
  const Box box = box_of({pair});
  const ruleset::Judge judge(rules_, box.setup);
  std::int64_t score = 0;
  for (const Flow& flow : scene_.flows) {
    if (!box.judges(flow) || !flow.changed() || flow.entered.expected) continue;
    const auto judged = judge.judge(first_packet(flow, box), flow.left.tuple);
    const bool odd = judged.random && judged.source_port == ruleset::PortFate::kKept;
    score += judged.allowed == ruleset::Truth::kNo || odd ? -1 : 1;
  }
  return score;
}

Box Finder::best_of(const std::set<Pair>& candidates) const {
  std::map<Pair, std::int64_t> scores;
  for (const Pair& pair : candidates) scores[pair] = score(pair);
  Pair best = *candidates.begin();
  for (const auto& [pair, score] : scores) {
    if (pair.first != pair.second && (score > scores[best] || best.first == best.second))
      best = pair;
  }
  std::set<Pair> chosen{best};
  const bool source_nat = all_.at(best).source_nat;
  for (const auto& [pair, score] : scores) {
    const bool touches = pair.first == best.first || pair.second == best.second ||
                         pair.first == best.second || pair.second == best.first;
    // What is inside of one source NAT is not outside of another one of the same router.
    const bool reversed = source_nat && all_.at(pair).source_nat &&
                          (pair.second == best.first || pair.first == best.second);
    if (touches && !reversed && score > 0) chosen.insert(pair);
  }
  Box box = box_of(chosen);
  std::string pairs;
  for (const auto& [inside, outside] : chosen) {
    pairs += fmt::format("{}{}-{}", pairs.empty() ? "" : ", ", scene_.tap_name(inside),
                         scene_.tap_name(outside));
  }
  box.told = fmt::format("the rules are taken for the router between {}{}{}", pairs,
                         box.told.empty() ? "" : "; ", box.told);
  return box;
}

}  // namespace

const std::string& Box::name(std::int64_t tap) const {
  static const std::string kNone;
  const auto found = names.find(tap);
  return found == names.end() ? kNone : found->second;
}

bool Box::judges(const Flow& flow) const {
  return is_routed_kind(flow.kind) && pairs.contains({flow.inside().tap, flow.outside().tap});
}

std::int64_t Box::across(std::int64_t tap) const {
  for (const auto& [inside, outside] : pairs) {
    if (inside == outside) continue;
    if (inside == tap) return outside;
    if (outside == tap) return inside;
  }
  return 0;
}

ruleset::FirstPacket first_packet(const Flow& flow, const Box& box) {
  return {flow.entered.tuple,
          box.name(flow.entered.tap),
          box.name(flow.left.tap),
          flow.entered.tcp_flags,
          static_cast<std::uint8_t>(flow.entered.ttl),
          flow.entered.bytes,
          is_refused(flow)};
}

bool is_refused(const Flow& flow) {
  if (flow.changed()) return false;
  const bool opens =
      flow.left.tuple.protocol != protocol::kTcp || (flow.left.tcp_flags & 0x12U) == 0x02U;
  return flow.entered.untracked || flow.left.untracked || !opens;
}

Result<Box> find_box(const Scene& scene,
                     const ruleset::Ruleset& rules,
                     const BoxOptions& options) {
  return Finder(scene, rules, options).run();
}

}  // namespace natlens::verify
