// Tunnels on their way: roaming, tunnels in tunnels, through NATs, and what is lost in them.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"VPN-INNER-LOST", "VPN-ROAMED", "VPN-NESTED", "VPN-ESP-NAT"});

Draft tunnel_draft(std::string_view code, Severity severity, const Connection& carrier) {
  Draft draft;
  draft.code = code;
  draft.severity = severity;
  draft.subject = Subject::kTunnel;
  draft.subject_id = carrier.id;
  return draft;
}

// ---- roaming

// Sessions whose key one end chose for itself alone.
bool has_own_key(std::string_view kind) {
  return kind == "wireguard" || kind == "esp";
}

bool same_ends(const Tuple& one, const Tuple& other) {
  return one == other || turned(one) == other;
}

void report_roamed(const Case& of, std::uint32_t before, std::uint32_t after) {
  const Picture& picture = of.picture;
  const Connection& old = picture.connections()[before];
  const Connection& now = picture.connections()[after];
  const std::set<Endpoint> kept = {source(old.original), destination(old.original)};
  const bool source_moved = !kept.contains(source(now.original));
  const Endpoint moved = source_moved ? source(now.original) : destination(now.original);
  const Endpoint stayed = source_moved ? destination(now.original) : source(now.original);
  if (!kept.contains(stayed) || kept.contains(moved)) return;
  const Endpoint from =
      source(old.original) == stayed ? destination(old.original) : source(old.original);
  const bool mapping = of.report.raised("NAT-MAPPING-CHANGED", after) ||
                       of.report.raised("NAT-MAPPING-CHANGED", before);
  Draft draft = tunnel_draft("VPN-ROAMED", Severity::kInfo, now);
  draft.variant = from.address == moved.address ? "port" : "address";
  draft.confidence = Confidence::kLikely;
  draft.facts = {{"old", end_text(from)},
                 {"new", end_text(moved)},
                 {"outage_ms", std::max<std::int64_t>(0, ms_of(now.start - old.last))},
                 {"cause", mapping ? "NAT-MAPPING-CHANGED" : "unknown"}};
  draft.text = fmt::format("the session with {} went on from {}, which was {} before",
                           end_text(stayed), end_text(moved), end_text(from));
  draft.frame(Role::kExample, old.last_frame);
  draft.frame(Role::kCause, now.first_frame);
  draft.connections = {before, after};
  of.report.raise(std::move(draft));
}

void report_roaming(const Case& of) {
  const Picture& picture = of.picture;
  // By tap, kind and key.
  std::map<std::tuple<std::int64_t, std::string, std::uint64_t>, std::set<std::uint32_t>> users;
  for (const Carrier& row : picture.carriers()) {
    if (row.carrier == kNone || row.key == 0 || !has_own_key(row.kind)) continue;
    users[{picture.connections()[row.carrier].tap, row.kind, row.key}].insert(row.carrier);
  }
  std::set<std::pair<std::uint32_t, std::uint32_t>> told;  // flows
  for (const auto& [session, carriers] : users) {
    for (auto after = carriers.begin(); after != carriers.end(); ++after) {
      if (after == carriers.begin()) continue;
      const auto before = std::prev(after);
      const Connection& old = picture.connections()[*before];
      const Connection& now = picture.connections()[*after];
      if (same_ends(old.original, now.original)) continue;
      if (told.emplace(picture.flow(*before), picture.flow(*after)).second)
        report_roamed(of, *before, *after);
    }
  }
}

// ---- tunnels in tunnels

