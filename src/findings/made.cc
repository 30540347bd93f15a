// Packets that the NAT made itself: resets, ICMP errors, and the refusal of what it has
// forgotten.
#include <algorithm>
#include <array>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"NAT-RST-GENERATED", "NAT-ICMP-GENERATED", "NAT-STALE-REJECT"});

constexpr Nanoseconds kAtOnce = std::chrono::milliseconds(1000);

bool is_default_ttl(std::uint8_t ttl) {
  return ttl == 64 || ttl == 128 || ttl == 255;
}

// What a box that answers in somebody's name leaves behind.
bool looks_made(const Note& note) {
  return is_default_ttl(note.packet.ttl) ||
         (note.packet.ip_id == 0 && note.packet.window == 0 && !note.packet.dont_fragment);
}

// The same box reset the other side at the same time.
const Note* other_side(const Case& of, const Orphans& orphans, const Note& note) {
  for (const std::uint32_t t : of.picture.translations_of(note.connection)) {
    const std::uint32_t other =
        of.picture.partner(of.picture.translations()[t], note.connection);
    for (const Note* reset : notes_of_kind(of.picture, other, stream::NoteKind::kReset)) {
      const bool together = std::chrono::abs(reset->frame.time - note.frame.time) < kAtOnce;
      if (together && reset->packet.direction != note.packet.direction &&
          orphans.judge(*reset).yes)
        return reset;
    }
  }
  return nullptr;
}

// The packet of the silent connection that this answers: it came in, and went no farther.
const Note* refused_packet(const Case& of, const Note& answer) {
  for (const Note* resume :
       notes_of_kind(of.picture, answer.connection, stream::NoteKind::kResume)) {
    const Nanoseconds after = answer.frame.time - resume->frame.time;
    const Fate* fate = of.picture.fate_of(resume->frame);
    if (after < Nanoseconds(0) || after > kAtOnce || fate == nullptr) continue;
    if (fate->fate == correlate::Fate::kOnlyBefore) return resume;
  }
  return nullptr;
}

void report_stale(const Case& of, const Note& answer, const Note& refused) {
  const Connection& c = of.picture.connections()[answer.connection];
  const bool reset = answer.packet.kind == stream::NoteKind::kReset;
  Draft draft;
  draft.code = "NAT-STALE-REJECT";
  draft.severity = Severity::kWarning;
  draft.subject_id = c.id;
  const Fate* fate = of.picture.fate_of(refused.frame);
  draft.facts = {{"idle_before_s", refused.packet.silence_ms / 1000.0},
                 {"phase", std::string(conntrack::state_name(c.original.protocol, c.state))},
                 {"answer", reset ? "RST" : "ICMP"},
                 {"rst_reached_client", false}};
  draft.text = fmt::format(
      "{}: after {:.1f} s of silence a packet arrived at {} for a mapping that the NAT had "
      "forgotten; the NAT answered with {}, and {} learned nothing of it",
      flow_text(refused.packet.tuple), refused.packet.silence_ms / 1000.0,
      of.picture.name(c.tap), reset ? "a RST" : "an ICMP error",
      of.picture.name(fate->other.tap));
  draft.frame(Role::kCause, refused.frame);
  draft.frame(Role::kEffect, answer.frame);
  draft.missing(fate->other.tap, refused.frame.time);
  draft.connections = {answer.connection};
  of.report.raise(std::move(draft));
}

void report_reset(const Case& of,
                  const Orphans& orphans,
                  const Note& note,
                  const Orphan& made) {
  const Connection& c = of.picture.connections()[note.connection];
  // Who asks the NAT's own address for what it does not have is answered by it, of course.
  if (!made.paired && of.picture.is_external(c.original.dst)) return;
  const bool handshake =
      c.counters[1].packets <=
      notes_of_kind(of.picture, note.connection, stream::NoteKind::kReset).size();
  const Note* both = other_side(of, orphans, note);
  const bool signature = looks_made(note);
  if (!made.paired && !signature) return;
  Draft draft;
  draft.code = "NAT-RST-GENERATED";
  draft.variant = handshake                          ? "reject"
                  : both != nullptr                  ? "idle-teardown"
                  : note.packet.silence_ms >= 10'000 ? "expired"
                                                     : "";
  draft.severity = handshake ? Severity::kWarning : Severity::kError;
  draft.confidence =
      made.absence.at_most(signature ? Confidence::kCertain : Confidence::kLikely);
  draft.subject_id = c.id;
  draft.facts = {{"ttl", note.packet.ttl},
                 {"ip_id", note.packet.ip_id},
                 {"window", note.packet.window},
                 {"idle_before_ms", note.packet.silence_ms},
                 {"both_sides", both != nullptr}};
  draft.text = fmt::format(
      "{}: the RST at {} was not at {} before: the NAT sent it, in the name of {} (TTL {}, IP "
      "ID {})",
      flow_text(c.original), of.picture.name(c.tap), of.picture.name(made.other_tap),
      end_text(source(note.packet.tuple)), note.packet.ttl, note.packet.ip_id);
  draft.frame(Role::kCause, note.frame);
  draft.missing(made.other_tap, note.frame.time);
  draft.frame(Role::kExample, c.first_frame);
  if (both != nullptr) draft.frame(Role::kCause, both->frame);
  if (made.control != kNone) {
    draft.frame(Role::kControl,
                frame_at(of.picture, of.picture.translations()[made.control], c.tap));
  }
  draft.connections = {note.connection};
  of.report.raise(std::move(draft));
}

