// What arrives from outside: nobody asked for it, or a port-forward leads nowhere; and answers
// that reach the inside without being translated back.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"NAT-UNSOLICITED", "NAT-FORWARD-DEAD", "NAT-REPLY-UNTRANSLATED"});

// How long a mapping may live without a packet, as far as nothing better is known.
constexpr Nanoseconds kLife = std::chrono::seconds(120);

// Mappings and who was contacted through them, by external endpoint.
class Externals {
 public:
  explicit Externals(const Picture& picture) {
    for (const Mapping& mapping : picture.mappings()) {
      mappings_[{mapping.protocol, mapping.external}].push_back(&mapping);
    }
    for (const Translation& t : picture.translations()) {
      const Tuple& out = picture.connections()[t.outside].original;
      contacted_[{out.protocol, source(out)}].insert(out.dst);
    }
  }
  const Mapping* at(const Tuple& inbound, Timestamp time) const {
    const auto known = mappings_.find({inbound.protocol, destination(inbound)});
    const Mapping* found = nullptr;
    if (known == mappings_.end()) return found;
    for (const Mapping* mapping : known->second) {
      if (mapping->kind == correlate::TranslationKind::kDnat) return mapping;
      if (time >= mapping->first && time <= mapping->last + kLife) found = mapping;
    }
    return found;
  }
  bool contacted(const Tuple& inbound) const {
    const auto known = contacted_.find({inbound.protocol, destination(inbound)});
    return known != contacted_.end() && known->second.contains(inbound.src);
  }

 private:
  using Key = std::pair<std::uint8_t, Endpoint>;
  std::map<Key, std::vector<const Mapping*>> mappings_;
  std::map<Key, std::set<Address>> contacted_;
};

// Only with resets, or ICMP errors: whoever answers otherwise is a service of the NAT itself.
bool refused_only(const Picture& picture, std::uint32_t index) {
  const Connection& c = picture.connections()[index];
  const auto resets = notes_of_kind(picture, index, stream::NoteKind::kReset);
  return c.counters[1].packets <= resets.size();
}

std::string unsolicited_variant(const Picture& picture,
                                const Externals& externals,
                                std::uint32_t index) {
  const Connection& c = picture.connections()[index];
  if (externals.at(c.original, c.start) != nullptr) {
    return externals.contacted(c.original) ? "filtered-port" : "filtered-address";
  }
  return was_refused(picture, index) ? "refused" : "no-mapping";
}

// One that came for many ports within ten seconds scans.
std::set<Address> scanners(const Picture& picture,
                           const std::vector<std::uint32_t>& all,
                           double most) {
  constexpr Nanoseconds kWindow = std::chrono::seconds(10);
  std::map<Address, std::vector<std::pair<Timestamp, std::uint16_t>>> by_source;
  for (const std::uint32_t i : all) {
    const Connection& c = picture.connections()[i];
    by_source[c.original.src].emplace_back(c.start, c.original.dst_port);
  }
  std::set<Address> out;
  for (const auto& [address, tries] : by_source) {
    for (std::size_t i = 0; i < tries.size() && !out.contains(address); ++i) {
      std::set<std::uint16_t> ports;
      for (std::size_t k = i; k < tries.size() && tries[k].first - tries[i].first <= kWindow;
           ++k)
        ports.insert(tries[k].second);
      if (static_cast<double>(ports.size()) > most) out.insert(address);
    }
  }
  return out;
}

void report_unsolicited(const Case& of, const Nat& nat) {
  const Picture& picture = of.picture;
  const Externals externals(picture);
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (c.tap != nat.outside_tap || c.unpaired != "nothing_in_common" || c.depth != 0 ||
        !picture.is_external(c.original.dst) || !c.beginning_seen ||
        !refused_only(picture, i)) {
      continue;
    }
    const Mapping* mapping = externals.at(c.original, c.start);
    if (mapping != nullptr && mapping->kind == correlate::TranslationKind::kDnat) continue;
    const Absence absence =
        of.gates.absence(nat.outside_tap, nat.inside_tap, c.start, c.original);
    if (!absence.blocked()) all.push_back(i);
  }
  const auto scans = scanners(picture, all, of.parameters["scan_ports"]);
  std::map<std::pair<Address, std::string>, std::int64_t>
      subject;  // first of a source, variant
  for (const std::uint32_t i : all) {
    const Connection& c = picture.connections()[i];
    Draft draft;
    draft.code = "NAT-UNSOLICITED";
    draft.severity = Severity::kInfo;
    draft.variant =
        scans.contains(c.original.src) ? "probe" : unsolicited_variant(picture, externals, i);
    draft.subject_id = subject.try_emplace({c.original.src, draft.variant}, c.id).first->second;
    draft.facts = {{"sources", {to_string(c.original.src)}},
                   {"ports", {c.original.dst_port}},
                   {"answered_by", was_refused(picture, i) ? "the NAT" : "nobody"}};
    draft.text = fmt::format("{} arrived at {} and was not let in: {}", flow_text(c.original),
                             picture.name(c.tap), draft.variant);
    draft.frame(Role::kCause, c.first_frame);
    draft.missing(nat.inside_tap, c.start);
    draft.connections = {i};
    of.report.raise(std::move(draft));
  }
}