void report_nested(const Case& of) {
  const Picture& picture = of.picture;
  std::map<std::uint32_t, const Carrier*> inside;  // what carries a connection
  for (const Carrier& row : picture.carriers()) {
    if (row.carrier != kNone) inside.emplace(row.inner, &row);
  }
  std::set<std::pair<std::uint32_t, std::uint32_t>> told;
  for (const Carrier& row : picture.carriers()) {
    if (row.carrier == kNone) continue;
    const auto outer = inside.find(row.carrier);
    if (outer == inside.end() || outer->second->carrier == row.carrier) continue;
    const std::uint32_t below = outer->second->carrier;
    if (!told.emplace(picture.flow(row.carrier), picture.flow(below)).second) continue;
    const Connection& middle = picture.connections()[row.carrier];
    const Connection& outermost = picture.connections()[below];
    const auto ends = [](const Tuple& t) {
      return std::pair(std::min(t.src, t.dst), std::max(t.src, t.dst));
    };
    const bool recursive =
        row.kind == outer->second->kind && ends(middle.original) == ends(outermost.original);
    Draft draft =
        tunnel_draft("VPN-NESTED", recursive ? Severity::kError : Severity::kInfo, outermost);
    draft.variant = recursive ? "recursive" : "";
    draft.confidence = row.aligned ? Confidence::kLikely : Confidence::kCertain;
    draft.facts = {{"layers", {outer->second->kind, row.kind}},
                   {"outer", flow_text(outermost.original)},
                   {"inner", flow_text(middle.original)}};
    draft.text =
        fmt::format("{} ({}) is inside {} ({}){}", row.kind, flow_text(middle.original),
                    outer->second->kind, flow_text(outermost.original),
                    recursive ? ": the tunnel's own packets are routed into the tunnel" : "");
    draft.frame(Role::kCause, middle.first_frame);
    draft.frame(Role::kCause, outermost.first_frame);
    draft.frame(Role::kExample, picture.connections()[row.inner].first_frame);
    draft.frame(Role::kExample, middle.last_frame);
    draft.connections = {row.carrier, below};
    of.report.raise(std::move(draft));
  }
}

// ---- IPsec without ports behind a NAT

struct Passing {
  std::uint32_t translation = kNone;
  const Connection* inside = nullptr;
  const Connection* outside = nullptr;
};

Draft esp_draft(const Case& of, const Nat& nat, const Passing& one, Severity severity) {
  Draft draft;
  draft.code = "VPN-ESP-NAT";
  draft.severity = severity;
  draft.subject = Subject::kNat;
  draft.subject_id = nat.id;
  draft.facts = {{"protocol", protocol_name(one.inside->original.protocol)},
                 {"host", to_string(one.inside->original.src)},
                 {"external", to_string(one.outside->original.src)},
                 {"peer", to_string(one.outside->original.dst)}};
  draft.frame(Role::kCause, one.inside->first_frame);
  draft.frame(Role::kCause, one.outside->first_frame);
  const Translation& t = of.picture.translations()[one.translation];
  draft.connections = {t.inside, t.outside};
  return draft;
}

void report_esp(const Case& of, const Nat& nat) {
  const Picture& picture = of.picture;
  std::map<Address, std::map<Address, Passing>> by_peer;  // then by host
  for (std::uint32_t i = 0; i < picture.translations().size(); ++i) {
    const Translation& t = picture.translations()[i];
    const Connection& inside = picture.connections()[t.inside];
    const Connection& outside = picture.connections()[t.outside];
    const std::uint8_t protocol = inside.original.protocol;
    if (t.nat != nat.id || t.kind != correlate::TranslationKind::kSnat || t.reversed) continue;
    if (protocol != protocol::kEsp && protocol != protocol::kAh) continue;
    const Passing passing{i, &inside, &outside};
    if (protocol == protocol::kAh) {
      Draft draft = esp_draft(of, nat, passing, Severity::kError);
      draft.variant = "ah";
      draft.text = fmt::format(
          "{} authenticates its addresses, and left as {}: the peer refuses every packet",
          flow_text(inside.original), to_string(outside.original.src));
      of.report.raise(std::move(draft));
      continue;
    }
    by_peer[outside.original.dst].emplace(inside.original.src, passing);
  }
  for (const auto& [peer, hosts] : by_peer) {
    for (const auto& [host, passing] : hosts) {
      const bool several = hosts.size() >= 2;
      if (!several && !passing.inside->answered()) continue;
      Draft draft = esp_draft(of, nat, passing, several ? Severity::kError : Severity::kInfo);
      draft.variant = several ? "ambiguous" : "passthrough";
      draft.facts["hosts"] = hosts.size();
      draft.text =
          several
              ? fmt::format(
                    "{} inside hosts send plain ESP to {}: without ports the NAT cannot tell "
                    "whose answers are whose",
                    hosts.size(), to_string(peer))
              : fmt::format("plain ESP between {} and {} passes the NAT, for this host alone",
                            to_string(host), to_string(peer));
      of.report.raise(std::move(draft));
    }
  }
}