struct IcmpWord {
  std::uint8_t version;
  std::uint8_t type;
  std::uint8_t code;
  std::string_view variant;
  Severity severity;
};
constexpr std::uint8_t kAnyCode = 255;
constexpr auto kIcmpWords = std::to_array<IcmpWord>({
    {4, 3, 0, "net-unreachable", Severity::kWarning},
    {4, 3, 1, "host-unreachable", Severity::kWarning},
    {4, 3, 3, "port-unreachable", Severity::kWarning},
    {4, 3, 4, "frag-needed", Severity::kInfo},
    {4, 3, 9, "prohibited", Severity::kWarning},
    {4, 3, 10, "prohibited", Severity::kWarning},
    {4, 3, 13, "prohibited", Severity::kWarning},
    {4, 11, 0, "ttl", Severity::kInfo},  // what traceroute asks for
    {4, 11, 1, "reassembly", Severity::kWarning},
    {6, 1, 0, "net-unreachable", Severity::kWarning},
    {6, 1, 3, "host-unreachable", Severity::kWarning},
    {6, 1, 4, "port-unreachable", Severity::kWarning},
    {6, 1, 1, "prohibited", Severity::kWarning},
    {6, 1, 5, "prohibited", Severity::kWarning},
    {6, 1, 6, "prohibited", Severity::kWarning},
    {6, 2, kAnyCode, "frag-needed", Severity::kInfo},
    {6, 3, 0, "ttl", Severity::kInfo},
    {6, 3, 1, "reassembly", Severity::kWarning},
});

void report_icmp(const Case& of, const Note& note, const Orphan& made) {
  const Connection& c = of.picture.connections()[note.connection];
  const stream::PacketNote& packet = note.packet;
  const std::uint8_t version = packet.tuple.src.is_v4() ? 4 : 6;
  const auto word = std::find_if(kIcmpWords.begin(), kIcmpWords.end(), [&](const IcmpWord& w) {
    return w.version == version && w.type == packet.icmp_type &&
           (w.code == packet.icmp_code || w.code == kAnyCode);
  });
  const bool own = of.picture.is_external(packet.tuple.src);
  if (word == kIcmpWords.end() || (!own && !is_default_ttl(packet.ttl))) return;
  // Somebody outside asked for a port that leads nowhere: that has a finding of its own.
  if (of.picture.is_external(c.original.dst)) return;
  Draft draft;
  draft.code = "NAT-ICMP-GENERATED";
  draft.variant = word->variant;
  draft.severity = word->severity;
  draft.confidence = made.absence.at_most(Confidence::kCertain);
  draft.subject_id = c.id;
  draft.facts = {{"type", packet.icmp_type},
                 {"code", packet.icmp_code},
                 {"source", to_string(packet.tuple.src)},
                 {"quoted", flow_text(packet.quoted)},
                 {"delay_ms", ms_of(note.frame.time - c.start)}};
  if (packet.mtu != 0) draft.facts["mtu"] = packet.mtu;
  draft.text =
      fmt::format("{}: {} itself answered {} with ICMP {}/{} ({})", of.picture.name(c.tap),
                  to_string(packet.tuple.src), flow_text(packet.quoted), packet.icmp_type,
                  packet.icmp_code, word->variant);
  draft.frame(Role::kCause, note.frame);
  draft.frame(Role::kExample, c.first_frame);
  draft.missing(made.other_tap, note.frame.time);
  draft.connections = {note.connection};
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  const Orphans orphans(of);
  for (const Note& note : of.picture.notes()) {
    const bool reset = note.packet.kind == stream::NoteKind::kReset;
    const bool error = note.packet.kind == stream::NoteKind::kIcmpError;
    if ((!reset && !error) || note.connection == kNone) continue;
    const Orphan made = orphans.judge(note);
    if (!made.yes) continue;
    if (const Note* refused = refused_packet(of, note)) {
      report_stale(of, note, *refused);
    } else if (reset) {
      report_reset(of, orphans, note, made);
    } else {
      report_icmp(of, note, made);
    }
  }
}

}  // namespace

const Family kMade{kCodes, run};

}  // namespace natlens::findings
