#include "baseline.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "behaviours.h"
#include "outcome.h"

namespace natlens::verify {
namespace {

struct Character {
  std::map<std::string, std::string> classes;   // "udp mapping" -> value
  std::map<std::string, std::string> forwards;  // "tcp 198.51.100.1:80" -> target
  std::set<std::string> pool;
  std::set<std::string> findings;              // codes of warnings and errors
  std::map<std::string, Counterexample> seen;  // of forwards and pool addresses
};

Result<Character> character_of(const Scene& scene) {
  Character out;
  const auto rows = load_behaviours(scene.database, "");
  if (!rows) return rows.error();
  for (const BehaviourRow& row : *rows) {
    const bool kept = row.property != "timeout" && row.property != "timeout_unreplied" &&
                      row.property != "port_range";
    if (!row.value.empty() && kept) {
      out.classes[fmt::format("{} {}", row.protocol.empty() ? "all" : row.protocol,
                              row.property)] = row.value;
    }
  }
  for (const Flow& flow : scene.flows) {
    const Tuple& before = flow.entered.tuple;
    const Tuple& after = flow.left.tuple;
    Counterexample e;
    e.flow = flow_text(before);
    e.frames = {scene.frame_of(flow.entered), scene.frame_of(flow.left)};
    e.prefix = prefix_text(before.src);
    e.see = fmt::format("natlens trace {} {}", scene.name, source_text(before));
    if (flow.kind == Kind::kSnat && before.src != after.src) {
      if (out.pool.insert(to_string(after.src)).second) out.seen[to_string(after.src)] = e;
    }
    if (before.dst != after.dst && has_ports(before.protocol)) {
      const std::string listen =
          protocol_name(before.protocol) + " " + destination_text(before);
      out.forwards[listen] = destination_text(after);
      out.seen.try_emplace(listen, std::move(e));
    }
  }
  const auto findings = scene.database.query(
      "SELECT DISTINCT code FROM finding WHERE severity <> 'info' AND explained_by IS NULL "
      "ORDER BY code");
  if (!findings) return findings.error();
  for (const auto& row : findings->rows) out.findings.insert(store::to_text(row[0]));
  return out;
}

Outcome start(const std::string& file, std::string_view id, std::string_view unit) {
  Outcome o;
  o.id = id;
  o.kind = "baseline";
  o.place.file = file;
  o.unit = unit;
  return o;
}

void differ(Outcome& o, Counterexample e, std::string flow, std::string was, std::string is) {
  ++o.violations;
  e.flow = std::move(flow);
  e.expected = std::move(was);
  e.got = std::move(is);
  e.violation = "changed";
  o.examples.push_back(std::move(e));
}

// The values of what both captures tell.
Outcome same_values(const std::string& file,
                    std::string_view id,
                    std::string_view unit,
                    const std::map<std::string, std::string>& was,
                    const std::map<std::string, std::string>& is,
                    const Character& now) {
  Outcome o = start(file, id, unit);
  for (const auto& [key, value] : was) {
    const auto found = is.find(key);
    if (found == is.end()) continue;
    ++o.subjects;
    const auto seen = now.seen.find(key);
    if (found->second != value) {
      differ(o, seen == now.seen.end() ? Counterexample() : seen->second, key, value,
             found->second);
    }
  }
  o.needs = "the traffic of the baseline";
  decide(o, {});
  return o;
}

}  // namespace

Result<Suite> suite_of_baseline(const Scene& scene, const Options& options, Report&) {
  auto database = store::Database::open(options.baseline);
  if (!database) return database.error();
  auto before = Scene::load(**database, options.baseline);
  if (!before) return before.error();
  const auto was = character_of(*before);
  if (!was) return was.error();
  const auto is = character_of(scene);
  if (!is) return is.error();
  Suite suite;
  suite.name = options.baseline;
  const std::string& file = options.baseline;
  suite.results.push_back(
      same_values(file, "classes", "classes", was->classes, is->classes, *is));
  suite.results.push_back(
      same_values(file, "forwards", "forwards", was->forwards, is->forwards, *is));
  Outcome pool = start(file, "pool", "external addresses");
  for (const std::string& address : is->pool) {
    ++pool.subjects;
    if (!was->pool.contains(address)) {
      differ(pool, is->seen.at(address), address, fmt::format("{}", fmt::join(was->pool, ", ")),
             address);
    }
  }
  decide(pool, {});
  suite.results.push_back(std::move(pool));
  Outcome findings = start(file, "findings", "taps");
  for (const Tap& tap : scene.taps) findings.subjects += tap.frames > 0 ? 1 : 0;
  for (const std::string& code : is->findings) {
    if (!was->findings.contains(code))
      differ(findings, {}, code, "not found before", "found now");
  }
  decide(findings, {});
  suite.results.push_back(std::move(findings));
  return suite;
}

}  // namespace natlens::verify
