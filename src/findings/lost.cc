// Lost packets: flows and packets that one side of the NAT shows and the other does not, and
// the question whose fault it is.
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
    {"NAT-DROP-OUT", "NAT-DROP-IN", "PATH-NOT-REACHED", "PATH-LOST-BEYOND"});

std::string_view code_of(const Crossing& way, bool out) {
  if (is_plain(way.nat->relation)) return "PATH-NOT-REACHED";
  return out ? "NAT-DROP-OUT" : "NAT-DROP-IN";
}

void add_control(const Case& of, const Crossing& way, std::uint32_t translation, Draft& draft) {
  if (translation == kNone) return;
  const Translation& t = of.picture.translations()[translation];
  draft.frame(Role::kControl, frame_at(of.picture, t, way.before));
}

// A flow of which nothing crossed.
Draft flow_draft(const Case& of, const Crossing& way, const LostFlow& lost, bool out) {
  const Connection& c = of.picture.connections()[lost.connection];
  Draft draft;
  draft.code = code_of(way, out);
  draft.variant = "flow";
  draft.confidence = lost.absence.at_most(Confidence::kCertain);
  draft.subject_id = c.id;
  draft.count = lost.tries.count;
  draft.facts = {{"sent", lost.tries.count},
                 {"lost", lost.tries.count},
                 {"ratio", 1.0},
                 {"protocol", protocol_name(c.original.protocol)},
                 {"destination", end_text(destination(c.original))},
                 {"whole_flow_tries", of.parameters["whole_flow_tries"]}};
  draft.text = fmt::format(
      "{}: {} at {}, none of them at {}, although other traffic to {} crossed",
      flow_text(c.original), count_text(lost.tries.count, "packet", "packets"),
      of.picture.name(way.before), of.picture.name(way.after), to_string(c.original.dst));
  for (const FrameRef& frame : lost.tries.frames) draft.frame(Role::kCause, frame);
  draft.missing(way.after, lost.tries.frames.front().time);
  add_control(of, way, lost.control, draft);
  draft.connections = {lost.connection};
  return draft;
}

// All flows to one port are lost, and others pass: a policy, told of once.
using PortKey = std::pair<std::uint8_t, std::uint16_t>;
std::set<PortKey> blocked_ports(const Case& of,
                                const Crossing& way,
                                const std::vector<LostFlow>& lost) {
  std::map<PortKey, std::size_t> count;
  for (const LostFlow& flow : lost) {
    const Tuple& tuple = of.picture.connections()[flow.connection].original;
    if (!is_icmp(tuple)) ++count[{tuple.protocol, tuple.dst_port}];
  }
  for (const Translation& t : of.picture.translations()) {
    const Connection& inside = of.picture.connections()[t.inside];
    const Connection& outside = of.picture.connections()[t.outside];
    for (const Connection* c : {&inside, &outside}) {
      if (c->tap == way.before) count.erase({c->original.protocol, c->original.dst_port});
    }
  }
  std::set<PortKey> out;
  for (const auto& [key, flows] : count) {
    if (flows >= 2) out.insert(key);
  }
  return out;
}

void report_flows(const Case& of, const Crossing& way, bool out) {
  const auto lost = lost_flows(of, way, code_of(way, out));
  const auto blocked = blocked_ports(of, way, lost);
  std::map<PortKey, Draft> policies;
  for (const LostFlow& flow : lost) {
    const Connection& c = of.picture.connections()[flow.connection];
    if (was_refused(of.picture, flow.connection)) continue;  // somebody answered
    Draft draft = flow_draft(of, way, flow, out);
    const PortKey key{c.original.protocol, c.original.dst_port};
    if (!blocked.contains(key) || is_icmp(c.original)) {
      of.report.raise(std::move(draft));
      continue;
    }
    const auto [at, fresh] = policies.try_emplace(key, draft);
    if (fresh) {
      at->second.variant = "port";
      continue;
    }
    Draft& policy = at->second;
    policy.count += draft.count;
    policy.frames.insert(policy.frames.end(), draft.frames.begin(), draft.frames.end());
    policy.connections.push_back(flow.connection);
  }
  for (auto& [key, policy] : policies) {
    policy.facts["flows"] = policy.connections.size();
    policy.facts["sent"] = policy.facts["lost"] = policy.count;
    policy.text = fmt::format(
        "no flow to {} port {} crosses from {} to {}: {} lost, while others to the same "
        "addresses pass",
        protocol_name(key.first), key.second, of.picture.name(way.before),
        of.picture.name(way.after),
        count_text(policy.connections.size(), "flow was", "flows were"));
    of.report.raise(std::move(policy));
  }
}

