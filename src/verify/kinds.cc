#include "kinds.h"

#include <algorithm>

#include <fmt/format.h>

#include "natlens/net/nearest.h"

namespace natlens::verify {
namespace {

using T = ValueType;

constexpr std::string_view kProtocols = "tcp udp udplite icmp icmpv6 sctp dccp gre esp ah any";
constexpr std::string_view kDirections = "out in both";

std::vector<KeyRow> with_words(std::string_view words) {
  return {{"is", T::kWords, true, words}};
}

std::vector<KindRow> make_kinds() {
  return {
      {"translate",
       "every flow from X leaves as an address of Y",
       {{"as", T::kAddresses, true}, {"ports", T::kPorts}},
       judge_translate},
      {"no-leak",
       "no private or inside source is seen at the tap",
       {{"prefixes", T::kAddresses}},
       judge_no_leak},
      {"forward",
       "what is sent to P reaches the target and is answered",
       {{"listen", T::kEndpoint, true},
        {"target", T::kEndpoint, true},
        {"keep-source", T::kBool},
        {"answered", T::kBool}},
       judge_forward},
      {"no-forward",
       "nothing else can be reached from outside",
       {{"except", T::kAddresses}},
       judge_no_forward},
      {"undone", "answers are translated back exactly", {}, judge_undone},
      {"mapping", "what a mapping depends on (RFC 4787)",
       with_words("endpoint-independent endpoint-independent-until-conflict address-dependent "
                  "address-and-port-dependent connection-dependent mixed"),
       judge_behaviour},
      {"filtering", "who may answer (RFC 4787)",
       with_words("endpoint-independent address-dependent address-dependent-or-stricter "
                  "address-and-port-dependent mixed"),
       judge_behaviour},
      {"pooling", "one external address for each inside host",
       with_words("paired arbitrary arbitrary-by-destination one-external-address"),
       judge_behaviour},
      {"ports", "how external ports are chosen",
       with_words("preserving not-preserving random sequential blocks partly"),
       judge_behaviour},
      {"hairpin", "inside hosts reach each other by external addresses", with_words(""),
       judge_behaviour},
      {"survives",
       "an idle mapping lives at least, or at most, so long",
       {{"class", T::kWord, false, "udp udp-stream udp-unreplied tcp icmp"},
        {"at-least", T::kTime},
        {"at-most", T::kTime}},
       judge_survives},
      {"loss",
       "no more packets than these are lost between the taps",
       {{"max", T::kAmount}, {"direction", T::kWord, false, kDirections}},
       judge_loss},
      {"latency",
       "packets cross in this time",
       {{"p50", T::kTime},
        {"p99", T::kTime},
        {"max", T::kTime},
        {"direction", T::kWord, false, kDirections}},
       judge_latency},
      {"connects",
       "connections from X to Y are established, or refused, or silent",
       {{"expect", T::kWord, false, "established refused silent"}},
       judge_connects},
      {"isolated", "nothing of X is ever seen at Y", {}, judge_isolated},
      {"tunnelled",
       "traffic from X to Y goes inside a tunnel only",
       {{"tunnel", T::kWords}, {"outside", T::kWord}},
       judge_tunnelled},
      {"mss",
       "the MSS of SYNs at the tap is no more than this",
       {{"max", T::kCount, true}},
       judge_mss},
      {"unchanged",
       "these fields are the same on both sides",
       {{"fields", T::kWords, true, "dscp ecn tos df payload mss seq src-port ip-id"}},
       judge_unchanged},
      {"affinity",
       "one client, one backend",
       {{"listen", T::kEndpoint}, {"within", T::kTime}},
       judge_affinity},
      {"balance",
       "backends get their share of connections",
       {{"listen", T::kEndpoint}, {"within", T::kAmount}, {"weights", T::kBudget}},
       judge_balance},
      {"findings",
       "nothing worse than this was found",
       {{"max-severity", T::kWord, false, "none info warning error"},
        {"codes", T::kWords},
        {"allow", T::kWords},
        {"budget", T::kBudget}},
       judge_findings},
      {"ruleset",
       "everything seen is what these rules allow",
       {{"file", T::kFile, true}},
       judge_ruleset},
      {"expect",
       "these flows exist",
       {{"file", T::kFile, true}, {"extra", T::kBool}},
       judge_expect},
      {"sql",
       "the query returns no rows",
       {{"file", T::kFile}, {"query", T::kText}, {"time-limit", T::kTime}},
       judge_sql},
  };
}

}  // namespace

std::span<const KindRow> kinds() {
  static const std::vector<KindRow> kKinds = make_kinds();
  return kKinds;
}

std::span<const KeyRow> common_keys() {
  static const std::vector<KeyRow> kKeys{{"id", T::kText},
                                         {"kind", T::kText},
                                         {"severity", T::kWord, false, "error warning"},
                                         {"min", T::kCount},
                                         {"tolerance", T::kAmount},
                                         {"tags", T::kWords},
                                         {"reason", T::kText},
                                         {"error-if", T::kThreshold},
                                         {"warn-if", T::kThreshold},
                                         {"from", T::kAddresses},
                                         {"to", T::kAddresses},
                                         {"proto", T::kWords, false, kProtocols},
                                         {"port", T::kPorts},
                                         {"tap", T::kText},
                                         {"interface", T::kText},
                                         {"since", T::kMoment},
                                         {"until", T::kMoment},
                                         {"exempt", T::kWord, false, "pre-existing"}};
  return kKeys;
}

const KindRow* find_kind(std::string_view name) {
  const auto all = kinds();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const KindRow& row) { return row.name == name; });
  return found == all.end() ? nullptr : &*found;
}

