// Leaks: private addresses on the outside.
#include <algorithm>
#include <array>
#include <map>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes =
    std::to_array<std::string_view>({"LEAK-PRIVATE-SOURCE", "LEAK-PRIVATE-DESTINATION"});

// What the tracker said of the packet at the inside, if it refused it.
struct Preimage {
  const Invalid* refused = nullptr;
  const Connection* connection = nullptr;
  FrameRef frame;
};

Preimage preimage(const Picture& picture,
                  std::int64_t inside_tap,
                  const Tuple& tuple,
                  Timestamp time) {
  constexpr Nanoseconds kNear = std::chrono::milliseconds(500);
  Preimage out;
  Nanoseconds best = kNear;
  for (const Invalid& row : picture.invalid()) {
    const Nanoseconds apart = std::chrono::abs(row.frame.time - time);
    if (row.frame.tap != inside_tap || row.tuple != tuple || apart > best) continue;
    best = apart;
    out = {&row, nullptr, row.frame};
  }
  if (out.refused != nullptr) return out;
  for (const Connection& c : picture.connections()) {
    if (c.tap != inside_tap) continue;
    const bool same = c.original == tuple || turned(c.original) == tuple;
    if (!same || time < c.start - kNear || time > c.last + kNear) continue;
    return {nullptr, &c, c.original == tuple ? c.first_frame : c.last_frame};
  }
  return out;
}

struct Leak {
  FrameRef frame;
  Tuple tuple;
  std::uint32_t connection = kNone;
  std::uint64_t packets = 1;
};

std::string_view range_of(const Address& address) {
  const auto b = address.bytes();
  if (address.is_v6()) return (b[0] & 0xfe) == 0xfc ? "ula" : "link-local";
  if (b[0] == 100 && (b[1] & 0xc0) == 64) return "cgn";
  return b[0] == 169 ? "link-local" : "";
}

bool leaks_from(const Case& of, const Nat& nat, const Tuple& tuple) {
  const Picture& picture = of.picture;
  if (!picture.is_inside_prefix(nat.inside_tap, tuple.src) || picture.is_external(tuple.src) ||
      tuple.dst.is_private() || !Gates::meant_to_pass(tuple)) {
    return false;
  }
  // Policy may leave a destination untranslated (RFC 6888 REQ-6); a plain router translates
  // nothing at all.
  const auto snat = static_cast<std::size_t>(correlate::TranslationKind::kSnat);
  return nat.by_kind[snat] != 0;
}

std::vector<Leak> leaks_at(const Case& of, const Nat& nat) {
  std::vector<Leak> out;
  const Picture& picture = of.picture;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (c.tap != nat.outside_tap || c.depth != 0) continue;
    if (c.counters[0].packets != 0 && leaks_from(of, nat, c.original)) {
      out.push_back({c.first_frame, c.original, i, c.counters[0].packets});
    }
  }
  for (const Invalid& row : picture.invalid()) {
    if (row.frame.tap != nat.outside_tap || row.connection != kNone) continue;
    if (leaks_from(of, nat, row.tuple)) out.push_back({row.frame, row.tuple, kNone, 1});
  }
  return out;
}

