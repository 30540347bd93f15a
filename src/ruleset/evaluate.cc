#include "evaluate.h"

#include <algorithm>

namespace natlens::ruleset {
namespace {

constexpr int kMostDepth = 16;  // of jumps, as in nf_tables
constexpr std::size_t kMostWays = 32;
constexpr std::size_t kMostSteps = 1U << 20;  // rules looked at for one packet

bool covers(TableFamily table, Family family) {
  return table == TableFamily::kInet ||
         (table == TableFamily::kIpv4 && family == Family::kIpv4) ||
         (table == TableFamily::kIpv6 && family == Family::kIpv6);
}

}  // namespace

// What is assumed of the matches that cannot be told, in the order in which they are met: all
// combinations one after the other, or as somebody else answers.
class Assumptions {
 public:
  Assumptions() = default;
  explicit Assumptions(Answers& answers) : answers_(&answers) {}

  bool next(const Rule& rule, const Statement& statement, bool chance) {
    if (answers_ != nullptr) {
      answers_->asked.push_back({&rule, &statement, chance});
      const std::size_t at = answers_->asked.size() - 1;
      return at < answers_->given.size() && answers_->given[at];
    }
    if (at_ == assumed_.size()) {
      assumed_.push_back(false);
    }
    return assumed_[at_++];
  }
  // The next combination; false: all were tried.
  bool advance() {
    assumed_.resize(at_);
    at_ = 0;
    while (!assumed_.empty() && assumed_.back()) {
      assumed_.pop_back();
    }
    if (assumed_.empty()) {
      return false;
    }
    assumed_.back() = true;
    return true;
  }
  bool any() const { return at_ > 0; }
  bool answered() const { return answers_ != nullptr; }

 private:
  Answers* answers_ = nullptr;
  std::vector<bool> assumed_;
  std::size_t at_ = 0;
};

namespace {

enum class Flow : std::uint8_t { kNext, kReturn, kDone };

class Walk {
 public:
  Walk(const Table& table,
       Facts facts,
       std::uint32_t chance,
       Assumptions& assumptions,
       Decision& decision)
      : table_(table),
        facts_(facts),
        chance_(chance),
        assumptions_(assumptions),
        decision_(decision) {}

  // True: a verdict was reached.
  bool chain(const Chain& chain, int depth = 0);

 private:
  bool believe(Truth truth, const Rule& rule, const Statement& statement) {
    if (truth != Truth::kUnknown) {
      return truth == Truth::kYes;
    }
    decision_.doubt = decision_.doubt == nullptr ? &rule : decision_.doubt;
    return assumptions_.next(rule, statement, draws(statement));
  }
  static bool draws(const Statement& statement) {
    return !statement.keys.empty() && statement.keys.front().field == Field::kChance;
  }
  Truth find(const Statement& map, const Rule& rule, const Element*& element);
  Flow rule(const Rule& rule, int depth);
  Flow verdict(const Verdict& verdict, const Rule& rule, int depth);
  void side_effect(const Statement& statement);

