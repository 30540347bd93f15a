// Mappings that do not live as long as they should, and keepalives that come too late.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "between.h"
#include "silence.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"NAT-TIMEOUT-UDP", "NAT-TIMEOUT-TCP", "NAT-TIMEOUT-ICMP", "NAT-KEEPALIVE-SLOW"});

struct Default {
  std::string_view name;
  Phase phase;
  double seconds;
};
constexpr auto kDefaults = std::to_array<Default>({
    {"Linux nf_conntrack_udp_timeout 30 s", Phase::kUnreplied, 30},
    {"Linux nf_conntrack_udp_timeout 30 s", Phase::kExchange, 30},
    {"pf udp.single 30 s", Phase::kExchange, 30},
    {"OpenWrt 60 s", Phase::kUnreplied, 60},
    {"Azure NAT gateway 240 s", Phase::kEstablished, 240},
    {"AWS NAT gateway 350 s", Phase::kEstablished, 350},
    {"Cisco ASA 3600 s", Phase::kEstablished, 3600},
    {"Windows NetNat 1800 s", Phase::kEstablished, 1800},
    {"Google Cloud NAT 1200 s", Phase::kEstablished, 1200},
    {"Linux nf_conntrack_icmp_timeout 30 s", Phase::kEcho, 30},
    {"Cisco ASA 2 s", Phase::kEcho, 2},
});

std::string default_of(Phase phase, double lower_s, double upper_s, double slack_s) {
  for (const Default& one : kDefaults) {
    if (one.phase == phase && one.seconds >= lower_s && one.seconds < upper_s + slack_s) {
      return std::string(one.name);
    }
  }
  return "";
}

struct Requirement {
  std::string_view code;
  std::string_view parameter;
  Severity severity;
};
const Requirement* required(Phase phase) {
  static constexpr Requirement kUdp{"NAT-TIMEOUT-UDP", "req_udp_s", Severity::kWarning};
  static constexpr Requirement kEst{"NAT-TIMEOUT-TCP", "req_tcp_est_s", Severity::kWarning};
  static constexpr Requirement kTrans{"NAT-TIMEOUT-TCP", "req_tcp_trans_s", Severity::kWarning};
  static constexpr Requirement kIcmp{"NAT-TIMEOUT-ICMP", "req_icmp_s", Severity::kInfo};
  switch (phase) {
    case Phase::kUnreplied:
    case Phase::kExchange:
    case Phase::kStream:
      return &kUdp;
    case Phase::kEstablished:
      return &kEst;
    case Phase::kOpening:
    case Phase::kClosing:
      return &kTrans;
    case Phase::kEcho:
      return &kIcmp;
    case Phase::kOther:
      break;
  }
  return nullptr;
}

// Two mappings that say the same, or one with the NAT's own word for it.
bool proven(const Case& of, const Bounds& bounds, Phase phase) {
  std::set<std::uint32_t> mappings;
  bool told = false;
  for (const Silence& one : bounds.refusals) {
    mappings.insert(one.translation);
    const Translation& t = of.picture.translations()[one.translation];
    told = told || of.report.raised("NAT-STALE-REJECT", t.outside) ||
           of.report.raised("NAT-MAPPING-CHANGED", t.outside);
  }
  const bool one_is_enough = phase == Phase::kEstablished || phase == Phase::kEcho || told;
  return mappings.size() >= 2 || (one_is_enough && !mappings.empty());
}

