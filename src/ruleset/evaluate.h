// A packet's way through the chains of one hook.
//
// Where a match cannot be told, both ways are tried; the decision is certain if all lead to the
// same. At most 32 ways are tried, then it is in doubt. The way taken is the one where what
// cannot be told does not hold.
#pragma once

#include <optional>
#include <string_view>

#include "natlens/ruleset/records.h"

#include "facts.h"

namespace natlens::ruleset {

struct ZoneChoice {
  std::uint32_t zone = 0;
  bool original = true;
  bool reply = true;
  bool operator==(const ZoneChoice&) const = default;
};

struct Decision {
  VerdictKind verdict = VerdictKind::kAccept;
  const Rule* rule = nullptr;      // that decided; nullptr: a policy, or nothing
  const Statement* nat = nullptr;  // kNat, of `rule`
  std::string_view helper;
  bool notrack = false;
  std::optional<ZoneChoice> zone;
  Mark mark;
  Mark ct_mark;
  const Rule* doubt = nullptr;  // the first rule because of which it is not certain
};

// Which chains of a hook: those with priorities from `from` up to, not including, `to`.
struct Span {
  Hook hook = Hook::kNone;
  ChainType type = ChainType::kFilter;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

// The base chains of a ruleset in the order in which packets meet them.
class Chains {
 public:
  explicit Chains(const Ruleset& rules);

  bool has_nat(Family family) const;
  // `chance` stands for what numgen gives.
  Decision decide(const Span& span, const Facts& facts, std::uint32_t chance) const;

 private:
  struct Base {
    const Table* table;
    const Chain* chain;
  };
  std::vector<Base> bases_;  // by priority
};

}  // namespace natlens::ruleset
