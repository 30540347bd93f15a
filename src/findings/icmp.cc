// ICMP errors: what a NAT makes of them on their way through, or that it does not let them
// pass.
//
// An error belongs to the connection that it quotes, at each tap for itself. So an error that
// arrived well is a note of both connections of a translation, with the quote that fits each
// side; one that was not translated back is known by the quote of the side it came from.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "between.h"
#include "passage.h"
#include "traffic.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"ICMP-INNER-UNTRANSLATED", "ICMP-ERROR-LOST", "ICMP-KILLS-MAPPING"});

using stream::NoteKind;

bool too_big(const stream::PacketNote& error) {
  return error.tuple.protocol == protocol::kIcmpv6
             ? error.icmp_type == 2
             : error.icmp_type == 3 && error.icmp_code == 4;
}

std::string error_text(const stream::PacketNote& error) {
  return fmt::format("{} {}/{}", protocol_name(error.tuple.protocol), error.icmp_type,
                     error.icmp_code);
}

nlohmann::ordered_json tuple_facts(const Tuple& tuple) {
  return {{"protocol", protocol_name(tuple.protocol)},
          {"source", end_text(source(tuple))},
          {"destination", end_text(destination(tuple))}};
}

// The quote of an error that comes to a connection from the side of its peer quotes what the
// connection sent, and the other way round.
Tuple sent_in(const Connection& c, conntrack::Direction error) {
  return error == conntrack::Direction::kReply ? c.original : turned(c.original);
}

// An error at the tap that it passed first.
struct Entering {
  const Note* note = nullptr;
  const Translation* translation = nullptr;
  std::uint32_t before = kNone;
  std::uint32_t after = kNone;
  bool outward = false;
  Tuple expected;  // what should be quoted at the other side
};

std::vector<Entering> entering(const Picture& picture) {
  std::vector<Entering> out;
  for (const Note& note : picture.notes()) {
    if (note.packet.kind != NoteKind::kIcmpError || note.connection == kNone ||
        note.packet.refused || note.packet.quoted.protocol == 0) {
      continue;
    }
    for (const std::uint32_t i : picture.translations_of(note.connection)) {
      const Translation& t = picture.translations()[i];
      if (!through_nat(picture, t) || t.inside == t.outside) continue;
      const bool inside = t.inside == note.connection;
      auto d = static_cast<unsigned>(note.packet.direction);
      if (!inside && t.reversed) d = 1 - d;
      const Passage way = passage(picture, t, d);
      if (way.before != note.connection || note.frame.time < t.start ||
          note.frame.time > t.end + std::chrono::seconds(10)) {
        continue;
      }
      const auto there = static_cast<conntrack::Direction>(way.after_direction);
      out.push_back({&note, &t, way.before, way.after, way.outward,
                     sent_in(picture.connections()[way.after], there)});
    }
  }
  return out;
}

// Notes of errors at a tap, in order of time.
using ErrorsAt = std::map<std::int64_t, std::vector<const Note*>>;

ErrorsAt errors_at(const Picture& picture) {
  ErrorsAt out;
  for (const Note& note : picture.notes()) {
    if (note.packet.kind == NoteKind::kIcmpError) out[note.frame.tap].push_back(&note);
  }
  return out;
}

bool alike(const stream::PacketNote& one, const stream::PacketNote& other) {
  return one.icmp_type == other.icmp_type && one.icmp_code == other.icmp_code &&
         one.payload_bytes == other.payload_bytes &&
         one.quoted.protocol == other.quoted.protocol;
}

// What is wrong with an error that came through, if anything.
struct Defect {
  std::string_view variant;
  const Note* image = nullptr;
  bool arrived = false;  // something like it came through as it should
};

bool image_arrives(const Case& of, const Entering& error, const Note& image) {
  const Picture& picture = of.picture;
  const Connection& after = picture.connections()[error.after];
  const Nanoseconds window =
      of.gates.pair_window(picture.connections()[error.before].tap, after.tap);
  const Nanoseconds apart = image.frame.time - error.note->frame.time;
  if (apart < -std::chrono::milliseconds(2) || apart > window) return false;
  if (!alike(error.note->packet, image.packet)) return false;
  // Inwards it goes to the host that the mapping hides, outwards to whoever it was meant for.
  const Tuple& to = image.packet.tuple;
  return error.outward ? to.dst == error.note->packet.tuple.dst : to.dst == error.expected.src;
}

