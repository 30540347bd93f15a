// Hairpinning: inside hosts that call each other by their external addresses.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"NAT-HAIRPIN"});

// Who is behind an external endpoint at that moment.
const Mapping* behind(const Picture& picture,
                      const Nat& nat,
                      std::uint8_t protocol,
                      const Endpoint& external,
                      Timestamp time) {
  for (const Mapping& mapping : picture.mappings()) {
    if (mapping.nat != nat.id || mapping.protocol != protocol || mapping.external != external)
      continue;
    const bool forward = mapping.kind == correlate::TranslationKind::kDnat;
    if (forward || (mapping.first <= time && time <= mapping.last)) return &mapping;
  }
  return nullptr;
}

// The calls of one inside host to one external endpoint.
struct Calls {
  std::uint64_t tries = 0;
  bool refused = false;
  bool answered = false;
  std::vector<FrameRef> frames;
  std::vector<std::uint32_t> connections;
  Absence absence;
};

void add_call(const Case& of, const Nat& nat, std::uint32_t index, Calls& calls) {
  const Connection& c = of.picture.connections()[index];
  if (!of.picture.translations_of(index).empty()) calls.answered = true;
  const bool refused = was_refused(of.picture, index);
  // A RST behind a handshake is no refusal.
  const bool accepted = c.mss[1] != 0 || !c.tcp_options[1].empty();
  if (c.answered() && (!refused || accepted)) calls.answered = true;
  calls.refused = calls.refused || refused;
  const Tries tries = tries_of(of.picture, index);
  calls.tries += tries.count;
  calls.frames.insert(calls.frames.end(), tries.frames.begin(), tries.frames.end());
  calls.connections.push_back(index);
  calls.absence.shut |=
      of.gates.absence(nat.inside_tap, nat.inside_tap, c.start, c.original, c.ttl).shut;
}

// Something went to the host behind the mapping about when it was called, from whomever.
bool was_called(const Case& of, const Nat& nat, const Mapping& mapping, const Calls& calls) {
  const Nanoseconds window = of.gates.pair_window(nat.inside_tap, nat.inside_tap);
  const auto& all = of.picture.connections();
  return std::any_of(all.begin(), all.end(), [&](const Connection& c) {
    if (c.original.protocol != mapping.protocol || destination(c.original) != mapping.internal)
      return false;
    return std::any_of(
        calls.connections.begin(), calls.connections.end(),
        [&](std::uint32_t i) { return std::chrono::abs(c.start - all[i].start) <= window; });
  });
}

void report_unsupported(const Case& of, const Nat& nat) {
  const Picture& picture = of.picture;
  const auto wanted = static_cast<std::uint64_t>(of.parameters["whole_flow_tries"]);
  std::map<std::pair<Endpoint, const Mapping*>, Calls> all;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    if (c.tap != nat.inside_tap || c.depth != 0 || is_icmp(c.original) || !c.beginning_seen)
      continue;
    if (!picture.is_external(c.original.dst) || !picture.is_inside_host(c.original.src))
      continue;
    const Mapping* mapping =
        behind(picture, nat, c.original.protocol, destination(c.original), c.start);
    // The tap must be where packets to that host pass.
    if (mapping == nullptr || mapping->internal.address == c.original.src ||
        !picture.is_inside_prefix(nat.inside_tap, mapping->internal.address)) {
      continue;
    }
    add_call(of, nat, i, all[{{c.original.src, 0}, mapping}]);
  }
  for (auto& [who, calls] : all) {
    const auto& [caller, mapping] = who;
    if (calls.answered || calls.tries < wanted || was_called(of, nat, *mapping, calls))
      continue;
    if (calls.absence.blocked()) {
      of.report.blocked("NAT-HAIRPIN", nat.inside_tap);
      continue;
    }
    Draft draft;
    draft.code = "NAT-HAIRPIN";
    draft.variant = "unsupported";
    draft.confidence = calls.absence.at_most(Confidence::kCertain);
    draft.subject = Subject::kMapping;
    draft.subject_id = mapping->id;
    draft.count = calls.tries;
    draft.facts = {{"caller", to_string(caller.address)},
                   {"external", end_text(mapping->external)},
                   {"internal", end_text(mapping->internal)},
                   {"source_shown", nullptr},
                   {"reset_seen", calls.refused},
                   {"whole_flow_tries", wanted}};
    draft.text = fmt::format(
        "{} called {} {}, which stands for {}, and nothing was sent there: the NAT does not "
        "connect its own inside hosts by their external addresses",
        to_string(caller.address), protocol_name(mapping->protocol),
        end_text(mapping->external), end_text(mapping->internal));
    for (const FrameRef& frame : calls.frames) draft.frame(Role::kCause, frame);
    draft.missing(nat.inside_tap, calls.frames.front().time);
    draft.connections = calls.connections;
    of.report.raise(std::move(draft));
  }
}

void report_internal_source(const Case& of) {
  const Picture& picture = of.picture;
  for (const Translation& t : picture.translations()) {
    if (picture.connections()[t.inside].tap != picture.connections()[t.outside].tap) continue;
    const bool turned = picture.is_external(picture.connections()[t.outside].original.dst);
    const std::uint32_t call_index = turned ? t.outside : t.inside;
    const std::uint32_t image_index = picture.partner(t, call_index);
    const Connection& call = picture.connections()[call_index];
    const Connection& image = picture.connections()[image_index];
    if (call.original.src != image.original.src || call.original.dst == image.original.dst ||
        !picture.is_external(call.original.dst) || picture.is_external(image.original.dst) ||
        prefix_of(call.original.src) != prefix_of(image.original.dst)) {
      continue;
    }
    const Note* reset = nullptr;
    for (const Note* note : notes_of_kind(picture, image_index, stream::NoteKind::kReset)) {
      if (note->packet.direction == conntrack::Direction::kOriginal) reset = note;
    }
    const bool fails = reset != nullptr && !call.answered();
    Draft draft;
    draft.code = "NAT-HAIRPIN";
    draft.variant = "internal-source";
    draft.severity = fails ? Severity::kError : Severity::kWarning;
    draft.subject = Subject::kTap;
    draft.subject_id = call.tap;
    draft.facts = {{"caller", end_text(source(call.original))},
                   {"external", end_text(destination(call.original))},
                   {"internal", end_text(destination(image.original))},
                   {"source_shown", end_text(source(image.original))},
                   {"reset_seen", fails}};
    draft.text = fmt::format(
        "{} reached {} with the caller's own address as source{}", flow_text(call.original),
        end_text(destination(image.original)),
        fails ? ": it answers directly, and the caller resets what it never asked for"
              : ", not with an external one (RFC 4787 REQ-9a)");
    draft.frame(Role::kCause, call.first_frame);
    draft.frame(Role::kCause, image.first_frame);
    if (reset != nullptr) draft.frame(Role::kEffect, reset->frame);
    draft.connections = {t.inside, t.outside};
    of.report.raise(std::move(draft));
  }
}

void run(const Case& of) {
  for (const Nat& nat : of.picture.nats()) {
    if (is_nat(nat.relation) && nat.inside_tap != nat.outside_tap) report_unsupported(of, nat);
  }
  report_internal_source(of);
}

}  // namespace

const Family kHairpin{kCodes, run};

}  // namespace natlens::findings
