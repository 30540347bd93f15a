#include "profile.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "natlens/net/embedded.h"
#include "natlens/net/nearest.h"

#include "behaviours.h"
#include "policy_suite.h"
#include "profile_rows.h"

namespace natlens::verify {
namespace {

constexpr auto kNames = std::to_array<std::string_view>(
    {"rfc4787", "rfc5382", "rfc5508", "cgn-rfc6888", "nat64-rfc6146", "home-router",
     "docker-host", "vpn-kill-switch"});

constexpr std::string_view kHomeRouter = R"(
[[assert]]
id = "no-private-source-outside"
kind = "no-leak"
[[assert]]
id = "udp-mapping"
kind = "mapping"
proto = "udp"
is = ["endpoint-independent", "endpoint-independent-until-conflict"]
[[assert]]
id = "udp-lives-two-minutes"
kind = "survives"
class = "udp"
at-least = "120s"
severity = "warning"
[[assert]]
id = "answers-come-back"
kind = "undone"
[[assert]]
id = "nothing-published"
kind = "no-forward"
severity = "warning"
[[assert]]
id = "nothing-lost"
kind = "loss"
max = "0.1%"
[[assert]]
id = "sequence-numbers-unchanged"
kind = "unchanged"
fields = ["seq", "dscp"]
severity = "warning"
[[assert]]
id = "no-errors-found"
kind = "findings"
max-severity = "warning"
)";
constexpr std::string_view kDockerHost = R"(
[[assert]]
id = "no-container-address-outside"
kind = "no-leak"
[[assert]]
id = "container-ports-preserved"
kind = "ports"
is = ["preserving"]
severity = "warning"
[[assert]]
id = "answers-come-back"
kind = "undone"
[[assert]]
id = "nothing-lost"
kind = "loss"
max = "0.1%"
[[assert]]
id = "no-errors-found"
kind = "findings"
max-severity = "warning"
)";
constexpr std::string_view kKillSwitch = R"(
[[assert]]
id = "everything-in-the-tunnel"
kind = "tunnelled"
[[assert]]
id = "no-leak-found"
kind = "findings"
max-severity = "error"
codes = ["VPN-LEAK", "VPN-DNS-LEAK", "VPN-IPV6-LEAK"]
)";

bool starts_with_one(std::string_view value, std::string_view accepted) {
  while (!accepted.empty()) {
    const auto bar = std::min(accepted.find('|'), accepted.size());
    const std::string_view one = accepted.substr(0, bar);
    if (one.starts_with("=") ? value == one.substr(1) : value.starts_with(one)) return true;
    accepted.remove_prefix(std::min(bar + 1, accepted.size()));
  }
  return false;
}

class Card {
 public:
  Card(const Scene& scene, std::vector<BehaviourRow> rows, std::set<std::string> findings)
      : scene_(scene), rows_(std::move(rows)), findings_(std::move(findings)) {}

  Outcome judge(const RequirementRow& row) const {
    Outcome o;
    o.id = row.id;
    o.kind = "requirement";
    o.title = row.text;
    o.unit = "verdicts";
    o.severity = row.level == Level::kMust ? Severity::kError : Severity::kWarning;
    switch (row.decider) {
      case Decider::kBehaviour:
        behaviour(row, o);
        break;
      case Decider::kTimeout:
        timeout(row, o);
        break;
      case Decider::kFinding:
        finding(row, o);
        break;
      case Decider::kAnswered:
        answered(row, o);
        break;
      case Decider::kEmbedded:
        embedded(o);
        break;
      case Decider::kNotPassive:
        break;
    }
    if (o.subjects == 0 && o.message.empty()) o.message = "undetermined";
    if (o.needs.empty()) o.needs = row.needs;
    decide(o, {});
    if (o.verdict == Verdict::kPass) o.needs.clear();
    return o;
  }

