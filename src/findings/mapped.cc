#include "mapped.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "words.h"

namespace natlens::findings {

std::vector<Mapped> mapped_by(const Picture& picture, const Nat& nat) {
  std::vector<Mapped> out;
  for (std::uint32_t i = 0; i < picture.translations().size(); ++i) {
    const Translation& t = picture.translations()[i];
    if (t.nat != nat.id || t.kind != correlate::TranslationKind::kSnat || t.reversed) continue;
    const Connection& inside = picture.connections()[t.inside];
    const Connection& outside = picture.connections()[t.outside];
    if (inside.tap != nat.inside_tap || outside.tap != nat.outside_tap) continue;
    out.push_back({i, inside.original.protocol, source(inside.original),
                   source(outside.original), destination(outside.original), t.start, t.end});
  }
  std::sort(out.begin(), out.end(), [](const Mapped& a, const Mapped& b) {
    return std::tie(a.start, a.translation) < std::tie(b.start, b.translation);
  });
  return out;
}

const Behaviour* behaviour_of(const Picture& picture,
                              const Nat& nat,
                              std::uint8_t protocol,
                              std::string_view property) {
  for (const Behaviour& row : picture.behaviours()) {
    if (row.nat == nat.id && row.protocol == protocol && row.property == property) {
      return row.value.empty() ? nullptr : &row;
    }
  }
  return nullptr;
}

std::vector<std::uint8_t> protocols_of(const Picture& picture, const Nat& nat) {
  std::set<std::uint8_t> known;
  for (const Behaviour& row : picture.behaviours()) {
    if (row.nat == nat.id) known.insert(row.protocol);
  }
  return {known.begin(), known.end()};
}

Draft nat_draft(std::string_view code, const Nat& nat, Severity severity) {
  Draft draft;
  draft.code = code;
  draft.severity = severity;
  draft.subject = Subject::kNat;
  draft.subject_id = nat.id;
  return draft;
}

void show(const Picture& picture, std::uint32_t translation, Role role, Draft& draft) {
  const Translation& t = picture.translations()[translation];
  draft.frame(role, picture.connections()[t.inside].first_frame);
  draft.frame(role, picture.connections()[t.outside].first_frame);
  draft.connections.insert(draft.connections.end(), {t.inside, t.outside});
}

}  // namespace natlens::findings
