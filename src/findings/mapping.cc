// Mapping behaviour: what the NAT shows of one inside endpoint, and of one host.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "between.h"
#include "mapped.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"NAT-MAPPING-SYMMETRIC", "NAT-MAPPING-UNSTABLE", "NAT-POOL-ARBITRARY", "NAT-DOUBLE"});

using Pair = std::pair<const Mapped*, const Mapped*>;  // earlier, later

// Two flows of one inside endpoint that were there at once, and look different from outside.
std::vector<Pair> pairs_that_differ(const std::vector<Mapped>& flows, std::uint8_t protocol) {
  constexpr std::size_t kMost = 1000;
  constexpr std::size_t kLookBack = 32;
  std::map<Endpoint, std::vector<const Mapped*>> by_internal;
  std::vector<Pair> out;
  for (const Mapped& flow : flows) {
    if (flow.protocol != protocol) continue;
    auto& list = by_internal[flow.internal];
    const std::size_t from = list.size() > kLookBack ? list.size() - kLookBack : 0;
    for (std::size_t i = from; i < list.size() && out.size() < kMost; ++i) {
      const Mapped& earlier = *list[i];
      if (earlier.external == flow.external || earlier.far == flow.far) continue;
      if (earlier.overlaps(flow)) out.emplace_back(&earlier, &flow);
    }
    list.push_back(&flow);
  }
  return out;
}

bool same_address(const Pair& pair) {
  return pair.first->external.address == pair.second->external.address;
}

// The flow of another host that holds the port that `later` would have had.
const Mapped* holder(const std::vector<Mapped>& flows, const Pair& pair) {
  const Mapped& later = *pair.second;
  const Mapped* out = nullptr;
  for (const Mapped& flow : flows) {
    if (flow.start > later.start) break;
    const bool wanted = flow.external.port == pair.first->external.port ||
                        flow.external.port == later.internal.port;
    if (flow.protocol == later.protocol && flow.internal != later.internal && wanted &&
        flow.external.address == later.external.address && flow.far == later.far) {
      out = &flow;
    }
  }
  return out;
}

// Hosts behind this NAT look for direct paths to others.
bool has_peers(const Picture& picture, const Nat& nat) {
  return std::any_of(picture.statements().begin(), picture.statements().end(),
                     [&](const Statement& s) {
                       return s.protocol == "stun" && s.connection != kNone &&
                              (s.frame.tap == nat.inside_tap || s.frame.tap == nat.outside_tap);
                     });
}

Draft mapping_draft(const Case& of, const Nat& nat, const Behaviour& row) {
  Draft draft;
  draft.confidence = confidence_of(row);
  draft.subject = Subject::kNat;
  draft.subject_id = nat.id;
  draft.facts = {{"protocol", protocol_name(row.protocol)},
                 {"behaviour", row.value},
                 {"evidence_for", row.evidence_for},
                 {"evidence_against", row.evidence_against},
                 {"detail", row.detail}};
  draft.text = fmt::format("the NAT between {} and {}", of.picture.name(nat.inside_tap),
                           of.picture.name(nat.outside_tap));
  return draft;
}

void add_pair(const Case& of, const Pair& pair, Draft& draft) {
  draft.facts["internal"] = end_text(pair.first->internal);
  draft.facts["external"] = {end_text(pair.first->external), end_text(pair.second->external)};
  draft.facts["remote"] = {end_text(pair.first->far), end_text(pair.second->far)};
  show(of.picture, pair.first->translation, Role::kExample, draft);
  show(of.picture, pair.second->translation, Role::kExample, draft);
}