 private:
  void no(Outcome& o, const BehaviourRow& row, std::string expected) const {
    Counterexample e;
    e.flow = fmt::format("{} {} between {} and {}", row.protocol.empty() ? "all" : row.protocol,
                         row.property, row.inside_tap, row.outside_tap);
    e.expected = std::move(expected);
    e.got = row.value;
    e.why = row.detail;
    e.violation = plain_word(row.value);
    for (const std::int64_t id : row.examples) {
      const auto flow = std::find_if(scene_.flows.begin(), scene_.flows.end(),
                                     [&](const Flow& f) { return f.translation == id; });
      if (flow == scene_.flows.end()) continue;
      e.frames = {scene_.frame_of(flow->entered), scene_.frame_of(flow->left)};
      break;
    }
    ++o.violations;
    o.message = row.value;
    o.examples.push_back(std::move(e));
  }
  void behaviour(const RequirementRow& wanted, Outcome& o) const {
    for (const BehaviourRow& row : rows_) {
      if (row.property != wanted.what || row.protocol != wanted.protocol) continue;
      if (row.value.empty()) {
        o.needs = row.needs;
        continue;
      }
      ++o.subjects;
      o.message = row.value;
      if (!starts_with_one(row.value, wanted.accepted)) {
        no(o, row, std::string(wanted.text));
      }
    }
  }
  void timeout(const RequirementRow& wanted, Outcome& o) const {
    for (const BehaviourRow& row : rows_) {
      if (row.property != wanted.what || row.protocol != wanted.protocol || row.value.empty())
        continue;
      const Interval interval = interval_of(row.value);
      const bool kept = interval.low >= wanted.seconds;
      const bool broken = interval.high <= wanted.seconds;
      if (!kept && !broken) {
        o.message = fmt::format("undetermined: {}", row.value);
        continue;
      }
      ++o.subjects;
      o.message = row.value;
      if (broken) no(o, row, fmt::format("alive after {} s of silence", wanted.seconds));
    }
  }
  void finding(const RequirementRow& wanted, Outcome& o) const {
    for (std::string_view codes = wanted.what; !codes.empty();) {
      const auto blank = std::min(codes.find(' '), codes.size());
      const std::string code(codes.substr(0, blank));
      codes.remove_prefix(std::min(blank + 1, codes.size()));
      if (!findings_.contains(code)) continue;
      ++o.subjects;
      ++o.violations;
      o.finding = code;
      o.message = "found: " + code;
    }
    if (o.subjects == 0) o.message = "undetermined: nothing speaks against it";
  }
  void answered(const RequirementRow& wanted, Outcome& o) const {
    o.unit = "flows";
    for (const Flow& flow : scene_.flows) {
      const bool counts = protocol_name(flow.entered.tuple.protocol) == wanted.protocol &&
                          flow.changed() && flow.entered_inside && flow.left.replies > 0;
      if (!counts) continue;
      ++o.subjects;
      o.violations += flow.entered.replies == 0 ? 1 : 0;
    }
  }
  void embedded(Outcome& o) const {
    o.unit = "flows";
    for (const Flow& flow : scene_.flows) {
      const Tuple& six = flow.entered.tuple.dst.is_v6() ? flow.entered.tuple : flow.left.tuple;
      const Tuple& four = flow.entered.tuple.dst.is_v6() ? flow.left.tuple : flow.entered.tuple;
      if (flow.kind != Kind::kNat64 && flow.kind != Kind::kNat46) continue;
      ++o.subjects;
      o.violations += embeds(six, four) ? 0 : 1;
    }
  }
  static bool embeds(const Tuple& six, const Tuple& four);

  const Scene& scene_;
  std::vector<BehaviourRow> rows_;
  std::set<std::string> findings_;
};

// RFC 6052: at one of the legal positions, of either end.
bool Card::embeds(const Tuple& six, const Tuple& four) {
  for (const Address& outer : {six.dst, six.src}) {
    for (const Address& inner : {four.dst, four.src}) {
      if (!outer.is_v6() || !inner.is_v4()) continue;
      for (const EmbeddedForm& form : embedded_forms()) {
        bool all = true;
        for (std::size_t i = 0; i < 4; ++i) {
          all = all && outer.bytes()[form.places[i]] == inner.bytes()[i];
        }
        if (all) return true;
      }
    }
  }
  return false;
}

}  // namespace

std::vector<std::string_view> profile_names() {
  return {kNames.begin(), kNames.end()};
}

std::string_view profile_policy(std::string_view name) {
  if (name == "home-router") return kHomeRouter;
  if (name == "docker-host") return kDockerHost;
  if (name == "vpn-kill-switch") return kKillSwitch;
  return "";
}

Result<Suite> suite_of_profile(const Scene& scene,
                               const std::string& name,
                               const Options& options,
                               Report& report) {
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
    const std::string near = nearest(name, kNames);
    return Error{fmt::format("--profile {}: no such profile{}", name,
                             near.empty()
                                 ? fmt::format("; there are {}", fmt::join(kNames, ", "))
                                 : fmt::format("; did you mean {}?", near))};
  }
  if (const auto text = profile_policy(name); !text.empty()) {
    auto policy = parse_policy(text, "profile " + name);
    if (!policy) return policy.error();
    auto suite = suite_of_policy(scene, *policy, options, report);
    if (suite) {
      for (Outcome& o : suite->results) o.place = {};
    }
    return suite;
  }
  auto rows = load_behaviours(scene.database, "");
  if (!rows) return rows.error();
  const auto codes = scene.database.query("SELECT DISTINCT code FROM finding ORDER BY code");
  if (!codes) return codes.error();
  std::set<std::string> findings;
  for (const auto& row : codes->rows) findings.insert(store::to_text(row[0]));
  const Card card(scene, std::move(*rows), std::move(findings));
  Suite suite;
  suite.name = "profile " + name;
  suite.is_profile = true;
  for (const RequirementRow& row : requirements_of(name))
    suite.results.push_back(card.judge(row));
  return suite;
}

}  // namespace natlens::verify
