// A packet's way through the chains of one hook.
//
// Where a match cannot be told, both ways are tried; the decision is certain if all lead to the
// same. At most 32 ways are tried, then it is in doubt. The way taken is the one where what
// cannot be told does not hold.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

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

// A match on a way that could not be told, and what was taken for its answer.
struct Question {
  const Rule* rule = nullptr;
  const Statement* statement = nullptr;
  bool chance = false;  // the box itself draws the answer
};

// Answers to the questions of one way, in the order in which they are met; those beyond the
// last are answered no. Several hooks in turn may share one.
struct Answers {
  std::vector<bool> given;
  std::vector<Question> asked;
};

class Assumptions;

// The base chains of a ruleset in the order in which packets meet them.
class Chains {
 public:
  explicit Chains(const Ruleset& rules);

  bool has_nat(Family family) const;
  // `chance` stands for what numgen gives.
  Decision decide(const Span& span, const Facts& facts, std::uint32_t chance) const;
  // The one way that the answers lead. Draws (numgen) are questions too.
  Decision follow(const Span& span, const Facts& facts, Answers& answers) const;

 private:
  struct Base {
    const Table* table;
    const Chain* chain;
  };
  Decision one_way(const Span& span,
                   const Facts& facts,
                   std::uint32_t chance,
                   Assumptions& assumptions) const;
  std::vector<Base> bases_;  // by priority
};

}  // namespace natlens::ruleset