void report_symmetric(const Case& of,
                      const Nat& nat,
                      const Behaviour& row,
                      const std::vector<Pair>& pairs) {
  const bool pool = std::none_of(pairs.begin(), pairs.end(), same_address);
  const auto shown = pool ? pairs.begin()
                          : std::find_if(pairs.begin(), pairs.end(),
                                         [](const Pair& p) { return same_address(p); });
  Draft draft = mapping_draft(of, nat, row);
  draft.code = "NAT-MAPPING-SYMMETRIC";
  const bool peers = has_peers(of.picture, nat);
  draft.severity = peers && !pool ? Severity::kWarning : Severity::kInfo;
  draft.variant = fmt::format("{}{}", protocol_name(row.protocol), pool ? "-pool" : "");
  draft.count = row.evidence_for;
  draft.facts["peer_to_peer"] = peers;
  add_pair(of, *shown, draft);
  draft.text += fmt::format(
      " gives one inside endpoint another external one towards another destination ({}, {}): "
      "{} is {} for {} and {} for {}",
      protocol_name(row.protocol), row.value, end_text(shown->first->internal),
      end_text(shown->first->external), end_text(shown->first->far),
      end_text(shown->second->external), end_text(shown->second->far));
  of.report.raise(std::move(draft));
}

void report_unstable(const Case& of,
                     const Nat& nat,
                     const Behaviour& row,
                     const std::vector<Mapped>& flows,
                     const std::vector<Pair>& pairs) {
  const bool conflict = row.value != "mixed";
  std::vector<Pair> shown;
  const Mapped* held = nullptr;
  for (const Pair& pair : pairs) {
    if (!same_address(pair)) continue;
    const Mapped* other = holder(flows, pair);
    if (conflict && other == nullptr) continue;
    // A mapping chosen in a clash is used again for what comes later.
    if (!conflict && (other != nullptr || !pair.first->preserved())) continue;
    if (held == nullptr) held = other;
    shown.push_back(pair);
  }
  constexpr std::size_t kLeastUnexplained = 2;
  if (shown.size() < (conflict ? 1 : kLeastUnexplained)) return;
  Draft draft = mapping_draft(of, nat, row);
  draft.code = "NAT-MAPPING-UNSTABLE";
  draft.severity = Severity::kWarning;
  draft.variant = conflict ? "conflict" : "unexplained";
  draft.count = shown.size();
  draft.facts["primary"] = "endpoint-independent";
  draft.facts["secondary"] = conflict ? "another port" : "varies";
  add_pair(of, shown.front(), draft);
  if (held != nullptr) {
    draft.facts["held_by"] = end_text(held->internal);
    show(of.picture, held->translation, Role::kCause, draft);
  }
  draft.text += fmt::format(
      " changes its mapping behaviour ({}): {} is {} for {}, but {} for {}{}",
      protocol_name(row.protocol), end_text(shown.front().first->internal),
      end_text(shown.front().first->external), end_text(shown.front().first->far),
      end_text(shown.front().second->external), end_text(shown.front().second->far),
      held == nullptr
          ? std::string(", and no clash of ports explains it")
          : fmt::format(", where {} has that port already", end_text(held->internal)));
  of.report.raise(std::move(draft));
}

void report_mapping(const Case& of, const Nat& nat, const std::vector<Mapped>& flows) {
  for (const std::uint8_t protocol : protocols_of(of.picture, nat)) {
    const Behaviour* row = behaviour_of(of.picture, nat, protocol, "mapping");
    if (row == nullptr || row->value == "endpoint-independent") continue;
    const auto pairs = pairs_that_differ(flows, protocol);
    if (pairs.empty()) continue;
    if (row->value == "mixed" || row->value == "endpoint-independent until conflict") {
      report_unstable(of, nat, *row, flows, pairs);
    } else {
      report_symmetric(of, nat, *row, pairs);
    }
  }
}

// ---- pools, and NATs behind NATs

