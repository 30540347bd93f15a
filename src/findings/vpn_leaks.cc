// Traffic beside a tunnel that carries the same traffic. What belongs in a tunnel is learned
// from what it carries: policy is not known. A leak is told where the tunnel's own host is next
// to the tap, so that nobody else's traffic is taken for its own.
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

constexpr auto kCodes = std::to_array<std::string_view>({"VPN-LEAK", "VPN-DNS-LEAK"});

constexpr Nanoseconds kUp = std::chrono::seconds(180);       // behind the last packet
constexpr Nanoseconds kLearned = std::chrono::minutes(10);   // a destination belongs inside
constexpr Nanoseconds kDuplicate = std::chrono::seconds(5);  // the same name is asked twice

bool is_private_network(std::string_view kind) {
  return kind == "wireguard" || kind == "openvpn" || kind == "esp";
}

// Nobody lowered it yet.
bool is_fresh(std::uint8_t ttl) {
  return ttl == 64 || ttl == 128 || ttl == 255;
}

// What the tunnel carried to a destination: the first connection, and until when.
struct Inside {
  std::uint32_t first = kNone;
  Timestamp last = Timestamp::none();
};

// A tunnel at the uplink of the host that opened it.
struct Uplink {
  std::int64_t tap = 0;
  Address host;
  std::uint32_t carrier = kNone;
  Address peer;
  std::uint8_t ttl = 0;
  Timestamp first;
  Timestamp last;
  std::map<Address, Inside> inner;  // by destination
  std::set<std::uint32_t> flows;    // what it carried
};

// Hosts that inner traffic comes out of: theirs is no leak.
std::set<Address> exits_of(const Picture& picture, const std::set<std::uint32_t>& flows) {
  std::set<Address> out;
  std::set<std::uint32_t> inner;
  for (const Carrier& row : picture.carriers()) inner.insert(row.inner);
  for (const Translation& t : picture.translations()) {
    if (t.kind == correlate::TranslationKind::kTunnel) continue;
    for (const std::uint32_t index : {t.inside, t.outside}) {
      if (inner.contains(index) || !flows.contains(picture.flow(index))) continue;
      out.insert(picture.connections()[index].original.src);
    }
  }
  return out;
}

std::vector<Uplink> uplinks_of(const Picture& picture) {
  std::map<std::tuple<std::int64_t, Address, Address>, Uplink> found;
  std::set<std::uint32_t> flows;
  for (const Carrier& row : picture.carriers()) {
    if (row.carrier == kNone || row.direction != 0 || !is_private_network(row.kind)) continue;
    const Connection& carrier = picture.connections()[row.carrier];
    const Connection& inner = picture.connections()[row.inner];
    flows.insert(picture.flow(row.inner));
    if (!is_fresh(carrier.ttl) || !carrier.beginning_seen) continue;
    Uplink& up = found[{carrier.tap, carrier.original.src, carrier.original.dst}];
    if (up.carrier == kNone) {
      up = {carrier.tap, carrier.original.src, row.carrier,  carrier.original.dst,
            carrier.ttl, carrier.start,        carrier.last, {},
            {}};
    }
    up.first = std::min(up.first, carrier.start);
    up.last = std::max(up.last, carrier.last);
    Inside& known = up.inner[inner.original.dst];
    known.first = std::min(known.first, row.inner);  // by start
    known.last = known.last.has_value() ? std::max(known.last, inner.last) : inner.last;
    up.flows.insert(picture.flow(row.inner));
  }
  const auto exits = exits_of(picture, flows);
  std::vector<Uplink> out;
  for (auto& [key, up] : found) {
    if (!exits.contains(up.host) && !picture.is_external(up.host)) out.push_back(std::move(up));
  }
  return out;
}

bool is_beside(const Uplink& up, const Picture& picture, std::uint32_t index) {
  const Connection& c = picture.connections()[index];
  return c.tap == up.tap && c.depth == 0 && c.original.src == up.host && c.ttl == up.ttl &&
         c.original.dst != up.peer && c.beginning_seen && Gates::meant_to_pass(c.original) &&
         c.start >= up.first && c.start <= up.last + kUp &&
         !up.flows.contains(picture.flow(index));
}

bool is_dns(const Tuple& tuple) {
  return (is_udp(tuple) || is_tcp(tuple)) && (tuple.dst_port == 53 || tuple.dst_port == 853);
}

