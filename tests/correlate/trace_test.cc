// Every tests/correlate/*.trace is a claim, named by its file.
#include <filesystem>
#include <fstream>

#include "support/catch.h"
#include "support/correlate_trace.h"

namespace natlens::test {
namespace {

std::vector<std::filesystem::path> traces() {
  std::vector<std::filesystem::path> out;
  const auto folder = std::filesystem::path(NATLENS_SOURCE_DIR) / "tests" / "correlate";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".trace") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("correlate: every trace holds", "[correlate][trace]") {
  const auto all = traces();
  REQUIRE(all.size() >= 20);
  for (const auto& path : all) {
    const CorrelateTrace trace(read(path));
    INFO(path.stem().string());
    CHECK(trace.complaints() == std::vector<std::string>{});
  }
}

TEST_CASE("correlate: the trace runner notices what is wrong", "[correlate][trace]") {
  const CorrelateTrace trace(
      "0.0 a udp 10.0.0.2:1 > 192.0.2.9:2 data some-payload\n"
      "0.1 b udp 10.0.0.2:1 > 192.0.2.9:2 data some-payload\n"
      "expect snat a 10.0.0.2:1 > 192.0.2.9:2 as b 10.0.0.2:1 > 192.0.2.9:2\n"
      "expect doubt 1\n");
  CHECK(trace.complaints().size() == 3);
}

}  // namespace natlens::test
