// Collects what the rules on behaviour work on, and asks them. The rules are in behaviour_*.cc.
//
// Ambiguous pairs never come here: translations are at least `likely`. Kinds that keep ports
// for good (npt) or pass them on unchanged have no behaviour to tell.
#include "natlens/nat/behaviour.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "natlens/nat/observe.h"

#include "observation.h"

namespace natlens::nat {
namespace {

using correlate::FirstSeen;
using correlate::TranslationKind;

constexpr std::int64_t kMillisecond = 1'000'000;
// Kept per NAT of what came to its external endpoints and was refused.
constexpr std::size_t kMostRefusals = 16'384;

bool is_icmp(std::uint8_t protocol) {
  return protocol == protocol::kIcmp || protocol == protocol::kIcmpv6;
}

Endpoint source(const Tuple& tuple) {
  return {tuple.src, tuple.src_port};
}

Endpoint destination(const Tuple& tuple) {
  return {tuple.dst, is_icmp(tuple.protocol) ? std::uint16_t{0} : tuple.dst_port};
}

// Those whose mappings are of ports or identifiers.
bool has_ports(std::uint8_t protocol) {
  switch (protocol) {
    case protocol::kTcp:
    case protocol::kUdp:
    case protocol::kUdpLite:
    case protocol::kSctp:
    case protocol::kDccp:
      return true;
    default:
      return is_icmp(protocol);
  }
}

bool observable(TranslationKind kind) {
  switch (kind) {
    case TranslationKind::kSnat:
    case TranslationKind::kDnat:
    case TranslationKind::kTwice:
    case TranslationKind::kNat64:
    case TranslationKind::kNat46:
      return true;
    default:
      return false;
  }
}

Observation reduced(const TranslationRow& row) {
  Observation o;
  o.id = row.id;
  o.start = row.start.ns();
  o.end = row.end.ns();
  o.protocol = row.inside.protocol;
  o.answered = row.answered;
  o.answered_after = row.answered_after_ms * kMillisecond;
  o.came_after = row.came_after_ms * kMillisecond;
  o.resumed_after = row.resumed_after_ms * kMillisecond;
  o.answer_gap = row.answer_gap_ms * kMillisecond;
  o.answer_apart = row.answer_apart_ms * kMillisecond;
  o.came_apart = row.came_apart_ms * kMillisecond;
  o.closed = row.closed;
  o.inbound = row.kind == TranslationKind::kDnat;
  mapping_ends(row, o.internal, o.external);
  o.far = o.inbound ? source(row.outside) : destination(row.outside);
  return o;
}

bool earlier(const Observation& a, const Observation& b) {
  return std::tie(a.start, a.id) < std::tie(b.start, b.id);
}

Behaviour hairpinning(std::span<const Hairpin> trials, std::uint8_t protocol) {
  Evidence external, internal, router, refused;
  for (const Hairpin& h : trials) {
    if (h.protocol != protocol) continue;
    Evidence& outcome = h.shown == Address()         ? refused
                        : h.shown == h.asked.address ? external
                        : h.shown == h.caller        ? internal
                                                     : router;
    outcome.add(h.id);
  }
  const auto property = Property::kHairpinning;
  const std::string detail = fmt::format(
      "calls of an external address from inside: {} came with the external source, "
      "{} with the caller's own, {} with the router's, {} not at all",
      external.count(), internal.count(), router.count(), refused.count());
  struct Outcome {
    const Evidence* evidence;
    const char* value;
  };
  const Outcome outcomes[] = {{&external, "yes"},
                              {&internal, "yes, with the internal source"},
                              {&router, "yes, with the router's source"},
                              {&refused, "no"}};
  const Outcome* most = &outcomes[0];
  std::uint64_t all = 0;
  for (const Outcome& outcome : outcomes) {
    all += outcome.evidence->count();
    if (outcome.evidence->count() > most->evidence->count()) most = &outcome;
  }
  if (all < 2) return undetermined(property, detail, *most->evidence);
  return verdict(property, most->value, most->evidence->count() == all ? kCertain : kLikely,
                 *most->evidence, {}, detail);
}

const Behaviour* conflict_of(const std::vector<Behaviour>& rows, std::size_t first) {
  const auto found =
      std::find_if(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end(),
                   [](const Behaviour& row) { return row.property == Property::kOnConflict; });
  return &*found;
}

// RFC 4787 REQ-11: never another behaviour, whatever clashes.
Behaviour determinism(const Behaviour& mapping, const Behaviour& on_conflict) {
  Behaviour out = undetermined(Property::kDeterminism, "");
  const bool changes =
      mapping.value == "mixed" || mapping.value == "endpoint-independent until conflict";
  if (changes) {
    out = mapping;
    out.property = Property::kDeterminism;
    out.value = "no";
    out.detail = "mapping is " + mapping.value;
    if (mapping.value != "mixed") {  // there the conflicts are what speaks for it
      std::swap(out.evidence_for, out.expected);
      std::swap(out.examples, out.counter_examples);
    }
  } else if (!mapping.value.empty() && on_conflict.evidence_for >= 3 &&
             on_conflict.confidence == kCertain) {
    out = on_conflict;
    out.property = Property::kDeterminism;
    out.value = "yes";
    out.detail = fmt::format("mapping stayed {} through {} port clashes", mapping.value,
                             on_conflict.evidence_for);
  }
  return out;
}

}  // namespace

struct BehaviourBuilder::Kept {
  std::uint16_t inside_tap = 0;
  std::uint16_t outside_tap = 0;
  std::vector<Observation> observations;  // a heap, the latest on top, once there are too many
  std::vector<Refusal> refusals;
  std::vector<Hairpin> hairpins;
  std::set<std::pair<std::uint8_t, Endpoint>> external;  // of the observations, from seal() on
};

BehaviourBuilder::BehaviourBuilder(std::size_t most) : most_(most) {}
BehaviourBuilder::~BehaviourBuilder() = default;

void BehaviourBuilder::tap(std::uint16_t id, Timestamp last) {
  taps_[id] = last;
}

void BehaviourBuilder::add(std::int64_t nat, const TranslationRow& row) {
  if (!observable(row.kind) && row.kind != TranslationKind::kHairpin) return;
  Kept& kept = nats_[nat];
  kept.inside_tap = row.inside_tap;
  kept.outside_tap = row.outside_tap;
  if (row.kind == TranslationKind::kHairpin) {
    if (kept.hairpins.size() < most_) {
      kept.hairpins.push_back({row.id, row.inside.protocol, destination(row.inside),
                               row.inside.src, row.outside.src});
    }
    return;
  }
  auto& list = kept.observations;
  Observation o = reduced(row);
  const auto tap = taps_.find(row.inside_tap);
  if (tap != taps_.end() && row.end + Nanoseconds(o.came_after) > tap->second) o.came_after = 0;
  if (list.size() < most_) {
    list.push_back(o);
    if (list.size() == most_) std::make_heap(list.begin(), list.end(), earlier);
  } else if (earlier(o, list.front())) {
    std::pop_heap(list.begin(), list.end(), earlier);
    list.back() = o;
    std::push_heap(list.begin(), list.end(), earlier);
  }
}

void BehaviourBuilder::seal() {
  for (auto& [nat, kept] : nats_) {
    std::sort(kept.observations.begin(), kept.observations.end(), earlier);
    for (const Observation& o : kept.observations)
      kept.external.insert({o.protocol, o.external});
  }
}

bool BehaviourBuilder::unpaired(const UnpairedRow& row) {
  const Endpoint to = destination(row.original);
  const std::uint8_t protocol = row.original.protocol;
  bool wanted = false;
  for (auto& [nat, kept] : nats_) {
    if (kept.inside_tap == kept.outside_tap || kept.external.count({protocol, to}) == 0)
      continue;
    if (row.tap == kept.outside_tap && kept.refusals.size() < kMostRefusals) {
      kept.refusals.push_back(
          {row.connection, row.start.ns(), to, source(row.original), protocol});
      wanted = true;
    } else if (row.tap == kept.inside_tap && kept.hairpins.size() < most_) {
      kept.hairpins.push_back({row.connection, protocol, to, row.original.src, Address()});
      wanted = true;
    }
  }
  return wanted;
}

void BehaviourBuilder::judge(const Nat& nat,
                             const Kept& kept,
                             std::vector<Behaviour>& out) const {
  std::map<std::uint8_t, std::vector<Observation>> by_protocol;
  for (const Observation& o : kept.observations) {
    if (has_ports(o.protocol)) by_protocol[o.protocol].push_back(o);
  }
  const std::vector<Hairpin> hairpins = hairpins_of(kept);
  for (const Hairpin& h : hairpins) by_protocol[h.protocol];
  for (auto& [protocol, list] : by_protocol) {
    const std::size_t first = out.size();
    std::vector<Refusal> refusals;
    for (const Refusal& r : kept.refusals) {
      if (r.protocol == protocol) refusals.push_back(r);
    }
    const Observed seen(std::move(list));
    out.push_back(mapping_behaviour(seen, protocol));
    out.push_back(filtering_behaviour(seen, refusals));
    port_behaviours(seen, out);
    if (!is_icmp(protocol)) port_order(seen, out);
    out.push_back(timeout_bounds(seen, refusals, true));
    if (protocol != protocol::kTcp) out.push_back(timeout_bounds(seen, refusals, false));
    if (protocol != protocol::kTcp) out.push_back(refresh_behaviour(seen, refusals));
    if (!is_icmp(protocol)) out.push_back(port_reuse(seen));
    out.push_back(hairpinning(hairpins, protocol));
    out.push_back(determinism(out[first], *conflict_of(out, first)));
    for (std::size_t i = first; i < out.size(); ++i) out[i].protocol = protocol;
  }
  const Observed all(kept.observations);
  out.push_back(pooling_behaviour(all));
  out.push_back(port_blocks(all));
  out.push_back(block_order(all));
  for (Behaviour& row : out) row.nat = nat.id;
}

// Those of the taps' hairpin pair that asked for an address of this NAT, and its own failures.
std::vector<Hairpin> BehaviourBuilder::hairpins_of(const Kept& kept) const {
  std::vector<Hairpin> out = kept.hairpins;
  if (kept.inside_tap == kept.outside_tap) return out;
  std::set<Address> addresses;
  for (const auto& [protocol, end] : kept.external) addresses.insert(end.address);
  for (const auto& [nat, other] : nats_) {
    if (other.inside_tap != kept.inside_tap || other.outside_tap != kept.inside_tap) continue;
    for (const Hairpin& h : other.hairpins) {
      if (addresses.count(h.asked.address) != 0) out.push_back(h);
    }
  }
  return out;
}

// A tap that meets itself is the inside of another pair, which tells of the hairpins too.
bool BehaviourBuilder::told_elsewhere(const Kept& kept) const {
  if (kept.inside_tap != kept.outside_tap || !kept.observations.empty()) return false;
  return std::any_of(nats_.begin(), nats_.end(), [&](const auto& other) {
    return other.second.inside_tap == kept.inside_tap &&
           other.second.outside_tap != kept.inside_tap;
  });
}

std::vector<Behaviour> BehaviourBuilder::rows(std::span<const Nat> nats) const {
  std::vector<Behaviour> rows;
  for (const Nat& nat : nats) {
    const auto found = nats_.find(nat.id);
    if (found == nats_.end() || told_elsewhere(found->second)) continue;
    std::vector<Behaviour> of_nat;
    judge(nat, found->second, of_nat);
    std::move(of_nat.begin(), of_nat.end(), std::back_inserter(rows));
  }
  return rows;
}

}  // namespace natlens::nat
