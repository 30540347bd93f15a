// Connections of which a tap sees one direction only, while the other must exist: nobody sends
// so much without an answer.
#include <array>
#include <map>
#include <set>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"PATH-ASYMMETRIC"});

constexpr std::uint64_t kEnough = 10;  // packets
constexpr double kWideShare = 0.05;    // of the connections with so many

// Repeats are what somebody sends who gets no answer.
bool one_way(const Picture& picture, std::uint32_t index) {
  const Connection& c = picture.connections()[index];
  if (!is_tcp(c.original)) return false;
  const std::uint64_t seen = std::max(c.counters[0].packets, c.counters[1].packets);
  const std::uint64_t other = std::min(c.counters[0].packets, c.counters[1].packets);
  if (seen < kEnough || other != 0) return false;
  const std::size_t repeats = notes_of_kind(picture, index, stream::NoteKind::kRepeat).size() +
                              notes_of_kind(picture, index, stream::NoteKind::kSynAgain).size();
  return repeats * 2 < seen;
}

// What the other side of the box shows of the missing direction.
bool other_tap_has_both(const Picture& picture, std::uint32_t index) {
  for (const std::uint32_t t : picture.translations_of(index)) {
    const std::uint32_t other = picture.partner(picture.translations()[t], index);
    if (picture.connections()[other].answered()) return true;
  }
  return false;
}

void run(const Case& of) {
  const Picture& picture = of.picture;
  std::map<std::int64_t, std::uint64_t> large;
  std::map<std::int64_t, std::vector<std::uint32_t>> found;
  for (std::uint32_t i = 0; i < picture.connections().size(); ++i) {
    const Connection& c = picture.connections()[i];
    large[c.tap] += is_tcp(c.original) && c.packets() >= kEnough;
    if (one_way(picture, i)) found[c.tap].push_back(i);
  }
  for (const auto& [tap, all] : found) {
    std::set<std::string> prefixes;
    for (const std::uint32_t i : all)
      prefixes.insert(to_string(picture.connections()[i].original.dst));
    const bool wide = all.size() > 1 && static_cast<double>(all.size()) >
                                            kWideShare * static_cast<double>(large[tap]);
    for (const std::uint32_t i : all) {
      const Connection& c = picture.connections()[i];
      const bool forward = c.counters[0].packets != 0;
      Draft draft;
      draft.code = "PATH-ASYMMETRIC";
      draft.variant = wide ? "prefix" : "connection";
      draft.severity = Severity::kWarning;
      draft.confidence =
          other_tap_has_both(picture, i) ? Confidence::kCertain : Confidence::kPossible;
      draft.subject = wide ? Subject::kTap : Subject::kConnection;
      draft.subject_id = wide ? tap : c.id;
      draft.facts = {{"seen_direction", forward ? "original" : "reply"},
                     {"packets", c.packets()},
                     {"destinations", prefixes}};
      draft.text = fmt::format("{}: {} shows {} of one direction and none of the other",
                               flow_text(c.original), picture.name(tap),
                               count_text(c.packets(), "packet", "packets"));
      draft.frame(Role::kCause, c.first_frame);
      draft.frame(Role::kCause, c.last_frame);
      draft.connections = {i};
      of.report.raise(std::move(draft));
    }
  }
}

}  // namespace

const Family kAsymmetric{kCodes, run};

}  // namespace natlens::findings