const Tap* tap_of(const Context& c, std::string_view name) {
  const auto known = c.policy.taps.find(std::string(name));
  if (known != c.policy.taps.end()) return c.scene.tap(known->second);
  if (const Tap* tap = c.scene.tap(name)) return tap;
  const auto found = std::find_if(c.scene.taps.begin(), c.scene.taps.end(),
                                  [&](const Tap& tap) { return tap.interface == name; });
  return found == c.scene.taps.end() ? nullptr : &*found;
}

Result<const Tap*> tap_value(const Context& c, const Assertion& a, std::string_view key) {
  const Value* value = a.find(key);
  if (value == nullptr) return static_cast<const Tap*>(nullptr);
  const std::string& name = value->text;
  if (const Tap* tap = tap_of(c, name)) return tap;
  std::vector<std::string_view> known;
  for (const Tap& tap : c.scene.taps) known.push_back(tap.name);
  for (const auto& [own, real] : c.policy.taps) known.push_back(own);
  const std::string near = nearest(name, known);
  return at(value->place,
            fmt::format("no tap '{}' in the database{}", name,
                        near.empty() ? fmt::format("; there are {}", fmt::join(known, ", "))
                                     : fmt::format("; did you mean {}?", near)));
}

bool in_scope(const Context& c, const Assertion& a, const Sight& s) {
  const auto end_fits = [&](const Value* value, const Address& address, bool entering) {
    if (value == nullptr) return true;
    if (value->addresses.tap.empty()) return value->addresses.contains(address);
    const Tap* tap = tap_of(c, value->addresses.tap);
    return !entering || (tap != nullptr && tap->id == s.tap);
  };
  if (!end_fits(a.find("from"), s.tuple.src, true)) return false;
  if (!end_fits(a.find("to"), s.tuple.dst, false)) return false;
  if (const Value* proto = a.find("proto")) {
    const std::string name = protocol_name(s.tuple.protocol);
    const auto& words = proto->words;
    if (std::find(words.begin(), words.end(), "any") == words.end() &&
        std::find(words.begin(), words.end(), name) == words.end()) {
      return false;
    }
  }
  if (const Value* port = a.find("port")) {
    if (!has_ports(s.tuple.protocol) || !port->ports.contains(s.tuple.dst_port)) return false;
  }
  if (const Value* where = a.find("interface")) {
    const Tap* tap = tap_of(c, where->text);
    if (tap == nullptr || tap->id != s.tap) return false;
  }
  if (a.has("exempt") && !s.beginning_seen) return false;
  const std::int64_t start = c.scene.taps.empty() ? 0 : c.scene.taps.front().first_ns;
  const auto moment = [&](const Value& value) {  // short ones count from the start
    constexpr std::int64_t kYear = 31'536'000'000'000'000;
    return value.number < kYear ? start + value.number : value.number;
  };
  if (const Value* since = a.find("since"); since && s.start_ns < moment(*since)) return false;
  if (const Value* until = a.find("until"); until && s.start_ns > moment(*until)) return false;
  return true;
}

void violate(const Context& c, Outcome& o, Counterexample example) {
  ++o.violations;
  if (o.examples.size() < c.most_examples) o.examples.push_back(std::move(example));
}

Counterexample example_of(const Context& c, const Sight& sight) {
  Counterexample e;
  e.flow = flow_text(sight.tuple);
  e.frames.push_back(c.scene.frame_of(sight));
  e.prefix = prefix_text(sight.tuple.src);
  e.see = fmt::format("natlens trace {} {}", c.scene.name, source_text(sight.tuple));
  return e;
}

Counterexample example_of(const Context& c, const Flow& flow) {
  Counterexample e = example_of(c, flow.entered);
  e.frames.push_back(c.scene.frame_of(flow.left));
  return e;
}

}  // namespace natlens::verify