Defect defect_of(const Case& of, const Entering& error, const ErrorsAt& errors) {
  const Picture& picture = of.picture;
  const Connection& after = picture.connections()[error.after];
  const auto there = errors.find(after.tap);
  if (there == errors.end()) return {};
  const stream::PacketNote& sent = error.note->packet;
  Defect found;
  for (const Note* image : there->second) {
    if (!image_arrives(of, error, *image)) continue;
    const Tuple& quoted = image->packet.quoted;
    if (quoted == error.expected) {
      if (error.outward && image->packet.tuple.src == sent.tuple.src &&
          picture.is_inside_prefix(picture.connections()[error.before].tap,
                                   image->packet.tuple.src) &&
          !picture.is_external(image->packet.tuple.src)) {
        return {"outer-source", image, false};
      }
      if (image->packet.quote_checksum_bad && !sent.quote_checksum_bad) {
        return {"inner-checksum", image, false};
      }
      return {"", nullptr, true};
    }
    const Endpoint hidden = error.outward ? destination(quoted) : source(quoted);
    const Endpoint right = error.outward ? destination(error.expected) : source(error.expected);
    const Endpoint before = error.outward ? destination(sent.quoted) : source(sent.quoted);
    if (hidden == before) {
      found = {hidden.address == right.address ? "inner-port" : "inner-address", image, false};
    } else if (hidden.address == right.address && hidden.port == before.port &&
               right.port != before.port) {
      found = {"inner-port", image, false};
    }
  }
  return found;
}

void report_defect(const Case& of, const Entering& error, const Defect& defect) {
  const Picture& picture = of.picture;
  const Connection& after = picture.connections()[error.after];
  const stream::PacketNote& image = defect.image->packet;
  Draft draft;
  draft.code = "ICMP-INNER-UNTRANSLATED";
  draft.variant = defect.variant;
  draft.subject = Subject::kNat;
  draft.subject_id = error.translation->nat;
  draft.facts = {{"type", image.icmp_type},
                 {"code", image.icmp_code},
                 {"outer_source", to_string(image.tuple.src)},
                 {"quoted", tuple_facts(image.quoted)},
                 {"expected", tuple_facts(error.expected)}};
  const std::string what =
      defect.variant == "outer-source"
          ? fmt::format("left with its private source {}", to_string(image.tuple.src))
      : defect.variant == "inner-checksum"
          ? std::string("has a wrong IP checksum in the packet that it quotes")
          : fmt::format("still quotes {} instead of {}", flow_text(image.quoted),
                        flow_text(error.expected));
  draft.text = fmt::format("{} from {} at {}: at {} it {}", error_text(image),
                           to_string(error.note->packet.tuple.src),
                           picture.name(error.note->frame.tap), picture.name(after.tap), what);
  draft.frame(Role::kCause, defect.image->frame);
  draft.frame(Role::kExample, error.note->frame);
  draft.connections = {error.before, error.after};
  of.report.raise(std::move(draft));
}

Severity severity_of(const stream::PacketNote& error) {
  if (too_big(error)) return Severity::kError;
  const bool v6 = error.tuple.protocol == protocol::kIcmpv6;
  const bool must_pass = v6 ? error.icmp_type == 1 || error.icmp_type == 3
                            : error.icmp_type == 3 || error.icmp_type == 11;
  return must_pass ? Severity::kWarning : Severity::kInfo;
}

// The tap would have shown an error: it shows others, or echoes.
Absence absence_of(const Case& of, const Entering& error, const ErrorsAt& errors) {
  const std::int64_t tap = of.picture.connections()[error.after].tap;
  const stream::PacketNote& packet = error.note->packet;
  Absence out = of.gates.absence(error.note->frame.tap, tap, error.note->frame.time,
                                 packet.tuple, packet.ttl);
  if (errors.contains(tap)) out.shut &= ~Absence::bit(Gate::kFilter);
  return out;
}

// One like it from the same sender passed: there is a limit of their rate, or of what is told.
bool others_pass(const Picture& picture, const Entering& error, const ErrorsAt& errors) {
  const stream::PacketNote& mine = error.note->packet;
  for (const Note* other : errors.at(error.note->frame.tap)) {
    if (other == error.note || other->connection == kNone) continue;
    const stream::PacketNote& packet = other->packet;
    if (packet.icmp_type != mine.icmp_type || packet.icmp_code != mine.icmp_code ||
        packet.tuple.src != mine.tuple.src || packet.refused) {
      continue;
    }
    const Fate* fate = picture.fate_of(other->frame);
    const bool lost = fate != nullptr && fate->fate == correlate::Fate::kOnlyBefore;
    if (!lost && !picture.translations_of(other->connection).empty()) return true;
  }
  return false;
}

