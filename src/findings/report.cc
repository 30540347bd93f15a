#include "report.h"

#include <algorithm>

#include <fmt/format.h>

namespace natlens::findings {
namespace {

// Which cause explains which symptom: only downwards. Codes with the same number do not explain
// each other; `*` ends a family's name.
struct Rank {
  std::string_view code;
  int rank;
};
constexpr auto kRanks = std::to_array<Rank>({
    {"CAP-INCOMPLETE", 0},
    {"NAT-STATE-LOST", 1},
    {"CT-TABLE-FULL", 2},
    {"NAT-PORT-EXHAUSTED", 3},
    {"MTU-BLACKHOLE", 4},
    {"FRAG-DROPPED", 4},
    {"NAT-CHECKSUM-BAD", 4},
    {"NAT-TIMEOUT-*", 5},
    {"NAT-MAPPING-CHANGED", 6},
    {"CT-INVALID", 7},
    {"CT-CLASH", 8},
    {"NAT-ICMP-GENERATED", 9},
    {"NAT-RST-GENERATED", 9},
    {"NAT-FORWARD-DEAD", 9},
    {"NAT-STALE-REJECT", 9},
    {"PATH-LOOP", 9},
    {"NAT-DROP-*", 10},
    {"LEAK-PRIVATE-SOURCE", 10},
    {"NAT-REPLY-UNTRANSLATED", 9},
    {"PATH-*", 10},
    {"TCP-SYN-UNANSWERED", 11},
    {"NAT-UNSOLICITED", 11},
    {"ICMP-ERROR-LOST", 11},
    {"TCP-HALF-OPEN", 11},
});

int rank_of(std::string_view code) {
  for (const Rank& rank : kRanks) {
    const bool family = rank.code.ends_with('*');
    if (family ? code.starts_with(rank.code.substr(0, rank.code.size() - 1))
               : code == rank.code) {
      return rank.rank;
    }
  }
  return -1;
}

// Chains that the order above does not tell.
struct Chain {
  std::string_view cause;
  std::string_view symptom;
};
constexpr auto kChains = std::to_array<Chain>({
    {"NAT-CHECKSUM-BAD", "CT-INVALID"},
    {"NAT-TIMEOUT-UDP", "NAT-STALE-REJECT"},
    {"ICMP-ERROR-LOST", "MTU-BLACKHOLE"},
    {"MTU-MSS-TOO-BIG", "MTU-BLACKHOLE"},
    {"NAT-KEEPALIVE-SLOW", "VPN-KEEPALIVE-MISSING"},
    {"VPN-KEEPALIVE-MISSING", "VPN-FLAPPING"},
    {"NAT-MAPPING-CHANGED", "VPN-ROAMED"},
    {"VPN-INNER-LOST", "NAT-DROP-OUT"},
    {"VPN-INNER-LOST", "PATH-NOT-REACHED"},
});
// What is never made less visible by something else: it has its own owner.
constexpr auto kNever = std::to_array<Chain>({
    {"CAP-INCOMPLETE", "LEAK-PRIVATE-SOURCE"},
    {"CT-INVALID", "LEAK-PRIVATE-SOURCE"},
    {"MTU-BLACKHOLE", "ICMP-ERROR-LOST"},
});

bool may_explain(std::string_view cause, std::string_view symptom) {
  const auto is = [&](const Chain& chain) {
    return chain.cause == cause && chain.symptom == symptom;
  };
  if (std::any_of(kNever.begin(), kNever.end(), is)) return false;
  if (std::any_of(kChains.begin(), kChains.end(), is)) return true;
  const int strong = rank_of(cause);
  const int weak = rank_of(symptom);
  return strong >= 0 && weak >= 0 && strong < weak;
}

bool same_frame(const FrameRef& a, const FrameRef& b) {
  return a.named() && a.file == b.file && a.number == b.number;
}

// What makes two pieces of evidence the same one.
std::tuple<std::int64_t, std::int64_t, std::int64_t> key_of(const FrameRef& frame) {
  if (frame.named()) return {frame.file, frame.number, 0};
  return {0, frame.tap, frame.time.ns()};
}

// First and last by time always, one that went well, and what fits between.
std::vector<Evidence> choose(std::vector<Evidence> frames) {
  std::stable_sort(frames.begin(), frames.end(), [](const Evidence& a, const Evidence& b) {
    return a.frame.time < b.frame.time;
  });
  std::vector<Evidence> others;
  const Evidence* control = nullptr;
  std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> known;
  for (const Evidence& one : frames) {
    if (one.role == Role::kControl) {
      if (control == nullptr) control = &one;
    } else if (known.insert(key_of(one.frame)).second) {
      others.push_back(one);
    }
  }
  const std::size_t room = kMostFrames - (control == nullptr ? 0 : 1);
  if (others.size() > room) {
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(room) - 1, others.end() - 1);
  }
  if (control != nullptr) others.push_back(*control);
  return others;
}

}  // namespace

void Report::raise(Draft draft) {
  for (const std::uint32_t c : draft.connections) {
    about_.emplace(draft.code, picture_.flow(c));
  }
  Key key{draft.code, draft.subject, draft.subject_id, draft.variant};
  const auto found = drafts_.find(key);
  if (found == drafts_.end()) {
    drafts_.emplace(std::move(key), std::move(draft));
    return;
  }
  Draft& kept = found->second;
  kept.count += draft.count;
  kept.severity = std::max(kept.severity, draft.severity);
  kept.confidence = std::max(kept.confidence, draft.confidence);
  kept.frames.insert(kept.frames.end(), draft.frames.begin(), draft.frames.end());
  kept.connections.insert(kept.connections.end(), draft.connections.begin(),
                          draft.connections.end());
}

