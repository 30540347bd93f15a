// Tunnels by what they show in clear: handshakes, silence behind them, fragments.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "between.h"
#include "rules.h"
#include "tunnel.h"
#include "words.h"

namespace natlens::findings {
namespace {

using decode::Encapsulation;

constexpr auto kCodes = std::to_array<std::string_view>(
    {"VPN-HANDSHAKE-FAILED", "VPN-NO-DATA", "VPN-FLAPPING", "VPN-OUTER-FRAGMENTED"});

Draft tunnel_draft(std::string_view code, Severity severity, const Connection& carrier) {
  Draft draft;
  draft.code = code;
  draft.severity = severity;
  draft.subject = Subject::kTunnel;
  draft.subject_id = carrier.id;
  return draft;
}

// ---- it never came up

// Another tap saw the answer that this one did not.
const Note* answer_elsewhere(const Picture& picture, std::uint32_t connection) {
  for (const Note& note : picture.notes()) {
    if (note.packet.kind != stream::NoteKind::kHandshake || note.connection == kNone) continue;
    if (note.connection != connection && step_of(note.packet) == Step::kAnswer &&
        picture.flow(note.connection) == picture.flow(connection)) {
      return &note;
    }
  }
  return nullptr;
}

void report_failed(const Case& of, std::uint32_t index, const Handshakes& shakes) {
  constexpr std::size_t kLeast = 3;
  const Picture& picture = of.picture;
  const Connection& c = picture.connections()[index];
  if (shakes.opened.size() < kLeast || !shakes.answered.empty()) return;
  const std::size_t back =
      1 - static_cast<std::size_t>(shakes.opened.front()->packet.direction);
  // Whatever else came back means that somebody is there.
  if (c.counters[back].packets > shakes.cookies.size()) return;
  const Note* elsewhere = answer_elsewhere(picture, index);
  const auto errors = notes_of_kind(picture, index, stream::NoteKind::kIcmpError);
  const auto& all = picture.connections();
  const bool hears = std::any_of(all.begin(), all.end(), [&](const Connection& other) {
    return other.tap == c.tap && other.answered();
  });
  Draft draft = tunnel_draft("VPN-HANDSHAKE-FAILED", Severity::kError, c);
  draft.variant = elsewhere != nullptr      ? "answer-lost"
                  : !shakes.cookies.empty() ? "cookie"
                  : !errors.empty()         ? "icmp"
                                            : "no-answer";
  draft.confidence = hears ? Confidence::kCertain : Confidence::kPossible;
  draft.count = shakes.opened.size();
  const auto span = shakes.opened.back()->frame.time - shakes.opened.front()->frame.time;
  draft.facts = {{"protocol", name_of(shakes.kind)},
                 {"tries", shakes.opened.size()},
                 {"span_ms", ms_of(span)},
                 {"size_bytes", shakes.opened.front()->packet.ip_bytes},
                 {"answers", 0},
                 {"cookies", shakes.cookies.size()},
                 {"least_tries", kLeast}};
  draft.text = fmt::format(
      "{}: {} {} handshakes in {:.1f} s at {}, {}", flow_text(c.original), shakes.opened.size(),
      name_of(shakes.kind), seconds_of(span), picture.name(c.tap),
      elsewhere != nullptr ? fmt::format("answered at {}, and the answer never came here",
                                         picture.name(elsewhere->frame.tap))
      : !shakes.cookies.empty()
          ? std::string("answered by cookies alone: the peer is overloaded")
      : !errors.empty() ? std::string("answered by ICMP errors alone")
                        : std::string("and no answer"));
  for (const Note* note : shakes.opened) draft.frame(Role::kCause, note->frame);
  for (const Note* note : shakes.cookies) draft.frame(Role::kEffect, note->frame);
  if (elsewhere != nullptr) {
    draft.frame(Role::kEffect, elsewhere->frame);
    draft.missing(c.tap, elsewhere->frame.time);
  } else if (draft.variant == "icmp") {
    draft.frame(Role::kEffect, errors.front()->frame);
  }
  draft.connections = {index};
  of.report.raise(std::move(draft));
}

// ---- it came up, and nothing goes through

// Packets of one direction but handshakes, and whether one is larger than a keepalive.
struct Data {
  std::uint64_t packets = 0;
  bool some = false;
};

Data data_of(const Picture& picture, std::uint32_t index, std::size_t direction) {
  constexpr std::uint64_t kKeepalive = 8 + 32;  // UDP, and WireGuard around nothing
  const Connection& c = picture.connections()[index];
  std::uint64_t packets = c.counters[direction].packets;
  std::uint64_t bytes = c.counters[direction].bytes;
  for (const Note* note : notes_of_kind(picture, index, stream::NoteKind::kHandshake)) {
    if (static_cast<std::size_t>(note->packet.direction) != direction || packets == 0) continue;
    --packets;
    bytes -= std::min<std::uint64_t>(bytes, note->packet.ip_bytes);
  }
  const std::uint64_t keepalive = kKeepalive + (c.original.src.is_v6() ? 40U : 20U);
  return {packets, bytes > packets * keepalive};
}

void report_no_data(const Case& of, std::uint32_t index, const Handshakes& shakes) {
  constexpr Nanoseconds kLong = std::chrono::seconds(30);
  constexpr std::uint64_t kLeastData = 3;
  const Picture& picture = of.picture;
  const Connection& c = picture.connections()[index];
  const Tap* tap = picture.tap(c.tap);
  if (shakes.kind != Encapsulation::kWireguard || shakes.answered.empty() || tap == nullptr ||
      !shakes.complete() || shakes.opened.empty()) {
    return;
  }
  const Note& answer = *shakes.answered.back();
  const Nanoseconds after = tap->last - answer.frame.time;
  const Data there = data_of(picture, index, 0);
  const Data back = data_of(picture, index, 1);
  if (after < kLong || (there.some && back.some)) return;
  const bool idle = !there.some && !back.some;
  if (!idle && (there.some ? there : back).packets < kLeastData) return;
  Draft draft = tunnel_draft("VPN-NO-DATA", idle ? Severity::kInfo : Severity::kWarning, c);
  draft.variant = idle ? "idle" : "one-direction";
  draft.facts = {
      {"protocol", name_of(shakes.kind)},   {"handshakes", shakes.answered.size()},
      {"since_handshake_ms", ms_of(after)}, {"packets", {there.packets, back.packets}},
      {"data", {there.some, back.some}},    {"least_ms", ms_of(kLong)}};
  draft.text = fmt::format(
      "{}: the tunnel is up since {:.0f} s, and {}", flow_text(c.original), seconds_of(after),
      idle ? std::string("nothing was sent through it")
           : fmt::format("{} sends nothing but keepalives",
                         end_text(there.some ? destination(c.original) : source(c.original))));
  draft.frame(Role::kExample, shakes.opened.back()->frame);
  draft.frame(Role::kExample, answer.frame);
  draft.frame(Role::kCause, c.last_frame);
  draft.connections = {index};
  of.report.raise(std::move(draft));
}

// ---- it comes up too often

// How often a session may be set up anew: no more than `most` in `window`; what is nearer to
// the one before than `apart` is a repetition of it.
struct Rhythm {
  Nanoseconds window;
  std::size_t most;
  Nanoseconds apart;
};
Rhythm rhythm_of(Encapsulation kind) {
  using std::chrono::seconds;
  // WireGuard renews after 120 s, less what timers may be early.
  if (kind == Encapsulation::kWireguard) return {seconds(115), 2, seconds(1)};
  if (kind == Encapsulation::kIke) return {seconds(600), 2, seconds(30)};
  return {seconds(600), 2, seconds(5)};
}

std::vector<const Note*> renewals(const Handshakes& shakes, const Rhythm& rhythm) {
  std::vector<const Note*> out;
  for (const Note* note : shakes.answered) {
    if (out.empty() || note->frame.time - out.back()->frame.time > rhythm.apart)
      out.push_back(note);
  }
  return out;
}

void report_flapping(const Case& of, std::uint32_t index, const Handshakes& shakes) {
  const Connection& c = of.picture.connections()[index];
  const Rhythm rhythm = rhythm_of(shakes.kind);
  const auto answers = renewals(shakes, rhythm);
  std::size_t crowded = 0;
  std::size_t at = 0;
  for (std::size_t i = rhythm.most; i < answers.size(); ++i) {
    if (answers[i]->frame.time - answers[i - rhythm.most]->frame.time >= rhythm.window)
      continue;
    if (crowded++ == 0) at = i;
  }
  if (crowded == 0) return;
  const bool both =
      std::any_of(shakes.opened.begin(), shakes.opened.end(), [&](const Note* note) {
        return note->packet.direction != shakes.opened.front()->packet.direction;
      });
  Draft draft = tunnel_draft("VPN-FLAPPING", Severity::kWarning, c);
  draft.variant = both                                       ? "clash"
                  : shakes.kind == Encapsulation::kWireguard ? "rekey"
                                                             : "restart";
  draft.count = answers.size();
  nlohmann::ordered_json intervals = nlohmann::ordered_json::array();
  for (std::size_t i = 1; i < std::min<std::size_t>(answers.size(), 11); ++i) {
    intervals.push_back(ms_of(answers[i]->frame.time - answers[i - 1]->frame.time));
  }
  draft.facts = {{"protocol", name_of(shakes.kind)},
                 {"intervals_ms", intervals},
                 {"window_s", seconds_of(rhythm.window)},
                 {"most_in_window", rhythm.most}};
  draft.text =
      fmt::format("{}: {} set up {} sessions within {:.0f} s", flow_text(c.original),
                  name_of(shakes.kind), rhythm.most + 1,
                  seconds_of(answers[at]->frame.time - answers[at - rhythm.most]->frame.time));
  for (const Note* note : answers) draft.frame(Role::kCause, note->frame);
  draft.connections = {index};
  of.report.raise(std::move(draft));
}

// ---- it does not fit

std::uint32_t largest_piece(const Picture& picture, const std::vector<const Note*>& whole) {
  std::uint32_t out = 0;
  for (const Note& piece : picture.notes()) {
    if (piece.packet.kind != stream::NoteKind::kFragment) continue;
    const bool ours = std::any_of(whole.begin(), whole.end(), [&](const Note* note) {
      return note->packet.tuple.src == piece.packet.tuple.src &&
             note->packet.tuple.dst == piece.packet.tuple.dst &&
             note->packet.ip_id == piece.packet.ip_id;
    });
    if (ours) out = std::max(out, piece.packet.ip_bytes);
  }
  return out;
}

void report_fragmented(const Case& of, std::uint32_t index) {
  constexpr double kShare = 0.01;
  constexpr std::size_t kMany = 20;
  constexpr std::size_t kLeast = 2;
  const Picture& picture = of.picture;
  const Connection& c = picture.connections()[index];
  const auto whole = notes_of_kind(picture, index, stream::NoteKind::kFragments);
  const double share = static_cast<double>(whole.size()) /
                       static_cast<double>(std::max<std::uint64_t>(c.packets(), 1));
  if (whole.size() < kLeast || (share <= kShare && whole.size() <= kMany)) return;
  const bool handshake = std::all_of(whole.begin(), whole.end(), [&](const Note* note) {
    return picture.note_of(note->frame, stream::NoteKind::kHandshake) != nullptr;
  });
  const std::uint32_t mtu = largest_piece(picture, whole);
  Draft draft = tunnel_draft("VPN-OUTER-FRAGMENTED", Severity::kWarning, c);
  draft.variant = handshake ? "handshake" : "";
  draft.count = whole.size();
  draft.facts = {{"packets", c.packets()},
                 {"fragmented", whole.size()},
                 {"share", share},
                 {"outer_bytes", whole.front()->packet.ip_bytes},
                 {"largest_fragment_bytes", mtu},
                 {"warn_share", kShare},
                 {"warn_count", kMany}};
  draft.text = fmt::format(
      "{}: {} of {} packets of the tunnel came in fragments at {}; the first had {} bytes",
      flow_text(c.original), whole.size(), c.packets(), picture.name(c.tap),
      whole.front()->packet.ip_bytes);
  for (const Note* note : whole) draft.frame(Role::kCause, note->frame);
  draft.connections = {index};
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  std::set<std::uint32_t> told;  // flows: the tap that saw it first tells
  for (const std::uint32_t index : carriers_of(of.picture)) {
    report_fragmented(of, index);
    const Handshakes shakes = handshakes_of(of.picture, index);
    if (shakes.all == 0 || !told.insert(of.picture.flow(index)).second) continue;
    report_failed(of, index, shakes);
    report_no_data(of, index, shakes);
    report_flapping(of, index, shakes);
  }
}

}  // namespace

const Family kVpnSessions{kCodes, run};

}  // namespace natlens::findings
