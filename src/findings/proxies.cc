// Proxies: two connections that carry one stream.
#include <array>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"PROXY-FALSE-ACCEPT"});

bool was_accepted(const Connection& c) {
  return c.answered() && (c.mss[1] != 0 || !c.tcp_options[1].empty());
}

// What became of a connection that the far end did not accept.
struct Refusal {
  std::string_view outcome;  // "" = it was accepted, or nothing is known
  const Note* note = nullptr;
};
Refusal refusal_of(const Case& of, std::uint32_t index) {
  const Connection& c = of.picture.connections()[index];
  if (!c.beginning_seen || was_accepted(c)) return {};
  for (const Note* note : notes_of_kind(of.picture, index, stream::NoteKind::kReset)) {
    if (note->packet.direction == conntrack::Direction::kReply) return {"reset", note};
  }
  for (const Note* note : notes_of_kind(of.picture, index, stream::NoteKind::kIcmpError)) {
    return {"icmp", note};
  }
  const Tap* tap = of.picture.tap(c.tap);
  const Tries tries = tries_of(of.picture, index);
  constexpr Nanoseconds kAnswerTime = std::chrono::seconds(1);
  if (c.answered() || tap == nullptr || tap->last - tries.frames.back().time < kAnswerTime ||
      !tried_enough(of, c, tries, tap->last)) {
    return {};
  }
  return {"unanswered", nullptr};
}

void report_false_accept(const Case& of, const Translation& t) {
  const Picture& picture = of.picture;
  const Connection& client = picture.connections()[t.inside];
  const Connection& remote = picture.connections()[t.outside];
  if (!is_tcp(client.original) || !is_tcp(remote.original) || !client.beginning_seen ||
      !was_accepted(client)) {
    return;
  }
  const Refusal refusal = refusal_of(of, t.outside);
  if (refusal.outcome.empty()) return;
  const Nanoseconds delay = std::max<Nanoseconds>(client.last - client.start, Nanoseconds(0));
  Draft draft;
  draft.code = "PROXY-FALSE-ACCEPT";
  draft.severity = Severity::kWarning;
  draft.confidence = t.confidence == correlate::Confidence::kCertain ? Confidence::kCertain
                                                                     : Confidence::kLikely;
  draft.subject = Subject::kNat;
  draft.subject_id = t.nat;
  draft.variant = refusal.outcome;
  draft.facts = {{"remote", end_text(destination(remote.original))},
                 {"remote_outcome", refusal.outcome},
                 {"delay_ms", ms_of(delay)}};
  draft.text = fmt::format("{} was accepted at {}, but the connection made for it at {} was {}",
                           flow_text(client.original), picture.name(client.tap),
                           picture.name(remote.tap),
                           refusal.outcome == "unanswered" ? "never answered"
                           : refusal.outcome == "reset"    ? "refused"
                                                           : "answered by an ICMP error");
  draft.frame(Role::kCause, client.first_frame);
  draft.frame(Role::kCause, remote.first_frame);
  if (refusal.note != nullptr) draft.frame(Role::kEffect, refusal.note->frame);
  draft.frame(Role::kEffect, client.last_frame);
  draft.connections = {t.inside, t.outside};
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  for (const Translation& t : of.picture.translations()) {
    if (t.kind == correlate::TranslationKind::kProxy && !t.reversed) report_false_accept(of, t);
  }
}

}  // namespace

const Family kProxies{kCodes, run};

}  // namespace natlens::findings
