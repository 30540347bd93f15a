// Reference data, most of which is not part of the repository.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>

namespace natlens::test {

// The folder `name` (corpus, captures, golden) under NATLENS_DATA, or else beside the
// repository, or else what was unpacked of the archives in tests/data. Without any, says on
// stderr what is not run.
inline std::optional<std::filesystem::path> data_dir(std::string_view name,
                                                     std::string_view what) {
  const char* from_environment = std::getenv("NATLENS_DATA");
  const std::filesystem::path root =
      from_environment != nullptr ? std::filesystem::path(from_environment)
                                  : std::filesystem::path(NATLENS_SOURCE_DIR) / ".." / "shared";
  if (std::filesystem::is_directory(root / name)) return root / name;
  const std::filesystem::path packed = std::filesystem::path(NATLENS_TEST_DATA) / name;
  if (std::filesystem::is_directory(packed)) return packed;
  std::cerr << "NOT RUN: " << what << ": no folder '" << name << "' in " << root.string()
            << " (set NATLENS_DATA)\n";
  return std::nullopt;
}

}  // namespace natlens::test