void report_lost(const Case& of, const Entering& error, const ErrorsAt& errors) {
  constexpr std::uint32_t kAliveMs = 10'000;  // no mapping is given up so soon
  const Picture& picture = of.picture;
  const Connection& before = picture.connections()[error.before];
  const Connection& after = picture.connections()[error.after];
  const stream::PacketNote& packet = error.note->packet;
  const Fate* fate = picture.fate_of(error.note->frame);
  if (fate == nullptr || fate->fate != correlate::Fate::kOnlyBefore ||
      fate->other.tap != after.tap || packet.silence_ms > kAliveMs ||
      before.close_reason == "untracked" || others_pass(picture, error, errors)) {
    return;
  }
  const Absence absence = absence_of(of, error, errors);
  if (absence.blocked()) {
    of.report.blocked("ICMP-ERROR-LOST", after.tap);
    return;
  }
  Draft draft;
  draft.code = "ICMP-ERROR-LOST";
  draft.variant = fmt::format("{}/{}", packet.icmp_type, packet.icmp_code);
  draft.severity = severity_of(packet);
  draft.confidence = absence.at_most(Confidence::kCertain);
  draft.subject = Subject::kTranslation;
  draft.subject_id = error.translation->id;
  draft.facts = {{"type", packet.icmp_type},
                 {"code", packet.icmp_code},
                 {"source", to_string(packet.tuple.src)},
                 {"quoted", tuple_facts(packet.quoted)},
                 {"mapping", fmt::format("{} = {}", flow_text(before.original),
                                         flow_text(after.original))}};
  if (too_big(packet)) draft.facts["mtu"] = packet.mtu;
  draft.text =
      fmt::format("{} from {} about {} reached {} and never {}, although the mapping is alive",
                  error_text(packet), to_string(packet.tuple.src), flow_text(packet.quoted),
                  picture.name(before.tap), picture.name(after.tap));
  draft.frame(Role::kCause, error.note->frame);
  draft.missing(after.tap, error.note->frame.time);
  draft.frame(Role::kControl, frame_at(picture, *error.translation, before.tap));
  draft.connections = {error.before, error.after};
  of.report.raise(std::move(draft));
}

// Mappings that were made anew with other ports right behind an error, though silences longer
// than that left them alone elsewhere.
void report_kills(const Case& of, const std::vector<Entering>& errors) {
  const Picture& picture = of.picture;
  std::map<std::int64_t, std::vector<std::pair<const Note*, const Translation*>>> cases;
  for (const Entering& error : errors) {
    const Translation& old = *error.translation;
    const Connection& inside = picture.connections()[old.inside];
    if (is_tcp(inside.original) || error.outward) continue;
    for (const std::uint32_t i : picture.translations_of(old.inside)) {
      const Translation& next = picture.translations()[i];
      if (next.start <= error.note->frame.time || next.outside == old.outside ||
          next.nat != old.nat || old.end > error.note->frame.time + std::chrono::seconds(1)) {
        continue;
      }
      const Tuple& was = picture.connections()[old.outside].original;
      const Tuple& is = picture.connections()[next.outside].original;
      const Nanoseconds gap = next.start - error.note->frame.time;
      if (source(was) == source(is) || gap > std::chrono::seconds(10)) continue;
      cases[old.nat].emplace_back(error.note, &next);
    }
  }
  for (const auto& [nat, list] : cases) {
    if (list.size() < 2) continue;
    Draft draft;
    draft.code = "ICMP-KILLS-MAPPING";
    draft.severity = Severity::kWarning;
    draft.confidence = Confidence::kLikely;
    draft.subject = Subject::kNat;
    draft.subject_id = nat;
    draft.count = list.size();
    draft.facts = {
        {"type", list.front().first->packet.icmp_type},
        {"code", list.front().first->packet.icmp_code},
        {"gap_ms", ms_of(list.front().second->start - list.front().first->frame.time)}};
    draft.text = fmt::format(
        "{} mappings got another external port right behind an ICMP error about them",
        list.size());
    for (const auto& [note, next] : list) {
      draft.frame(Role::kCause, note->frame);
      draft.frame(Role::kEffect, picture.connections()[next->outside].first_frame);
      draft.connections.push_back(next->inside);
    }
    of.report.raise(std::move(draft));
  }
}

void run(const Case& of) {
  const ErrorsAt errors = errors_at(of.picture);
  if (errors.empty()) return;
  const std::vector<Entering> all = entering(of.picture);
  for (const Entering& error : all) {
    const Defect defect = defect_of(of, error, errors);
    if (defect.image != nullptr) {
      report_defect(of, error, defect);
    } else if (!defect.arrived) {
      report_lost(of, error, errors);
    }
  }
  report_kills(of, all);
}

}  // namespace

const Family kIcmp{kCodes, run};

}  // namespace natlens::findings
