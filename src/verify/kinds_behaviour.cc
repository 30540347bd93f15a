// Promises about classes of RFC 4787: what analyze worked out, held against a list.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "behaviours.h"
#include "kinds.h"

namespace natlens::verify {
namespace {

std::string property_of(std::string_view kind) {
  if (kind == "ports") return "port_preservation";
  if (kind == "hairpin") return "hairpinning";
  return std::string(kind);
}

// "ports" = random, sequential, blocks: other questions of the same family.
std::string property_of(const Assertion& a) {
  if (a.kind != "ports") return property_of(a.kind);
  const auto& words = a.find("is")->words;
  const auto has = [&](const char* word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  return has("random") || has("sequential") ? "port_order"
         : has("blocks")                    ? "port_blocks"
                                            : "port_preservation";
}

bool listed(const std::vector<std::string>& words, const std::string& value) {
  const std::string plain = plain_word(value);
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    const std::string wanted = plain_word(word);
    return plain == wanted || plain.starts_with(wanted + ",") ||
           (wanted == "yes" && plain.starts_with("yes")) ||
           (wanted == "blocks" && plain.starts_with("blocks"));
  });
}

bool of_protocol(const Assertion& a, const BehaviourRow& row) {
  const Value* proto = a.find("proto");
  return proto == nullptr || row.protocol.empty() || row.protocol == proto->text;
}

}  // namespace

Judged judge_behaviour(const Context& c, const Assertion& a, Outcome& o) {
  const auto rows = load_behaviours(c.scene.database, property_of(a));
  if (!rows) return rows.error();
  const Value& is = *a.find("is");
  o.unit = "verdicts";
  std::string undecided;
  for (const BehaviourRow& row : *rows) {
    if (!of_protocol(a, row)) continue;
    if (row.value.empty()) {
      undecided = row.needs;
      continue;
    }
    ++o.subjects;
    if (listed(is.words, row.value)) continue;
    Counterexample e;
    e.flow = fmt::format("{} {} between {} and {}", row.protocol.empty() ? "all" : row.protocol,
                         row.property, row.inside_tap, row.outside_tap);
    e.expected = fmt::format("{}", fmt::join(is.words, " or "));
    e.got = row.value;
    e.why = row.detail;
    e.violation = plain_word(row.value);
    for (const std::int64_t id : row.examples) {
      const auto flow = std::find_if(c.scene.flows.begin(), c.scene.flows.end(),
                                     [&](const Flow& f) { return f.translation == id; });
      if (flow == c.scene.flows.end()) continue;
      e.frames.push_back(c.scene.frame_of(flow->entered));
      e.frames.push_back(c.scene.frame_of(flow->left));
      e.prefix = prefix_text(flow->entered.tuple.src);
      e.see =
          fmt::format("natlens trace {} {}", c.scene.name, source_text(flow->entered.tuple));
      break;
    }
    violate(c, o, std::move(e));
  }
  o.needs = undecided;
  if (o.subjects == 0) o.message = "undetermined";
  return {};
}

// U is the shortest silence that was not survived, L the longest one that was.
Judged judge_survives(const Context& c, const Assertion& a, Outcome& o) {
  const Value* least = a.find("at-least");
  const Value* most = a.find("at-most");
  const Value* given = a.find("class");
  const std::string kind = given == nullptr ? "udp" : given->text;
  const bool unreplied = kind == "udp-unreplied";
  const std::string protocol = kind.substr(0, kind.find('-'));
  const auto rows =
      load_behaviours(c.scene.database, unreplied ? "timeout_unreplied" : "timeout");
  if (!rows) return rows.error();
  o.unit = "mappings";
  double longest = 0;
  for (const BehaviourRow& row : *rows) {
    if (row.protocol != protocol) continue;
    const Interval interval = interval_of(row.value);
    longest = std::max(longest, interval.low);
    const double floor = least == nullptr ? 0 : static_cast<double>(least->number) / 1e9;
    const double ceiling = most == nullptr ? 1e18 : static_cast<double>(most->number) / 1e9;
    const bool too_short = least != nullptr && interval.high <= floor;
    const bool too_long = most != nullptr && interval.low > ceiling;
    const bool decided = too_short || too_long ||
                         ((least == nullptr || interval.low >= floor) &&
                          (most == nullptr || interval.high <= ceiling));
    if (!decided) continue;
    o.subjects += std::max<std::uint64_t>(1, row.evidence_for);
    if (!too_short && !too_long) continue;
    Counterexample e;
    e.flow =
        fmt::format("{} mappings between {} and {}", kind, row.inside_tap, row.outside_tap);
    e.expected = too_short ? fmt::format("alive after {} of silence", least->text)
                           : fmt::format("gone after {} of silence", most->text);
    e.got = row.value;
    e.why = row.detail;
    e.violation = too_short ? "too-short" : "too-long";
    o.finding = protocol == "tcp"    ? "NAT-TIMEOUT-TCP"
                : protocol == "icmp" ? "NAT-TIMEOUT-ICMP"
                                     : "NAT-TIMEOUT-UDP";
    // error-if speaks of the life in seconds here, not of the number of violations.
    if (const Value* error = a.find("error-if")) {
      o.severity =
          error->threshold.holds(interval.high) ? Severity::kError : Severity::kWarning;
    }
    violate(c, o, std::move(e));
  }
  if (o.subjects == 0) {
    o.message = fmt::format("longest silence that an answer ended was {:.3g} s", longest);
  }
  const std::string wait = least != nullptr  ? least->text
                           : most != nullptr ? most->text
                                             : "the time";
  o.needs =
      fmt::format("a {} exchange whose server speaks again after more than {}", protocol, wait);
  return {};
}

}  // namespace natlens::verify