// ---- port-forwards

struct Try {
  std::string variant;  // "" = it worked
  std::uint32_t outside = kNone;
  std::uint32_t inside = kNone;
  Endpoint internal;
  FrameRef effect;
};

// How a forwarded connection fared.
Try judge(const Case& of, const Translation& t) {
  const Picture& picture = of.picture;
  const Connection& inside = picture.connections()[t.inside];
  const Connection& outside = picture.connections()[t.outside];
  Try out{"", t.outside, t.inside, destination(inside.original), {}};
  const auto resets = notes_of_kind(picture, t.inside, stream::NoteKind::kReset);
  const auto errors = notes_of_kind(picture, t.inside, stream::NoteKind::kIcmpError);
  for (const Note* note : resets) {
    if (note->packet.direction != conntrack::Direction::kReply) continue;
    if (inside.counters[1].packets > resets.size()) break;
    out.variant = "refused";
    out.effect = note->frame;
  }
  for (const Note* note : errors) {
    if (note->packet.tuple.src != inside.original.dst || inside.counters[1].packets != 0)
      continue;
    out.variant = "refused";
    out.effect = note->frame;
  }
  if (!out.variant.empty()) return out;
  if (inside.counters[1].packets == 0) {
    const Tries tries = tries_of(picture, t.inside);
    const Tap* tap = picture.tap(inside.tap);
    // Datagrams may be meant to go one way: tunnels with a flow for each direction, logs.
    const bool enough =
        is_tcp(inside.original) && tap != nullptr && tried_enough(of, inside, tries, tap->last);
    out.variant = enough ? "silent" : "unknown";
    out.effect = tries.frames.back();
  } else if (outside.counters[1].packets == 0 && t.packets[1].both == 0) {
    out.variant = "wrong-way";
    out.effect = inside.last_frame;
  }
  return out;
}

void report_forward(const Case& of,
                    const Nat& nat,
                    const Endpoint& external,
                    const Try& one,
                    std::uint64_t attempts,
                    bool others_work) {
  const Picture& picture = of.picture;
  const Connection& c = picture.connections()[one.outside];
  Draft draft;
  draft.code = "NAT-FORWARD-DEAD";
  draft.variant = others_work ? "backend" : one.variant;
  draft.subject_id = c.id;
  draft.count = attempts;
  draft.facts = {{"external", end_text(external)}, {"tries", attempts}};
  if (one.inside != kNone) draft.facts["internal"] = end_text(one.internal);
  constexpr auto kWords = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"refused", "the inside host refuses it"},
       {"silent", "the inside host does not answer"},
       {"wrong-way", "the inside host answers, but not through the NAT"},
       {"not-forwarded", "it is not forwarded, though it is for others"}});
  std::string_view what;
  for (const auto& [variant, words] : kWords) {
    if (one.variant == variant) what = words;
  }
  draft.text = fmt::format("the forward of {} to {} leads nowhere: {}", end_text(external),
                           one.inside == kNone ? "?" : end_text(one.internal), what);
  draft.frame(Role::kCause, c.first_frame);
  if (one.inside != kNone) {
    draft.frame(Role::kCause, picture.connections()[one.inside].first_frame);
    draft.frame(Role::kEffect, one.effect);
    draft.connections = {one.outside, one.inside};
  } else {
    draft.missing(nat.inside_tap, c.start);
    draft.connections = {one.outside};
  }
  of.report.raise(std::move(draft));
}