void report_pool(const Case& of, const Nat& nat, const std::vector<Mapped>& flows) {
  const Behaviour* row = behaviour_of(of.picture, nat, 0, "pooling");
  if (row == nullptr || !row->value.starts_with("arbitrary")) return;
  constexpr std::size_t kLookBack = 64;
  std::optional<Pair> shown;
  std::optional<Pair> session;  // one server sees two addresses
  std::map<Address, std::vector<const Mapped*>> by_host;
  std::map<std::string, std::uint64_t> addresses;
  for (const Mapped& flow : flows) {
    ++addresses[to_string(flow.external.address)];
    auto& list = by_host[flow.internal.address];
    for (std::size_t i = list.size() > kLookBack ? list.size() - kLookBack : 0; i < list.size();
         ++i) {
      const Pair pair(list[i], &flow);
      if (same_address(pair) || !list[i]->overlaps(flow)) continue;
      if (!shown) shown = pair;
      if (!session && list[i]->far.address == flow.far.address) session = pair;
    }
    list.push_back(&flow);
  }
  if (!shown) return;
  const bool policy = row->value == "arbitrary, by destination";
  const Pair& pair = session ? *session : *shown;
  Draft draft = mapping_draft(of, nat, *row);
  draft.code = "NAT-POOL-ARBITRARY";
  draft.severity = session ? Severity::kWarning : Severity::kInfo;
  draft.variant = policy ? "policy" : "";
  draft.count = row->evidence_for;
  draft.facts.erase("protocol");
  draft.facts["addresses"] = addresses;
  add_pair(of, pair, draft);
  draft.text += fmt::format(
      " shows {} with several addresses at once: {} towards {}, {} towards {}",
      to_string(pair.first->internal.address), end_text(pair.first->external),
      end_text(pair.first->far), end_text(pair.second->external), end_text(pair.second->far));
  of.report.raise(std::move(draft));
}

// A server outside tells of yet another address, or the one here is private.
void report_double(const Case& of, const Nat& nat, const std::vector<Mapped>& flows) {
  const Picture& picture = of.picture;
  Draft draft;
  draft.code = "NAT-DOUBLE";
  draft.severity = Severity::kInfo;
  draft.subject = Subject::kNat;
  draft.subject_id = nat.id;
  const auto hidden = std::find_if(flows.begin(), flows.end(), [](const Mapped& flow) {
    return flow.external.address.is_private();
  });
  if (hidden != flows.end()) {
    const auto bytes = hidden->external.address.bytes();
    const bool cgn = hidden->external.address.is_v4() && bytes[0] == 100;
    draft.variant = "private";
    draft.count = flows.size();
    draft.facts = {{"external", to_string(hidden->external.address)}, {"cgn", cgn}};
    draft.text = fmt::format(
        "{} leaves the NAT between {} and {} as {}, which is no public address: another NAT "
        "follows",
        to_string(hidden->internal.address), picture.name(nat.inside_tap),
        picture.name(nat.outside_tap), to_string(hidden->external.address));
    show(picture, hidden->translation, Role::kExample, draft);
    of.report.raise(std::move(draft));
    return;
  }
  for (const Mapped& flow : flows) {
    const std::uint32_t outside = picture.translations()[flow.translation].outside;
    for (const Statement& said : picture.statements()) {
      if (said.connection != outside || said.protocol != "stun" || said.says != "mapped" ||
          said.speaker != "reply" || said.named.address == Address() ||
          said.named.address == flow.external.address) {
        continue;
      }
      draft.variant = "beyond";
      draft.facts = {{"external", to_string(flow.external.address)},
                     {"mapped", end_text(said.named)},
                     {"cgn", false}};
      draft.text = fmt::format("{} left {} as {}, and the server saw it as {}",
                               end_text(flow.internal), picture.name(nat.outside_tap),
                               end_text(flow.external), end_text(said.named));
      draft.frame(Role::kCause, said.frame);
      show(picture, flow.translation, Role::kExample, draft);
      of.report.raise(std::move(draft));
      return;
    }
  }
}

void run(const Case& of) {
  for (const Nat& nat : of.picture.nats()) {
    if (!is_nat(nat.relation) || nat.inside_tap == nat.outside_tap) continue;
    const auto flows = mapped_by(of.picture, nat);
    report_mapping(of, nat, flows);
    report_pool(of, nat, flows);
    report_double(of, nat, flows);
  }
}

}  // namespace

const Family kMapping{kCodes, run};

}  // namespace natlens::findings
