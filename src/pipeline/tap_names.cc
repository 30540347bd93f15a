#include "tap_names.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "natlens/net/nearest.h"

namespace natlens::pipeline {
namespace {

// Of a source in which the probe saw no frame, the name that its tap will have.
std::vector<std::string> names_of(const AnalysisOptions& options,
                                  const ProbeResult& probed,
                                  std::size_t source) {
  if (!probed.taps[source].empty()) return probed.taps[source];
  return {capture::tap_name(options.sources[source])};
}

std::vector<std::string> all_names(const AnalysisOptions& options, const ProbeResult& probed) {
  std::vector<std::string> names;
  for (std::size_t s = 0; s < probed.taps.size(); ++s) {
    for (auto& name : names_of(options, probed, s)) names.push_back(std::move(name));
  }
  return names;
}

// An interface of a capture on standard input, which nobody has looked into yet; or of all that
// a live capture takes.
bool may_appear(const AnalysisOptions& options, std::string_view name) {
  return std::any_of(options.sources.begin(), options.sources.end(), [&](const auto& spec) {
    return (reads_standard_input(spec) || spec.files.empty()) &&
           name.starts_with(capture::tap_name(spec) + "/");
  });
}

// Taps are numbered in the order of what the probe found; without any, in that of the sources.
std::string reference_name(const AnalysisOptions& options, const ProbeResult& probed) {
  for (const auto& names : probed.taps) {
    if (!names.empty()) return names.front();
  }
  return options.sources.empty() ? "" : capture::tap_name(options.sources.front());
}

Result<void> check_unique(const AnalysisOptions& options, const ProbeResult& probed) {
  std::vector<std::string> seen;
  for (std::size_t s = 0; s < probed.taps.size(); ++s) {
    for (auto& name : names_of(options, probed, s)) {
      if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
        return Error{fmt::format(
            "two taps are named {0}; give each a name of its own (lan=FILE), or join the files "
            "of one tap with a comma ({0}=FILE,FILE)",
            name)};
      }
      seen.push_back(std::move(name));
    }
  }
  return {};
}

}  // namespace

bool clocks_are_of_taps(const AnalysisOptions& options, const ProbeResult& probed) {
  const auto names = all_names(options, probed);
  return std::all_of(
      options.clock_offsets_ns.begin(), options.clock_offsets_ns.end(), [&](const auto& clock) {
        return std::find(names.begin(), names.end(), clock.first) != names.end() ||
               may_appear(options, clock.first);
      });
}

Result<void> check_names(const AnalysisOptions& options, const ProbeResult& probed) {
  if (auto unique = check_unique(options, probed); !unique) return unique;
  const auto names = all_names(options, probed);
  const std::string reference = reference_name(options, probed);
  for (const auto& [name, offset] : options.clock_offsets_ns) {
    if (name == reference) {
      return Error{fmt::format(
          "--clock: {} is the first tap, whose clock is the reference; give the offset of "
          "another tap to it",
          name)};
    }
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (may_appear(options, name)) continue;
    const std::string near =
        nearest(name, std::vector<std::string_view>(names.begin(), names.end()));
    return Error{fmt::format("--clock: there is no tap {}{}; the taps are {}", name,
                             near.empty() ? "" : fmt::format("; did you mean {}?", near),
                             fmt::join(names, ", "))};
  }
  return {};
}

}  // namespace natlens::pipeline
