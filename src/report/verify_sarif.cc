// SARIF 2.1.0: a result for each outcome that is not a plain pass; its place is the line of the
// rules or the policy, which is what a pull request shows.
#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "natlens/report/text.h"
#include "natlens/report/verify_report.h"

#include "verify_words.h"

namespace natlens::report {
namespace {

using nlohmann::ordered_json;
using verify::Outcome;
using verify::Verdict;

struct Words {
  const char* kind;
  const char* level;
};
Words words_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFail:
      return {"fail", "error"};
    case Verdict::kWarn:
      return {"fail", "warning"};
    case Verdict::kInconclusive:
      return {"open", "none"};
    case Verdict::kPass:
      return {"pass", "none"};
    default:
      return {"notApplicable", "none"};
  }
}

ordered_json location_of(const ruleset::Place& place) {
  return {{"physicalLocation",
           {{"artifactLocation", {{"uri", place.file}}},
            {"region", {{"startLine", std::max<std::uint32_t>(1, place.line)}}}}}};
}

ordered_json related(const Outcome& o) {
  ordered_json out = ordered_json::array();
  for (std::size_t i = 0; i < o.examples.size() && i < kMostShown; ++i) {
    for (const verify::FrameRef& f : o.examples[i].frames) {
      const std::string file = f.file.empty() ? f.tap : f.file;
      out.push_back(
          {{"id", out.size() + 1},
           {"logicalLocations",
            {{{"fullyQualifiedName", file + "#" + std::to_string(f.frame)},
              {"kind", "frame"}}}},
           {"message", {{"text", f.tap + ": " + (f.note.empty() ? "frame" : f.note)}}}});
    }
  }
  return out;
}

ordered_json result_of(const Outcome& o, std::map<std::string, std::size_t>& rules) {
  const std::string id = rule_id(o);
  const std::size_t index = rules.try_emplace(id, rules.size()).first->second;
  const Words words = words_of(o.verdict);
  ordered_json result = {{"ruleId", id},
                         {"ruleIndex", index},
                         {"level", words.level},
                         {"kind", words.kind},
                         {"message", {{"text", printable(o.id + ": " + headline(o))}}}};
  const ruleset::Place place = place_of(o);
  if (!place.file.empty()) result["locations"] = {location_of(place)};
  if (auto frames = related(o); !frames.empty()) result["relatedLocations"] = std::move(frames);
  result["partialFingerprints"] = {{"natlens/v1", fingerprint(o)}};
  return result;
}

}  // namespace

std::string verify_sarif(const verify::Report& report) {
  std::map<std::string, std::size_t> rules;
  ordered_json results = ordered_json::array();
  ordered_json errors = ordered_json::array();
  for (const verify::Suite& suite : report.suites) {
    for (const Outcome& o : suite.results) {
      if (o.verdict == Verdict::kError) {
        errors.push_back({{"level", "error"}, {"message", {{"text", printable(o.message)}}}});
      } else if (o.verdict != Verdict::kPass) {
        results.push_back(result_of(o, rules));
      }
    }
  }
  std::vector<std::string> ids(rules.size());
  for (const auto& [id, index] : rules) ids[index] = id;
  ordered_json descriptions = ordered_json::array();
  for (const std::string& id : ids) {
    descriptions.push_back({{"id", id}, {"shortDescription", {{"text", id}}}});
  }
  ordered_json run = {
      {"tool", {{"driver", {{"name", "natlens"}, {"rules", std::move(descriptions)}}}}},
      {"invocations",
       {{{"executionSuccessful", errors.empty()}, {"toolExecutionNotifications", errors}}}},
      {"results", std::move(results)}};
  const ordered_json root = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                             {"version", "2.1.0"},
                             {"runs", {std::move(run)}}};
  return root.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace natlens::report