void report_forwards(const Case& of, const Nat& nat) {
  const Picture& picture = of.picture;
  using Key = std::pair<std::uint8_t, Endpoint>;
  std::map<Key, std::vector<Try>> tries;
  for (const Translation& t : picture.translations()) {
    if (t.kind != correlate::TranslationKind::kDnat || t.nat != nat.id || t.reversed) continue;
    const Connection& outside = picture.connections()[t.outside];
    tries[{outside.original.protocol, destination(outside.original)}].push_back(judge(of, t));
  }
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    const auto known = tries.find({c.original.protocol, destination(c.original)});
    if (known == tries.end() || c.tap != nat.outside_tap || c.answered() ||
        c.unpaired != "nothing_in_common") {
      continue;
    }
    const Tries made = tries_of(picture, i);
    const Absence absence = of.gates.absence(c.tap, nat.inside_tap, c.start, c.original, c.ttl);
    const Tap* tap = picture.tap(c.tap);
    if (absence.blocked() || tap == nullptr || !tried_enough(of, c, made, tap->last)) continue;
    known->second.push_back({"not-forwarded", i, kNone, {}, {}});
  }
  for (const auto& [key, all] : tries) {
    std::map<Endpoint, bool> works;
    bool any = false;
    for (const Try& one : all) {
      works[one.internal] = works[one.internal] || one.variant.empty();
      any = any || one.variant.empty();
    }
    std::map<std::pair<Endpoint, std::string>, std::pair<const Try*, std::uint64_t>> failures;
    for (const Try& one : all) {
      if (one.variant.empty() || one.variant == "unknown" || works[one.internal]) continue;
      auto& failure = failures[{one.internal, one.variant}];
      if (failure.first == nullptr) failure.first = &one;
      ++failure.second;
    }
    for (const auto& [what, failure] : failures) {
      const auto& [one, attempts] = failure;
      if (one->variant == "refused" && attempts < 2) continue;  // a closed port, tried once
      report_forward(of, nat, key.second, *one, attempts, any && one->inside != kNone);
    }
  }
}

// ---- answers that were not translated back

void report_untranslated(const Case& of,
                         const Nat& nat,
                         const FrameRef& frame,
                         const Tuple& tuple,
                         std::uint32_t connection) {
  const Picture& picture = of.picture;
  if (!picture.is_external(tuple.dst) || picture.is_inside_host(tuple.src) ||
      picture.is_inside_prefix(nat.inside_tap, tuple.src)) {
    return;
  }
  for (const Translation& t : picture.translations()) {
    const Connection& outside = picture.connections()[t.outside];
    const Connection& inside = picture.connections()[t.inside];
    if (t.nat != nat.id || outside.original != turned(tuple)) continue;
    if (frame.time < outside.start || frame.time > outside.last + kLife) continue;
    Draft draft;
    draft.code = "NAT-REPLY-UNTRANSLATED";
    draft.subject = Subject::kTranslation;
    draft.subject_id = t.id;
    draft.facts = {{"seen", flow_text(tuple)},
                   {"expected", flow_text(turned(inside.original))}};
    draft.text = fmt::format(
        "{} is at {} with the external address still in it; it should be {}", flow_text(tuple),
        picture.name(frame.tap), flow_text(turned(inside.original)));
    draft.frame(Role::kCause, frame);
    draft.frame(Role::kExample, outside.first_frame);
    draft.connections = {t.inside, t.outside};
    if (connection != kNone) draft.connections.push_back(connection);
    of.report.raise(std::move(draft));
    return;
  }
}

void report_replies(const Case& of, const Nat& nat) {
  const Picture& picture = of.picture;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (c.tap != nat.inside_tap || c.unpaired.empty()) continue;
    report_untranslated(of, nat, c.first_frame, c.original, i);
  }
  for (const Invalid& row : picture.invalid()) {
    if (row.frame.tap != nat.inside_tap || row.connection != kNone) continue;
    report_untranslated(of, nat, row.frame, row.tuple, kNone);
  }
}

void run(const Case& of) {
  for (const Nat& nat : of.picture.nats()) {
    if (nat.relation != nat::Relation::kNat || nat.inside_tap == nat.outside_tap) continue;
    report_unsolicited(of, nat);
    report_forwards(of, nat);
    report_replies(of, nat);
  }
}

}  // namespace

const Family kInbound{kCodes, run};

}  // namespace natlens::findings