Draft leak_draft(const Case& of,
                 const Uplink& up,
                 std::string_view code,
                 std::uint32_t beside,
                 std::uint32_t inside) {
  const Connection& leak = of.picture.connections()[beside];
  const Connection& inner = of.picture.connections()[inside];
  const Connection& carrier = of.picture.connections()[up.carrier];
  Draft draft;
  draft.code = code;
  draft.confidence = Confidence::kLikely;
  draft.subject = Subject::kTunnel;
  draft.subject_id = carrier.id;
  draft.count = leak.counters[0].packets;
  draft.facts = {{"destination", end_text(destination(leak.original))},
                 {"bytes", leak.counters[0].bytes + leak.counters[1].bytes},
                 {"tunnel", flow_text(carrier.original)},
                 {"inner", flow_text(inner.original)}};
  draft.frame(Role::kCause, leak.first_frame);
  draft.frame(Role::kCause, leak.last_frame);
  draft.frame(Role::kControl, inner.first_frame);
  draft.frame(Role::kExample, carrier.first_frame);
  draft.connections = {beside};
  return draft;
}

// Destinations that the tunnel carries, too.
void report_leaks(const Case& of, const Uplink& up) {
  const Picture& picture = of.picture;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    if (!is_beside(up, picture, i)) continue;
    const Connection& leak = picture.connections()[i];
    const auto known = up.inner.find(leak.original.dst);
    if (known == up.inner.end()) continue;
    const Connection& inner = picture.connections()[known->second.first];
    if (prefix_of(leak.original.dst) == prefix_of(up.host)) continue;  // its own network
    if (leak.start > known->second.last + kLearned || leak.start < inner.start) continue;
    const bool dns = is_dns(leak.original);
    const bool same = leak.original == inner.original;
    Draft draft = leak_draft(of, up, dns ? "VPN-DNS-LEAK" : "VPN-LEAK", i, known->second.first);
    draft.variant = dns                      ? "resolver"
                    : same                   ? "same-flow"
                    : is_icmp(leak.original) ? "icmp"
                    : leak.start > up.last   ? "after-down"
                                             : "split";
    if (same) draft.confidence = Confidence::kCertain;
    draft.facts["learned_within_s"] = seconds_of(kLearned);
    draft.text = fmt::format("{} left {} beside the tunnel, which carried {} before",
                             flow_text(leak.original), picture.name(leak.tap),
                             flow_text(inner.original));
    of.report.raise(std::move(draft));
  }
}

// The same name is asked for inside the tunnel and beside it.
void report_names(const Case& of, const Uplink& up) {
  const Picture& picture = of.picture;
  std::map<std::string, std::vector<const Statement*>> inside;  // by name
  std::set<std::uint32_t> carried;
  for (const Carrier& row : picture.carriers()) {
    if (up.flows.contains(picture.flow(row.inner))) carried.insert(row.inner);
  }
  for (const Statement& said : picture.statements()) {
    if (said.protocol == "dns" && said.says == "query" && carried.contains(said.connection))
      inside[said.text].push_back(&said);
  }
  for (const Statement& said : picture.statements()) {
    if (said.protocol != "dns" || said.says != "query" || said.connection == kNone) continue;
    const auto same = inside.find(said.text);
    if (same == inside.end() || !is_beside(up, picture, said.connection)) continue;
    const auto twin =
        std::find_if(same->second.begin(), same->second.end(), [&](const Statement* other) {
          return std::chrono::abs(other->frame.time - said.frame.time) <= kDuplicate;
        });
    if (twin == same->second.end()) continue;
    Draft draft = leak_draft(of, up, "VPN-DNS-LEAK", said.connection, (*twin)->connection);
    draft.variant = "duplicate";
    draft.confidence = Confidence::kCertain;
    draft.count = 1;
    draft.facts["name"] = said.text;
    draft.facts["window_s"] = seconds_of(kDuplicate);
    draft.text = fmt::format(
        "{} asked {} for {} beside the tunnel, and asked for it inside, too",
        to_string(up.host),
        end_text(destination(picture.connections()[said.connection].original)), said.text);
    draft.frame(Role::kCause, said.frame);
    draft.frame(Role::kControl, (*twin)->frame);
    of.report.raise(std::move(draft));
  }
}

void run(const Case& of) {
  for (const Uplink& up : uplinks_of(of.picture)) {
    report_leaks(of, up);
    report_names(of, up);
  }
}

}  // namespace

const Family kVpnLeaks{kCodes, run};

}  // namespace natlens::findings