void report_packets(const Case& of, const Crossing& way, bool out) {
  const std::string_view code = code_of(way, out);
  for (const LostPackets& lost : lost_packets(of, way, code)) {
    const Translation& t = of.picture.translations()[lost.translation];
    if (t.kind == correlate::TranslationKind::kProxy ||
        t.kind == correlate::TranslationKind::kTunnel) {
      continue;
    }
    const auto least = static_cast<std::size_t>(of.parameters["loss_least"]);
    if (lost.proven.size() < least || lost.ratio() <= of.parameters["loss_warn"]) continue;
    const Connection& inside = of.picture.connections()[t.inside];
    Draft draft;
    draft.code = code;
    draft.variant = lost.passed == 0 ? "flow" : "packets";
    draft.severity =
        lost.ratio() > of.parameters["loss_err"] ? Severity::kError : Severity::kWarning;
    draft.confidence = t.confidence == correlate::Confidence::kCertain ? Confidence::kCertain
                                                                       : Confidence::kLikely;
    draft.subject = Subject::kTranslation;
    draft.subject_id = t.id;
    draft.count = lost.lost;
    draft.facts = {{"sent", lost.lost + lost.passed},
                   {"lost", lost.lost},
                   {"ratio", lost.ratio()},
                   {"smallest_lost_bytes", lost.smallest},
                   {"largest_lost_bytes", lost.largest},
                   {"loss_warn", of.parameters["loss_warn"]},
                   {"loss_err", of.parameters["loss_err"]}};
    draft.text =
        fmt::format("{} of {} ({}): seen at {}, never at {}; of {}",
                    count_text(lost.lost, "packet", "packets"), lost.lost + lost.passed,
                    percent(lost.ratio()), of.picture.name(way.before),
                    of.picture.name(way.after), flow_text(inside.original));
    for (const Fate* fate : lost.proven) draft.frame(Role::kCause, fate->frame);
    draft.missing(way.after, lost.proven.front()->frame.time);
    add_control(of, way, lost.translation, draft);
    draft.connections = {t.inside, t.outside};
    of.report.raise(std::move(draft));
  }
}

// A tap farther on shows it too: it did not get lost behind this one.
bool goes_on(const Picture& picture, std::uint32_t connection, const Translation& from) {
  for (const std::uint32_t t : picture.translations_of(connection)) {
    if (picture.translations()[t].id == from.id) continue;
    const std::uint32_t other = picture.partner(picture.translations()[t], connection);
    if (picture.connections()[other].tap != picture.connections()[from.inside].tap) return true;
  }
  return false;
}

// The NAT let it out, and nothing came back: SYNs that went on unanswered at the outside.
void report_beyond(const Case& of, const Crossing& way) {
  constexpr Nanoseconds kAnswerTime = std::chrono::seconds(1);
  const auto wanted = static_cast<std::uint64_t>(of.parameters["whole_flow_tries"]);
  const Tap* after = of.picture.tap(way.after);
  for (const Translation& t : of.picture.translations()) {
    const Connection& inside = of.picture.connections()[t.inside];
    const Connection& outside = of.picture.connections()[t.outside];
    if (inside.tap != way.before || outside.tap != way.after || after == nullptr) continue;
    if (!is_tcp(outside.original) || outside.counters[1].packets != 0 ||
        inside.counters[1].packets != 0 || !outside.beginning_seen || t.reversed ||
        t.kind == correlate::TranslationKind::kProxy) {
      continue;
    }
    if (was_refused(of.picture, t.outside) || was_refused(of.picture, t.inside) ||
        goes_on(of.picture, t.outside, t)) {
      continue;
    }
    const Tries tries = tries_of(of.picture, t.outside);
    if (tries.count < wanted || tries.span < std::chrono::milliseconds(800) ||
        after->last - tries.frames.back().time < kAnswerTime) {
      continue;
    }
    Draft draft;
    draft.code = "PATH-LOST-BEYOND";
    draft.variant = "outside";
    draft.severity = Severity::kWarning;
    draft.subject = Subject::kTranslation;
    draft.subject_id = t.id;
    draft.count = tries.count;
    draft.facts = {{"side", "outside"},
                   {"tries", tries.count},
                   {"external", end_text(source(outside.original))},
                   {"destination", end_text(destination(outside.original))},
                   {"whole_flow_tries", wanted}};
    draft.text = fmt::format(
        "{}: {} left {} as {}, and nothing came back to it: lost farther on, not in the NAT",
        flow_text(inside.original), count_text(tries.count, "SYN", "SYNs"),
        of.picture.name(way.after), end_text(source(outside.original)));
    for (const FrameRef& frame : tries.frames) draft.frame(Role::kCause, frame);
    draft.frame(Role::kExample, inside.first_frame);
    draft.connections = {t.inside, t.outside};
    of.report.raise(std::move(draft));
  }
}

void run(const Case& of) {
  for (const Crossing& way : crossings(of.picture, is_nat)) {
    const bool out = way.before == way.nat->inside_tap;
    report_packets(of, way, out);
    if (out) {
      // A NAT in user space opens connections of its own: that one is missing proves nothing.
      if (way.nat->relation == nat::Relation::kNat) report_flows(of, way, true);
      report_beyond(of, way);
    }
  }
  for (const Crossing& way : crossings(of.picture, is_plain)) {
    report_flows(of, way, true);
    report_packets(of, way, true);
  }
}

}  // namespace

const Family kLost{kCodes, run};

}  // namespace natlens::findings