void report_source(const Case& of, const Nat& nat, const Leak& leak) {
  const Picture& picture = of.picture;
  const Preimage before = preimage(picture, nat.inside_tap, leak.tuple, leak.frame.time);
  // Answered to the private address: the outside routes it back, so it is meant to be so.
  if (leak.connection != kNone && picture.connections()[leak.connection].answered() &&
      before.refused == nullptr) {
    return;
  }
  const bool icmp_error = picture.note_of(leak.frame, stream::NoteKind::kIcmpError) != nullptr;
  const std::string_view range = range_of(leak.tuple.src);
  Draft draft;
  draft.code = "LEAK-PRIVATE-SOURCE";
  draft.confidence = before.frame.named() ? Confidence::kCertain : Confidence::kLikely;
  draft.subject = Subject::kTap;
  draft.subject_id = nat.outside_tap;
  draft.variant = icmp_error                  ? "icmp"
                  : before.refused != nullptr ? "invalid"
                  : !range.empty()            ? std::string(range)
                  : before.frame.named()      ? "not-natted"
                                              : "spoofed";
  draft.count = leak.packets;
  draft.facts = {{"source", to_string(leak.tuple.src)},
                 {"destination", end_text(destination(leak.tuple))},
                 {"protocol", protocol_name(leak.tuple.protocol)},
                 {"ct_class", before.refused != nullptr ? "INVALID" : "NEW"},
                 {"expected_source", nat.external_addresses.empty()
                                         ? std::string()
                                         : to_string(nat.external_addresses.front())}};
  if (before.refused != nullptr) draft.facts["ct_reason"] = before.refused->reason;
  draft.text = fmt::format(
      "{} left {} with its private source address{}", flow_text(leak.tuple),
      picture.name(nat.outside_tap),
      before.refused != nullptr
          ? fmt::format(
                ": at {} it is INVALID for connection tracking ({}), and what is INVALID "
                "is not translated",
                picture.name(nat.inside_tap), before.refused->reason)
          : "");
  draft.frame(Role::kCause, leak.frame);
  draft.frame(Role::kExample, before.frame);
  if (leak.connection != kNone) {
    draft.frame(Role::kCause, picture.connections()[leak.connection].last_frame);
    draft.connections.push_back(leak.connection);
  }
  if (before.refused != nullptr && before.refused->connection != kNone) {
    draft.connections.push_back(before.refused->connection);
  }
  if (!before.frame.named()) draft.missing(nat.inside_tap, leak.frame.time);
  of.report.raise(std::move(draft));
}

// Private destinations that were sent out, and from which nothing ever came back.
void report_destinations(const Case& of, const Nat& nat) {
  const Picture& picture = of.picture;
  std::map<std::string, bool> answers;  // by prefix
  for (const Connection& c : picture.connections()) {
    if (c.tap != nat.outside_tap) continue;
    if (c.answered()) answers[prefix_of(c.original.dst)] = true;
    answers[prefix_of(c.original.src)] = true;
  }
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (c.tap != nat.outside_tap || c.depth != 0 || !c.original.dst.is_private() ||
        c.answered() || !Gates::meant_to_pass(c.original) ||
        answers.contains(prefix_of(c.original.dst)) || !picture.is_external(c.original.src)) {
      continue;
    }
    const bool stun = std::any_of(
        picture.statements().begin(), picture.statements().end(),
        [&](const Statement& s) { return s.connection == i && s.protocol == "stun"; });
    Draft draft;
    draft.code = "LEAK-PRIVATE-DESTINATION";
    draft.severity = stun ? Severity::kInfo : Severity::kWarning;
    draft.variant = stun ? "stun" : "routed-out";
    draft.subject = Subject::kTap;
    draft.subject_id = nat.outside_tap;
    draft.count = c.counters[0].packets;
    draft.facts = {{"destination", end_text(destination(c.original))},
                   {"packets", c.counters[0].packets}};
    draft.text = fmt::format("{} left {} towards a private address that nothing answers for",
                             flow_text(c.original), picture.name(nat.outside_tap));
    draft.frame(Role::kCause, c.first_frame);
    draft.frame(Role::kCause, c.last_frame);
    for (const std::uint32_t t : picture.translations_of(i)) {
      draft.frame(Role::kExample, frame_at(picture, picture.translations()[t], nat.inside_tap));
    }
    draft.connections = {i};
    of.report.raise(std::move(draft));
  }
}

void run(const Case& of) {
  for (const Nat& nat : of.picture.nats()) {
    if (nat.relation != nat::Relation::kNat || nat.inside_tap == nat.outside_tap) continue;
    for (const Leak& leak : leaks_at(of, nat)) report_source(of, nat, leak);
    report_destinations(of, nat);
  }
}

}  // namespace

const Family kLeaks{kCodes, run};

}  // namespace natlens::findings
