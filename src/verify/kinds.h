// The kinds of assertions: one table, one row a kind, each with the keys that it knows and the
// function that judges it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/verify/verify.h"

#include "policy.h"
#include "scene.h"

namespace natlens::verify {

// What an assertion is judged with.
struct Context {
  const Scene& scene;
  const Policy& policy;
  const Options& options;
  Report& report;
  std::size_t most_examples = 5;
};

struct KeyRow {
  std::string_view name;
  ValueType type = ValueType::kText;
  bool required = false;
  std::string_view words = "";  // kWord, kWords: the ones there are, with blanks; "" = any
};

struct KindRow {
  std::string_view name;
  std::string_view promise;  // in a line
  std::vector<KeyRow> keys;  // besides the common ones
  Result<void> (*judge)(const Context&, const Assertion&, Outcome&) = nullptr;
};

std::span<const KindRow> kinds();
std::span<const KeyRow> common_keys();
const KindRow* find_kind(std::string_view name);

// One function a kind: kinds_*.cc.
using Judged = Result<void>;
Judged judge_translate(const Context& c, const Assertion& a, Outcome& o);
Judged judge_no_leak(const Context& c, const Assertion& a, Outcome& o);
Judged judge_forward(const Context& c, const Assertion& a, Outcome& o);
Judged judge_no_forward(const Context& c, const Assertion& a, Outcome& o);
Judged judge_undone(const Context& c, const Assertion& a, Outcome& o);
Judged judge_behaviour(const Context& c, const Assertion& a, Outcome& o);
Judged judge_survives(const Context& c, const Assertion& a, Outcome& o);
Judged judge_loss(const Context& c, const Assertion& a, Outcome& o);
Judged judge_latency(const Context& c, const Assertion& a, Outcome& o);
Judged judge_connects(const Context& c, const Assertion& a, Outcome& o);
Judged judge_isolated(const Context& c, const Assertion& a, Outcome& o);
Judged judge_tunnelled(const Context& c, const Assertion& a, Outcome& o);
Judged judge_mss(const Context& c, const Assertion& a, Outcome& o);
Judged judge_unchanged(const Context& c, const Assertion& a, Outcome& o);
Judged judge_affinity(const Context& c, const Assertion& a, Outcome& o);
Judged judge_balance(const Context& c, const Assertion& a, Outcome& o);
Judged judge_findings(const Context& c, const Assertion& a, Outcome& o);
Judged judge_ruleset(const Context& c, const Assertion& a, Outcome& o);
Judged judge_expect(const Context& c, const Assertion& a, Outcome& o);
Judged judge_sql(const Context& c, const Assertion& a, Outcome& o);

// Helpers that kinds share.

// Do scope keys (from, to, proto, port, since, until) select this connection as it entered?
bool in_scope(const Context& c, const Assertion& a, const Sight& entered);
// A policy's name of a tap, or the tap's own. nullptr: there is none.
const Tap* tap_of(const Context& c, std::string_view name);
// An Error if a tap that `key` names is not in the database; true: the key is there.
Result<const Tap*> tap_value(const Context& c, const Assertion& a, std::string_view key);
// Adds a violation with its example, if there is room.
void violate(const Context& c, Outcome& o, Counterexample example);
// Flow, frames, prefix and the command that shows it.
Counterexample example_of(const Context& c, const Flow& flow);
Counterexample example_of(const Context& c, const Sight& sight);

}  // namespace natlens::verify