void report_timeout(const Case& of, std::int64_t nat, Phase phase, const Bounds& bounds) {
  const Requirement* need = required(phase);
  const double slack = 0.02 * bounds.upper_s + of.parameters["timeout_slack_s"];
  if (need == nullptr || bounds.upper_s + slack >= of.parameters[need->parameter]) return;
  if (!proven(of, bounds, phase)) return;
  Draft draft;
  draft.code = need->code;
  draft.variant = phase == Phase::kEcho ? "" : kPhaseNames[static_cast<std::size_t>(phase)];
  draft.severity = need->severity;
  draft.confidence = bounds.refusals.size() >= 2 ? Confidence::kCertain : Confidence::kLikely;
  draft.subject = Subject::kNat;
  draft.subject_id = nat;
  draft.count = bounds.refusals.size();
  std::set<std::uint32_t> mappings;
  for (const Silence& one : bounds.refusals) {
    const Translation& t = of.picture.translations()[one.translation];
    mappings.insert(one.translation);
    draft.frame(Role::kCause, one.note->frame);
    draft.missing(of.picture.connections()[t.inside].tap, one.note->frame.time);
    draft.connections.push_back(t.outside);
  }
  const double lower = bounds.lower_s < bounds.upper_s ? bounds.lower_s : 0;
  draft.facts = {{"class", kPhaseNames[static_cast<std::size_t>(phase)]},
                 {"lower_s", lower},
                 {"upper_s", bounds.upper_s},
                 {"mappings", mappings.size()},
                 {std::string(need->parameter), of.parameters[need->parameter]},
                 {"timeout_slack_s", of.parameters["timeout_slack_s"]}};
  if (const std::string name = default_of(phase, lower, bounds.upper_s, slack); !name.empty()) {
    draft.facts["default_of"] = name;
  }
  draft.text = fmt::format(
      "mappings were gone after {:.1f} s without a packet ({:.1f} s survived); {:.0f} s are "
      "asked for: {} refused",
      bounds.upper_s, lower, of.parameters[need->parameter],
      count_text(bounds.refusals.size(), "packet was", "packets were"));
  if (bounds.survivor != nullptr && bounds.lower_s < bounds.upper_s) {
    draft.frame(Role::kControl, bounds.survivor->frame);
  }
  of.report.raise(std::move(draft));
}

// ---- keepalives that come too late

void report_keepalive(const Case& of, std::uint32_t index, const Known& known) {
  const Picture& picture = of.picture;
  const Connection& c = picture.connections()[index];
  std::array<std::vector<const Note*>, 2> by_direction;
  for (const Note* note : notes_of_kind(picture, index, stream::NoteKind::kResume)) {
    if (note->packet.payload_bytes > 64) return;
    by_direction[static_cast<std::size_t>(note->packet.direction)].push_back(note);
  }
  for (const auto& notes : by_direction) {
    if (notes.size() < 3) continue;  // four packets, the first ends no silence
    std::vector<double> gaps;
    for (std::size_t i = 1; i < notes.size(); ++i) {
      gaps.push_back(seconds_of(notes[i]->frame.time - notes[i - 1]->frame.time));
    }
    double mean = 0;
    for (const double gap : gaps) mean += gap / static_cast<double>(gaps.size());
    double variance = 0;
    for (const double gap : gaps) {
      variance += (gap - mean) * (gap - mean) / static_cast<double>(gaps.size());
    }
    if (mean <= 0 || std::sqrt(variance) / mean >= 0.2) continue;
    for (const std::uint32_t t : picture.translations_of(index)) {
      const Translation& translation = picture.translations()[t];
      double upper = INFINITY;
      std::size_t failures = 0;
      for (const auto& [key, bounds] : known) {
        const bool udp = key.second <= Phase::kStream;
        const bool tcp = key.second == Phase::kEstablished;
        if (key.first != translation.nat || !(is_udp(c.original) ? udp : tcp)) continue;
        if (bounds.upper_s < upper) {
          upper = bounds.upper_s;
          failures = bounds.refusals.size();
        }
      }
      if (mean <= 0.8 * upper) continue;
      Draft draft;
      draft.code = "NAT-KEEPALIVE-SLOW";
      draft.severity = mean > upper ? Severity::kWarning : Severity::kInfo;
      draft.confidence = Confidence::kLikely;
      draft.subject_id = picture.connections()[translation.inside].id;
      draft.count = notes.size();
      draft.facts = {{"interval_s", mean},
                     {"upper_s", upper},
                     {"protocol", protocol_name(c.original.protocol)},
                     {"failures", failures}};
      draft.text = fmt::format(
          "{}: a small packet every {:.1f} s is to keep the mapping, but a mapping of this NAT "
          "is gone after {:.1f} s",
          flow_text(picture.connections()[translation.inside].original), mean, upper);
      for (const Note* note : notes) draft.frame(Role::kCause, note->frame);
      draft.connections = {translation.inside, translation.outside};
      of.report.raise(std::move(draft));
    }
  }
}

void run(const Case& of) {
  const Known known = bounds_of(of, silences(of));
  for (const auto& [key, bounds] : known) report_timeout(of, key.first, key.second, bounds);
  for (std::uint32_t i = 0; i < of.picture.connections().size(); ++i) {
    const Connection& c = of.picture.connections()[i];
    if (of.picture.is_external(c.original.src) || of.picture.is_inside_host(c.original.src)) {
      report_keepalive(of, i, known);
    }
  }
}

}  // namespace

const Family kTimeouts{kCodes, run};

}  // namespace natlens::findings
