#include "explain_rules.h"

#include <array>

#include <fmt/format.h>

#include "natlens/replay/replay.h"

namespace natlens::cli {
namespace {

// The taps on both sides of the NAT that this tap's connections go through most.
constexpr std::string_view kSides = R"(
SELECT inside_tap, outside_tap, count(*) AS n FROM translations
WHERE hops = 1 AND inside_tap <> outside_tap AND kind IN ('snat', 'dnat', 'twice')
  AND EXISTS (SELECT 1 FROM tap JOIN file ON file.source = tap.source
    WHERE tap.name IN (inside_tap, outside_tap)
      AND (tap.name = ?1 OR file.path = ?1 OR file.path LIKE '%/' || ?1))
GROUP BY inside_tap, outside_tap ORDER BY n DESC LIMIT 1)";
constexpr std::string_view kFiles = R"(
SELECT file.path FROM tap JOIN file ON file.source = tap.source WHERE tap.name = ?1
ORDER BY file.id)";

struct Capture {
  std::string path;
  bool asked = false;  // the frame is in it
};

Result<Capture> capture_of(store::Database& database,
                           const std::string& tap,
                           const std::string& place) {
  const std::array<store::Value, 1> name{tap};
  const auto files = database.query(kFiles, name);
  if (!files) return files.error();
  if (files->rows.size() != 1) {
    return Error{fmt::format("tap {} is of several files; --rules can explain one", tap)};
  }
  Capture capture{files->text(0, "path"), tap == place};
  capture.asked = capture.asked || capture.path == place || capture.path.ends_with("/" + place);
  return capture;
}

// What the rules made of the frame, and the rule that set up its connection.
struct Finding {
  bool found = false;
  ruleset::Passed passed;
  const ruleset::Rule* rule = nullptr;
};

std::string page_of(const Finding& finding, const std::string& rules) {
  if (!finding.found) {
    return fmt::format(
        "Rules {}: this frame did not enter the router; ask for the one that did.\n", rules);
  }
  const ruleset::Passed& passed = finding.passed;
  std::string out = fmt::format("Rules {}: ", rules);
  if (passed.fate == ruleset::Fate::kForwarded) {
    out +=
        passed.before == passed.after
            ? fmt::format("{} is forwarded as it is", to_string(passed.before))
            : fmt::format("{} leaves as {}", to_string(passed.before), to_string(passed.after));
  } else {
    out += fmt::format("{}: {}", to_string(passed.before), ruleset::to_string(passed.fate));
  }
  if (passed.by_chance) out += ", the port drawn by chance";
  out += finding.rule == nullptr
             ? "; no rule says so.\n"
             : fmt::format(", by\n  {}: {}\n", ruleset::to_string(finding.rule->place),
                           finding.rule->text);
  if (passed.doubt != nullptr) {
    out += fmt::format("  Inconclusive: {} cannot be judged: {}\n",
                       ruleset::to_string(passed.doubt->place), passed.doubt->text);
  } else if (passed.doubtful) {
    out += "  Inconclusive: a rule that its connection met first cannot be judged.\n";
  }
  return out;
}

}  // namespace

Result<std::string> explain_rule(store::Database& database,
                                 const report::ExplainTarget& target,
                                 const conntrack::Options& tracking,
                                 const RulesOptions& given) {
  const std::array<store::Value, 1> place{target.place};
  const auto sides = database.query(kSides, place);
  if (!sides) return sides.error();
  if (sides->rows.empty()) {
    return Error{fmt::format("no NAT was seen between {} and another tap", target.place)};
  }
  const auto inner = capture_of(database, sides->text(0, "inside_tap"), target.place);
  if (!inner) return inner.error();
  const auto outer = capture_of(database, sides->text(0, "outside_tap"), target.place);
  if (!outer) return outer.error();
  const auto rules = load_rules(given.file);
  if (!rules) return rules.error();
  auto setup = make_router(given, **rules);
  if (!setup) return setup.error();
  replay::ReplayOptions wanted;
  wanted.inside = inner->path;
  wanted.outside = wanted.actual = outer->path;
  wanted.setup = std::move(*setup);
  wanted.setup.answers = false;
  wanted.infer = given.inside.empty();
  wanted.tracking = tracking;
  Finding finding;
  const unsigned side = inner->asked ? 0 : 1;
  const auto done =
      replay::replay(**rules, wanted, [&](const replay::Left& left) -> Result<void> {
        const ruleset::Passed& passed = *left.passed;
        if (left.entered != side || left.cause != target.frame || finding.found) return {};
        finding = {true, passed, passed.rule != nullptr ? passed.rule : passed.set_up_by};
        return {};
      });
  if (!done) return done.error();
  return page_of(finding, given.file);
}

}  // namespace natlens::cli