// ---- lost inside

// Packets that this direction of the carriers of a connection lost between taps.
std::uint64_t lost_in_transit(const Case& of, std::uint32_t inner, std::uint8_t direction) {
  const Picture& picture = of.picture;
  std::set<std::uint32_t> carriers;
  for (const Carrier& row : picture.carriers()) {
    if (row.inner == inner && row.direction == direction && row.carrier != kNone)
      carriers.insert(row.carrier);
  }
  std::uint64_t lost = 0;
  for (const std::uint32_t carrier : carriers) {
    for (const std::uint32_t t : picture.translations_of(carrier)) {
      for (const Fate& fate : picture.fates_of(picture.translations()[t])) {
        lost += fate.fate == correlate::Fate::kOnlyBefore;
      }
    }
  }
  return lost;
}

void report_inner(const Case& of, const Crossing& way) {
  const Picture& picture = of.picture;
  const double warn = of.parameters["loss_warn"];
  const double err = of.parameters["loss_err"];
  const auto least = static_cast<std::uint64_t>(of.parameters["loss_least"]);
  for (const LostPackets& lost : lost_packets(of, way, "VPN-INNER-LOST")) {
    if (lost.lost < least || lost.ratio() <= warn) continue;
    const Translation& t = picture.translations()[lost.translation];
    const std::uint32_t inner =
        picture.connections()[t.inside].tap == way.before ? t.inside : t.outside;
    const auto row = std::find_if(
        picture.tunnelled().begin(), picture.tunnelled().end(),
        [&](const Tunnelled& r) { return r.inner == inner && r.direction == lost.direction; });
    if (row == picture.tunnelled().end()) continue;
    const std::uint64_t outer = lost_in_transit(of, inner, lost.direction);
    const Connection& c = picture.connections()[inner];
    Draft draft;
    draft.code = "VPN-INNER-LOST";
    draft.severity = lost.ratio() > err ? Severity::kError : Severity::kWarning;
    draft.variant = row->lost >= lost.lost ? "not-encapsulated"
                    : outer >= lost.lost   ? "transit"
                                           : "not-decapsulated";
    draft.confidence = Confidence::kLikely;
    draft.subject_id = c.id;
    draft.count = lost.lost;
    draft.facts = {{"sent", lost.lost + lost.passed},
                   {"lost", lost.lost},
                   {"ratio", lost.ratio()},
                   {"not_encapsulated", row->lost},
                   {"lost_in_transit", outer},
                   {"sizes_lost", {lost.smallest, lost.largest}},
                   {"loss_warn", warn},
                   {"loss_err", err},
                   {"loss_least", least}};
    draft.text = fmt::format(
        "{}: {} of {} packets entered the tunnel at {} and did not come out at {} ({})",
        flow_text(c.original), lost.lost, lost.lost + lost.passed, picture.name(way.before),
        picture.name(way.after), draft.variant);
    for (const Fate* fate : lost.proven) draft.frame(Role::kCause, fate->frame);
    draft.missing(way.after, lost.proven.front()->frame.time);
    draft.connections = {t.inside, t.outside};
    of.report.raise(std::move(draft));
  }
}

void run(const Case& of) {
  report_roaming(of);
  report_nested(of);
  for (const Nat& nat : of.picture.nats()) {
    if (is_nat(nat.relation) && nat.inside_tap != nat.outside_tap) report_esp(of, nat);
  }
  for (const Crossing& way : crossings(of.picture, [](nat::Relation relation) {
         return is_nat(relation) || is_plain(relation);
       })) {
    report_inner(of, way);
  }
}

}  // namespace

const Family kVpnPaths{kCodes, run};

}  // namespace natlens::findings
