// Application gateways: what a protocol says of addresses, before and after the box.
//
// The same thing is said at both taps, in the same order; where the inside names a host that
// the NAT hides, and the outside an address of the NAT, somebody wrote that into the payload.
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "between.h"
#include "passage.h"
#include "traffic.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"ALG-ACTIVE", "ALG-BROKEN"});

// Statements of a connection that mean the same: by protocol, speaker and kind.
using SaidKey = std::tuple<std::string_view, bool, std::string_view>;
using Said = std::map<SaidKey, std::vector<const Statement*>>;

Said said_in(const Picture& picture, std::uint32_t connection, bool turned_round) {
  Said out;
  for (const Statement& s : picture.statements()) {
    if (s.connection != connection || s.named.address.bytes().empty()) continue;
    // Mappings are what these two are about: nobody need rewrite them.
    if (s.protocol == "stun" || s.protocol == "pcp" || s.protocol == "nat-pmp") continue;
    out[{s.protocol, (s.speaker == "reply") != turned_round, s.says}].push_back(&s);
  }
  return out;
}

struct Pair {
  const Statement* inside = nullptr;
  const Statement* outside = nullptr;
};

struct Conversation {
  const Translation* translation = nullptr;
  std::vector<Pair> rewritten;
  std::vector<Pair> left;  // names a hidden host at both sides
};

bool is_hidden(const Picture& picture, std::int64_t tap, const Address& address) {
  return address.is_private() && !picture.is_external(address) &&
         (picture.is_inside_host(address) || picture.is_inside_prefix(tap, address));
}

Conversation compare(const Picture& picture, const Translation& t) {
  Conversation out;
  out.translation = &t;
  const std::int64_t tap = picture.connections()[t.inside].tap;
  const Said inside = said_in(picture, t.inside, false);
  if (inside.empty()) return out;
  const Said outside = said_in(picture, t.outside, t.reversed);
  for (const auto& [key, mine] : inside) {
    const auto theirs = outside.find(key);
    if (theirs == outside.end() || theirs->second.size() != mine.size()) continue;
    for (std::size_t i = 0; i < mine.size(); ++i) {
      const Statement& one = *mine[i];
      const Statement& other = *theirs->second[i];
      if (!is_hidden(picture, tap, one.named.address)) continue;
      if (other.named == one.named) {
        // Towards the outside nobody can use it.
        out.left.push_back({&one, &other});
      } else if (picture.is_external(other.named.address)) {
        out.rewritten.push_back({&one, &other});
      }
    }
  }
  return out;
}

nlohmann::ordered_json changes_of(const std::vector<Pair>& pairs) {
  auto out = nlohmann::ordered_json::array();
  for (const Pair& pair : pairs) {
    if (out.size() == 5) break;
    out.push_back(
        {{"old", end_text(pair.inside->named)}, {"new", end_text(pair.outside->named)}});
  }
  return out;
}

Draft draft_of(std::string_view code,
               const AtNat& at,
               const Conversation& one,
               const std::vector<Pair>& pairs) {
  Draft draft;
  draft.code = code;
  draft.subject = Subject::kNat;
  draft.subject_id = at.nat->id;
  draft.count = pairs.size();
  draft.facts = {{"protocol", pairs.front().inside->protocol}, {"changes", changes_of(pairs)}};
  draft.connections = {one.translation->inside, one.translation->outside};
  return draft;
}

void add_frames(const std::vector<Pair>& pairs, Role outside, Draft& draft) {
  for (const Pair& pair : pairs) {
    draft.frame(Role::kExample, pair.inside->frame);
    draft.frame(outside, pair.outside->frame);
  }
}

void report_active(const Case& of, const AtNat& at, const Conversation& one) {
  Draft draft = draft_of("ALG-ACTIVE", at, one, one.rewritten);
  draft.variant = one.rewritten.front().inside->protocol;
  draft.severity = Severity::kInfo;
  const auto delta = one.translation->sequence_shift;
  if (delta != std::array<std::int64_t, 2>{}) draft.facts["seq_delta"] = delta;
  draft.text = fmt::format(
      "the box rewrites what {} says of addresses: {} inside is {} outside",
      one.rewritten.front().inside->protocol, end_text(one.rewritten.front().inside->named),
      end_text(one.rewritten.front().outside->named));
  add_frames(one.rewritten, Role::kCause, draft);
  of.report.raise(std::move(draft));
}

void report_missed(const Case& of, const AtNat& at, const Conversation& one, bool partly) {
  Draft draft = draft_of("ALG-BROKEN", at, one, one.left);
  draft.variant = partly ? "partial" : "missed";
  draft.confidence = Confidence::kLikely;
  draft.facts["defect"] = draft.variant;
  draft.text = fmt::format(
      "the box rewrites {} {}, and leaves {} in it towards the outside, where nobody can reach "
      "that",
      one.left.front().inside->protocol, partly ? "in this very connection" : "elsewhere",
      end_text(one.left.front().inside->named));
  add_frames(one.left, Role::kCause, draft);
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  const Picture& picture = of.picture;
  if (picture.statements().empty()) return;
  std::vector<bool> speaks(picture.connections().size());
  for (const Statement& s : picture.statements()) {
    if (s.connection != kNone) speaks[s.connection] = true;
  }
  for (const AtNat& at : by_nat(picture, through_nat)) {
    std::vector<Conversation> all;
    std::map<std::string_view, std::size_t> rewrites;  // by protocol
    for (const Translation* t : at.translations) {
      if (!speaks[t->inside] || !speaks[t->outside]) continue;
      Conversation one = compare(picture, *t);
      if (one.rewritten.empty() && one.left.empty()) continue;
      if (!one.rewritten.empty()) ++rewrites[one.rewritten.front().inside->protocol];
      all.push_back(std::move(one));
    }
    for (const Conversation& one : all) {
      if (!one.rewritten.empty()) report_active(of, at, one);
      if (!one.left.empty() && rewrites.contains(one.left.front().inside->protocol)) {
        report_missed(of, at, one, !one.rewritten.empty());
      }
    }
  }
}

}  // namespace

const Family kAlg{kCodes, run};

}  // namespace natlens::findings