bool Report::raised(std::string_view code, std::uint32_t connection) const {
  return about_.contains({code, picture_.flow(connection)});
}

// Two frames, or one and the place where its image should have been.
bool Report::tells_enough(const Draft& draft) const {
  std::size_t named = 0;
  bool missing = false;
  for (const Evidence& one : draft.frames) {
    named += one.frame.named();
    missing = missing || one.role == Role::kMissingImage;
  }
  return named >= 2 || (named == 1 && missing);
}

// The frames of the symptom are frames of the cause, or of connections that the cause is about.
bool Report::covers(const Draft& cause, const Draft& symptom) const {
  constexpr double kShare = 0.8;
  const auto& flows = cause.connections;  // finish() made flows of them, in order
  std::size_t covered = 0;
  std::size_t all = 0;
  for (const Evidence& one : symptom.frames) {
    if (!one.frame.named() || one.role == Role::kControl) continue;
    ++all;
    const std::uint32_t c = picture_.connection(one.frame.connection);
    const bool known =
        std::any_of(cause.frames.begin(), cause.frames.end(),
                    [&](const Evidence& e) { return same_frame(e.frame, one.frame); });
    covered += known ||
               (c != kNone && std::binary_search(flows.begin(), flows.end(), picture_.flow(c)));
  }
  return all != 0 && static_cast<double>(covered) >= kShare * static_cast<double>(all);
}

void Report::explain(std::vector<Draft*>& drafts, std::vector<Finding>& findings) const {
  // Only what shares a frame or a flow with a symptom may be its cause.
  std::map<std::pair<std::int64_t, std::uint32_t>, std::vector<std::size_t>> by_frame;
  std::map<std::uint32_t, std::vector<std::size_t>> by_flow;
  for (std::size_t c = 0; c < drafts.size(); ++c) {
    for (const std::uint32_t flow : drafts[c]->connections) by_flow[flow].push_back(c);
    for (const Evidence& one : drafts[c]->frames) {
      if (one.frame.named()) by_frame[{one.frame.file, one.frame.number}].push_back(c);
    }
  }
  for (std::size_t s = 0; s < drafts.size(); ++s) {
    std::size_t best = drafts.size();
    std::set<std::size_t> candidates;
    for (const Evidence& one : drafts[s]->frames) {
      if (!one.frame.named()) continue;
      const auto& same = by_frame[{one.frame.file, one.frame.number}];
      candidates.insert(same.begin(), same.end());
      const std::uint32_t c = picture_.connection(one.frame.connection);
      if (c == kNone) continue;
      const auto& about = by_flow[picture_.flow(c)];
      candidates.insert(about.begin(), about.end());
    }
    for (const std::size_t c : candidates) {
      const Draft& cause = *drafts[c];
      if (c == s || !may_explain(cause.code, drafts[s]->code)) continue;
      // A fact to know is no cause of an error.
      if (cause.severity == Severity::kInfo && drafts[s]->severity != Severity::kInfo) continue;
      if (!covers(cause, *drafts[s])) continue;
      if (best == drafts.size() || rank_of(cause.code) < rank_of(drafts[best]->code)) best = c;
    }
    if (best == drafts.size()) continue;
    findings[s].explained_by = findings[best].id;
  }
  // A cause that is explained itself hands its symptoms on, so that the root has them all.
  for (auto& finding : findings) {
    std::int64_t root = finding.explained_by;
    for (std::size_t i = 0; root != 0 && i < findings.size(); ++i) {
      const std::int64_t next = findings[static_cast<std::size_t>(root - 1)].explained_by;
      if (next == 0 || next == finding.id) break;
      root = next;
    }
    finding.explained_by = root;
    if (root != 0) findings[static_cast<std::size_t>(root - 1)].explains.push_back(finding.id);
  }
}

std::vector<Finding> Report::finish() {
  std::vector<Draft*> drafts;
  for (auto& [key, draft] : drafts_) {
    if (!tells_enough(draft)) continue;
    draft.frames = choose(std::move(draft.frames));
    for (std::uint32_t& c : draft.connections) c = picture_.flow(c);
    std::sort(draft.connections.begin(), draft.connections.end());
    draft.connections.erase(std::unique(draft.connections.begin(), draft.connections.end()),
                            draft.connections.end());
    drafts.push_back(&draft);
  }
  const auto first_time = [](const Draft& draft) { return draft.frames.front().frame.time; };
  std::stable_sort(drafts.begin(), drafts.end(), [&](const Draft* a, const Draft* b) {
    return a->severity != b->severity ? a->severity > b->severity
                                      : first_time(*a) < first_time(*b);
  });
  std::vector<Finding> out;
  for (const Draft* draft : drafts) {
    Finding finding;
    finding.id = static_cast<std::int64_t>(out.size()) + 1;
    finding.code = draft->code;
    finding.severity = draft->severity;
    finding.confidence = draft->confidence;
    finding.subject = draft->subject;
    finding.subject_id = draft->subject_id;
    finding.variant = draft->variant;
    finding.count = draft->count;
    finding.facts = draft->facts.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    finding.text = draft->text;
    finding.frames = draft->frames;
    finding.first = Timestamp::max();
    finding.last = Timestamp::none();
    for (const Evidence& one : draft->frames) {
      if (one.role == Role::kControl) continue;
      finding.first = std::min(finding.first, one.frame.time);
      finding.last = std::max(finding.last, one.frame.time);
    }
    out.push_back(std::move(finding));
  }
  explain(drafts, out);
  return out;
}

}  // namespace natlens::findings
