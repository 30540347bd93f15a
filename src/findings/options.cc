// TCP options of handshakes, before and after the box: what it took away or altered.
//
// Both taps must show the very same SYN: a client that tries again may leave options out by
// itself, so connections whose handshake was repeated or partly lost are not judged.
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

constexpr auto kCodes = std::to_array<std::string_view>({"TCP-OPTION-CHANGED"});

// "wscale 7,sack,timestamps": names with their values.
using Options = std::map<std::string_view, std::string_view>;

Options parse(std::string_view text) {
  Options out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (word.starts_with(' ')) word.remove_prefix(1);
    const std::size_t space = std::min(word.find(' '), word.size());
    if (word.empty() || word == "none") continue;
    out.emplace(word.substr(0, space), word.substr(std::min(space + 1, word.size())));
  }
  return out;
}

std::string_view variant_of(std::string_view option) {
  if (option == "md5" || option == "ao") return "md5-ao";
  return option == "other" ? "unknown" : option;
}

struct Change {
  std::string_view option;
  std::string before;
  std::string after;
};

std::vector<Change> changes(const Connection& before,
                            unsigned before_d,
                            const Connection& after,
                            unsigned after_d) {
  std::vector<Change> out;
  const std::string& had = before.tcp_options[before_d];
  const std::string& has = after.tcp_options[after_d];
  if (had.empty() || has.empty()) return out;  // not seen
  if (before.mss[before_d] != after.mss[after_d]) {
    out.push_back(
        {"mss", fmt::to_string(before.mss[before_d]), fmt::to_string(after.mss[after_d])});
  }
  const Options were = parse(had);
  const Options are = parse(has);
  for (const auto& [name, value] : were) {
    const auto there = are.find(name);
    if (there != are.end() && there->second == value) continue;
    out.push_back({name, value.empty() ? "yes" : std::string(value),
                   there == are.end() ? std::string("none") : std::string(there->second)});
  }
  return out;
}

bool handshake_once(const Picture& picture, const Translation& t) {
  for (const std::uint32_t c : {t.inside, t.outside}) {
    const Connection& connection = picture.connections()[c];
    if (!connection.beginning_seen || connection.close_reason == "untracked" ||
        !notes_of_kind(picture, c, stream::NoteKind::kSynAgain).empty()) {
      return false;
    }
  }
  return std::all_of(t.packets.begin(), t.packets.end(), [](const auto& account) {
    // A segment whose options differ counts as one that is missing, at each of the taps.
    return account.inside_only == account.outside_only && account.inside_only <= 1 &&
           account.deviation.unknown == std::array<std::uint32_t, 2>{};
  });
}

bool has_scale(const Connection& connection, unsigned direction) {
  return parse(connection.tcp_options[direction]).contains("wscale");
}

Severity severity_of(const Picture& picture, const Passage& way, const Change& change) {
  constexpr std::uint64_t kMuch = 1'000'000;
  const Connection& before = picture.connections()[way.before];
  const Connection& after = picture.connections()[way.after];
  if (change.option == "mss") {
    return before.mss[way.before_direction] < after.mss[way.after_direction]
               ? Severity::kWarning
               : Severity::kInfo;
  }
  if (change.option == "wscale" && change.after == "none" &&
      has_scale(before, 1 - way.before_direction) &&
      has_scale(after, 1 - way.after_direction)) {
    return Severity::kError;  // one side scales and the other one does not know
  }
  const bool slows = change.option == "wscale" || change.option == "sack";
  return slows && before.counters[0].bytes + before.counters[1].bytes > kMuch
             ? Severity::kWarning
             : Severity::kInfo;
}

void report_change(const Case& of, const Passage& way, const Change& change) {
  const Picture& picture = of.picture;
  const Connection& before = picture.connections()[way.before];
  const Connection& after = picture.connections()[way.after];
  const std::string_view side = way.before_direction == 0 ? "SYN" : "SYN+ACK";
  Draft draft;
  draft.code = "TCP-OPTION-CHANGED";
  draft.variant = variant_of(change.option);
  draft.severity = severity_of(picture, way, change);
  draft.subject = Subject::kNat;
  draft.subject_id = way.translation->nat;
  draft.facts = {{"option", change.option},
                 {"before", change.before},
                 {"after", change.after},
                 {"direction", way.outward ? "out" : "in"},
                 {"segment", side}};
  draft.text =
      fmt::format("{} of a {} is {} at {} and {} at {}: {}{}", change.option, side,
                  change.before, picture.name(before.tap), change.after,
                  picture.name(after.tap), flow_text(before.original),
                  draft.severity == Severity::kError
                      ? "; the other side's is left, so windows are misread by its factor"
                      : "");
  const Role role = way.before_direction == 0 ? Role::kCause : Role::kExample;
  draft.frame(role, before.first_frame);
  draft.frame(role, after.first_frame);
  draft.connections = {way.before, way.after};
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  const Picture& picture = of.picture;
  for (const Translation& t : picture.translations()) {
    // A SYN proxy has options of its own.
    if (!hands_on(picture, t) || t.sequence_shift != std::array<std::int64_t, 2>{} ||
        t.inside == t.outside || !is_tcp(picture.connections()[t.inside].original) ||
        !handshake_once(picture, t)) {
      continue;
    }
    for (unsigned d = 0; d < 2; ++d) {
      const Passage way = passage(picture, t, d);
      for (const Change& change :
           changes(picture.connections()[way.before], way.before_direction,
                   picture.connections()[way.after], way.after_direction)) {
        report_change(of, way, change);
      }
    }
  }
}

}  // namespace

const Family kOptions{kCodes, run};

}  // namespace natlens::findings
