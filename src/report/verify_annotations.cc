// Annotations of GitHub (workflow commands) and GitLab (Code Climate).
#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "natlens/report/text.h"
#include "natlens/report/verify_report.h"

#include "verify_words.h"

namespace natlens::report {
namespace {

using verify::Outcome;
using verify::Verdict;

// In the data of a workflow command; in a property also ":" and ",".
std::string escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\n') {
      out += "%0A";
    } else if (c == '\r') {
      out += "%0D";
    } else if (property && c == ':') {
      out += "%3A";
    } else if (property && c == ',') {
      out += "%2C";
    } else {
      out += c;
    }
  }
  return out;
}

// Failures first: GitHub shows ten annotations of a kind.
std::vector<const Outcome*> told(const verify::Report& report) {
  std::vector<const Outcome*> out;
  for (const bool failures : {true, false}) {
    for (const verify::Suite& suite : report.suites) {
      for (const Outcome& o : suite.results) {
        if (failures ? failed(o) : o.verdict == Verdict::kWarn) out.push_back(&o);
      }
    }
  }
  return out;
}

// FNV-1a: a stable name for an issue, nothing more.
std::string hashed(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return fmt::format("{:016x}", hash);
}

}  // namespace

std::string verify_github(const verify::Report& report) {
  std::string out;
  for (const Outcome* o : told(report)) {
    const ruleset::Place place = place_of(*o);
    std::string text = o->message;
    if (!o->examples.empty()) {
      const verify::Counterexample& e = o->examples.front();
      text +=
          fmt::format("\n{} {}\nexpected {}\n{}", e.flow, e.got, e.expected, frames_line(e));
    }
    std::string safe;
    for (std::string_view rest = text; !rest.empty();) {
      const auto end = std::min(rest.find('\n'), rest.size());
      safe += (safe.empty() ? "" : "\n") + printable(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    out += fmt::format("::{} file={},line={},title={}::{}\n", failed(*o) ? "error" : "warning",
                       escaped(place.file, true), place.line, escaped(printable(o->id), true),
                       escaped(safe, false));
  }
  return out;
}

std::string verify_gitlab(const verify::Report& report) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Outcome* o : told(report)) {
    const ruleset::Place place = place_of(*o);
    all.push_back({{"type", "issue"},
                   {"check_name", rule_id(*o)},
                   {"description", printable(o->id + ": " + headline(*o))},
                   {"categories", {"Bug Risk"}},
                   {"severity", failed(*o) ? "major" : "minor"},
                   {"fingerprint", hashed(fingerprint(*o))},
                   {"location", {{"path", place.file}, {"lines", {{"begin", place.line}}}}}});
  }
  return all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace natlens::report
