#include "passage.h"

#include <map>

namespace natlens::findings {

Passage passage(const Picture& picture, const Translation& t, unsigned direction) {
  const Connection& inside = picture.connections()[t.inside];
  Passage out;
  out.translation = &t;
  out.direction = direction;
  const bool turned = t.reversed && !inside.beginning_seen;  // the inside has it the other way
  const bool from_inside = t.entered != correlate::FirstSeen::kOutside;
  out.outward = from_inside == ((direction == 0) != turned);
  out.known = t.entered != correlate::FirstSeen::kUnknown;
  const unsigned there = t.reversed ? 1 - direction : direction;
  out.before = out.outward ? t.inside : t.outside;
  out.after = out.outward ? t.outside : t.inside;
  out.before_direction = out.outward ? direction : there;
  out.after_direction = out.outward ? there : direction;
  return out;
}

bool hands_on(const Picture& picture, const Translation& t) {
  using Kind = correlate::TranslationKind;
  if (t.kind == Kind::kProxy || t.kind == Kind::kTunnel) return false;
  const Nat* nat = picture.nat(t.nat);
  return nat != nullptr && nat->relation != nat::Relation::kUserNat &&
         nat->relation != nat::Relation::kProxy;
}

bool through_nat(const Picture& picture, const Translation& t) {
  const Nat* nat = picture.nat(t.nat);
  return hands_on(picture, t) && nat->relation == nat::Relation::kNat;
}

std::vector<AtNat> by_nat(const Picture& picture,
                          bool (*wanted)(const Picture&, const Translation&)) {
  std::map<std::int64_t, AtNat> found;
  for (const Translation& t : picture.translations()) {
    if (!wanted(picture, t)) continue;
    AtNat& one = found[t.nat];
    one.nat = picture.nat(t.nat);
    one.translations.push_back(&t);
  }
  std::vector<AtNat> out;
  for (auto& [id, one] : found) out.push_back(std::move(one));
  return out;
}

}  // namespace natlens::findings
