// Captures of real NATs, analysed once for all tests that judge them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "natlens/pipeline/analysis.h"
#include "natlens/store/database.h"

#include "support/catch.h"
#include "support/data_dir.h"
#include "support/temp_dir.h"

namespace natlens::verify {

inline const std::filesystem::path* captures_dir() {
  static const auto dir = test::data_dir("captures", "verify on real captures");
  return dir ? &*dir : nullptr;
}

// The database of one folder of captures.
inline std::unique_ptr<store::Database> analysed(const std::string& folder) {
  static const test::TempDir scratch;
  static std::map<std::string, bool> done;
  const std::string path = scratch.path(folder + ".db");
  if (!done[folder]) {
    pipeline::AnalysisOptions options;
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(*captures_dir() / folder)) {
      if (entry.path().extension() == ".pcap") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) {
      auto source = capture::parse_source(file);
      REQUIRE(source);
      options.sources.push_back(std::move(*source));
    }
    options.output = path;
    REQUIRE(pipeline::analyze(options));
    done[folder] = true;
  }
  auto database = store::Database::open(path);
  REQUIRE(database);
  return std::move(*database);
}

}  // namespace natlens::verify
