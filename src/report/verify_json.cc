// Everything that verify found, as one JSON object.
#include <nlohmann/json.hpp>

#include "natlens/report/verify_report.h"

namespace natlens::report {
namespace {

using nlohmann::ordered_json;

ordered_json place_json(const ruleset::Place& place) {
  if (place.file.empty()) return nullptr;
  return {{"file", place.file}, {"line", place.line}, {"column", place.column}};
}

ordered_json example_json(const verify::Counterexample& e) {
  ordered_json frames = ordered_json::array();
  for (const verify::FrameRef& f : e.frames) {
    frames.push_back({{"tap", f.tap},
                      {"file", f.file},
                      {"frame", f.frame},
                      {"time_ns", f.time_ns},
                      {"note", f.note}});
  }
  return {{"flow", e.flow},         {"violation", e.violation},
          {"expected", e.expected}, {"got", e.got},
          {"frames", frames},       {"why", e.why},
          {"rule", e.rule},         {"place", place_json(e.place)},
          {"prefix", e.prefix},     {"see", e.see}};
}

ordered_json outcome_json(const verify::Outcome& o) {
  ordered_json examples = ordered_json::array();
  for (const auto& e : o.examples) examples.push_back(example_json(e));
  return {{"id", o.id},
          {"kind", o.kind},
          {"title", o.title},
          {"place", place_json(o.place)},
          {"tags", o.tags},
          {"reason", o.reason},
          {"severity", o.severity == verify::Severity::kError ? "error" : "warning"},
          {"verdict", verify::to_string(o.verdict)},
          {"subjects", o.subjects},
          {"unit", o.unit},
          {"violations", o.violations},
          {"waived", o.waived},
          {"message", o.message},
          {"needs", o.needs},
          {"finding", o.finding},
          {"examples", std::move(examples)}};
}

ordered_json suite_json(const verify::Suite& suite) {
  ordered_json results = ordered_json::array();
  for (const auto& o : suite.results) results.push_back(outcome_json(o));
  ordered_json coverage = ordered_json::array();
  for (const auto& row : suite.coverage) {
    coverage.push_back({{"chain", row.chain},
                        {"rule", row.name},
                        {"place", place_json(row.place)},
                        {"text", row.text},
                        {"flows", row.flows},
                        {"possibly", row.possibly},
                        {"violations", row.violations},
                        {"detail", row.detail}});
  }
  ordered_json unsettled = ordered_json::array();
  for (const auto& u : suite.unsettled) {
    unsettled.push_back(
        {{"what", u.what}, {"rule", u.rule}, {"hint", u.hint}, {"flows", u.flows}});
  }
  return {{"name", suite.name},
          {"results", std::move(results)},
          {"coverage", std::move(coverage)},
          {"unsettled", std::move(unsettled)}};
}

}  // namespace

std::string verify_json(const verify::Report& report) {
  ordered_json suites = ordered_json::array();
  for (const auto& suite : report.suites) suites.push_back(suite_json(suite));
  ordered_json mutants = ordered_json::array();
  for (const auto& m : report.mutants) {
    mutants.push_back({{"rule", m.rule}, {"change", m.change}, {"noticed_by", m.noticed_by}});
  }
  ordered_json changes = ordered_json::array();
  for (const auto& group : report.changes) {
    ordered_json examples = ordered_json::array();
    for (const auto& e : group.examples) examples.push_back(example_json(e));
    changes.push_back({{"before", group.before},
                       {"after", group.after},
                       {"flows", group.flows},
                       {"examples", std::move(examples)}});
  }
  const ordered_json root = {{"database", report.database},
                             {"rules", report.rules},
                             {"suites", std::move(suites)},
                             {"mutants", std::move(mutants)},
                             {"changes", std::move(changes)}};
  return root.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace natlens::report