  const Table& table_;
  Facts facts_;
  std::uint32_t chance_;
  Assumptions& assumptions_;
  Decision& decision_;
  std::size_t steps_ = 0;
};

// A member that is drawn: is it this one, or this one...?
Truth Walk::find(const Statement& map, const Rule& rule, const Element*& element) {
  if (!assumptions_.answered() || !draws(map)) {
    return find_element(*map.set, map.keys, facts_, chance_, element);
  }
  for (const Element& one : map.set->elements) {
    element = &one;
    if (&one == &map.set->elements.back() || assumptions_.next(rule, map, true)) {
      return Truth::kYes;
    }
  }
  return Truth::kNo;
}

bool Walk::chain(const Chain& chain, int depth) {
  for (const Rule& r : chain.rules) {
    if (++steps_ > kMostSteps) {
      return true;
    }
    const Flow flow = rule(r, depth);
    if (flow != Flow::kNext) {
      return flow == Flow::kDone;
    }
  }
  return false;
}

Flow Walk::verdict(const Verdict& verdict, const Rule& rule, int depth) {
  switch (verdict.kind) {
    case VerdictKind::kContinue:
      return Flow::kNext;
    case VerdictKind::kReturn:
      return Flow::kReturn;
    case VerdictKind::kJump:
    case VerdictKind::kGoto: {
      const auto target = std::find_if(table_.chains.begin(), table_.chains.end(),
                                       [&](const Chain& c) { return c.name == verdict.chain; });
      if (target != table_.chains.end() && depth < kMostDepth && chain(*target, depth + 1)) {
        return Flow::kDone;
      }
      return verdict.kind == VerdictKind::kJump ? Flow::kNext : Flow::kReturn;
    }
    default:
      decision_.verdict = verdict.kind;
      decision_.rule = &rule;
      return Flow::kDone;
  }
}

void Walk::side_effect(const Statement& statement) {
  const auto change = [&](Mark& mark) {
    mark.value = (mark.value & statement.keep) ^ statement.number;
  };
  switch (statement.kind) {
    case ActionKind::kHelper:
      decision_.helper = statement.text;
      break;
    case ActionKind::kNotrack:
      decision_.notrack = true;
      break;
    case ActionKind::kZone:
      decision_.zone = ZoneChoice{statement.number, statement.original, statement.reply};
      break;
    case ActionKind::kSetMark:
      facts_.mark.known = facts_.mark.known || statement.keep == 0;
      change(facts_.mark);
      break;
    case ActionKind::kSetCtMark:
      facts_.ct_mark.known = facts_.ct_mark.known || statement.keep == 0;
      change(facts_.ct_mark);
      break;
    case ActionKind::kCopyMark:
      facts_.mark = facts_.ct_mark;
      break;
    case ActionKind::kSaveMark:
      facts_.ct_mark = facts_.mark;
      break;
    default:
      break;
  }
  decision_.mark = facts_.mark;
  decision_.ct_mark = facts_.ct_mark;
}

Flow Walk::rule(const Rule& rule, int depth) {
  for (const Statement& statement : rule.statements) {
    switch (statement.kind) {
      case ActionKind::kMatch:
      case ActionKind::kUnknownMatch:
        if (!believe(holds(statement, facts_), rule, statement)) return Flow::kNext;
        break;
      case ActionKind::kVerdict: {
        const Flow flow = verdict(statement.verdict, rule, depth);
        if (flow != Flow::kNext || statement.verdict.kind == VerdictKind::kContinue)
          return flow;
        break;
      }
      case ActionKind::kVerdictMap: {
        const Element* element = nullptr;
        if (!believe(find(statement, rule, element), rule, statement)) return Flow::kNext;
        const Verdict unknown{VerdictKind::kUnknown, ""};
        return verdict(element != nullptr && element->verdict ? *element->verdict : unknown,
                       rule, depth);
      }
      case ActionKind::kNat:
        decision_.nat = &statement;
        decision_.rule = &rule;
        return Flow::kDone;
      case ActionKind::kUnknownAction:
        if (believe(Truth::kUnknown, rule, statement)) {
          return verdict({VerdictKind::kUnknown, ""}, rule, depth);
        }
        break;
      default:
        side_effect(statement);
    }
  }
  return Flow::kNext;
}

bool same(const Decision& a, const Decision& b) {
  return a.verdict == b.verdict && a.nat == b.nat && a.helper == b.helper &&
         a.notrack == b.notrack && a.zone == b.zone && a.mark == b.mark &&
         a.ct_mark == b.ct_mark;
}

}  // namespace

Chains::Chains(const Ruleset& rules) {
  for (const Table& table : rules.tables) {
    for (const Chain& chain : table.chains) {
      if (chain.hook != Hook::kNone && table.family != TableFamily::kOther) {
        bases_.push_back({&table, &chain});
      }
    }
  }
  std::stable_sort(bases_.begin(), bases_.end(), [](const Base& a, const Base& b) {
    return a.chain->priority < b.chain->priority;
  });
}

bool Chains::has_nat(Family family) const {
  return std::any_of(bases_.begin(), bases_.end(), [&](const Base& base) {
    return base.chain->type == ChainType::kNat && covers(base.table->family, family);
  });
}

Decision Chains::one_way(const Span& span,
                         const Facts& facts,
                         std::uint32_t chance,
                         Assumptions& assumptions) const {
  Decision decision;
  decision.mark = facts.mark;
  decision.ct_mark = facts.ct_mark;
  Facts now = facts;
  for (const Base& base : bases_) {
    const Chain& chain = *base.chain;
    const bool nat = chain.type == ChainType::kNat;
    if (chain.hook != span.hook || nat != (span.type == ChainType::kNat) ||
        chain.priority < span.from || chain.priority >= span.to ||
        !covers(base.table->family, facts.tuple.src.family())) {
      continue;
    }
    now.mark = decision.mark;
    now.ct_mark = decision.ct_mark;
    const bool done = Walk(*base.table, now, chance, assumptions, decision).chain(chain);
    if (!done && chain.policy == VerdictKind::kDrop) {
      decision.verdict = VerdictKind::kDrop;
      decision.rule = nullptr;
    }
    if (decision.verdict != VerdictKind::kAccept || decision.nat != nullptr) {
      break;
    }
  }
  return decision;
}

Decision Chains::decide(const Span& span, const Facts& facts, std::uint32_t chance) const {
  std::optional<Decision> first;
  Assumptions assumptions;
  for (std::size_t ways = 0;; ++ways) {
    const Decision decision = one_way(span, facts, chance, assumptions);
    if (!first) {
      first = decision;
      if (!assumptions.any()) {
        break;
      }
    } else if (!same(*first, decision)) {
      return *first;  // with its doubt
    }
    if (ways >= kMostWays || !assumptions.advance()) {
      first->doubt = ways >= kMostWays ? first->doubt : nullptr;
      break;
    }
  }
  return *first;
}

Decision Chains::follow(const Span& span, const Facts& facts, Answers& answers) const {
  Assumptions assumptions(answers);
  return one_way(span, facts, 0, assumptions);
}

}  // namespace natlens::ruleset
