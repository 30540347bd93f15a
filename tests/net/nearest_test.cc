#include "natlens/net/nearest.h"

#include <array>
#include <string>
#include <string_view>

#include "support/catch.h"

namespace {

constexpr auto kNames =
    std::to_array<std::string_view>({"analyze", "show", "trace", "query", "decode", "track"});

}  // namespace

TEST_CASE("nearest: one mistake of each sort is forgiven", "[net][nearest]") {
  CHECK(natlens::nearest("analyse", kNames) == "analyze");  // wrong letter
  CHECK(natlens::nearest("qery", kNames) == "query");       // left out
  CHECK(natlens::nearest("tracce", kNames) == "trace");     // added
  CHECK(natlens::nearest("shwo", kNames) == "show");        // swapped
  CHECK(natlens::nearest("DECODE", kNames) == "decode");    // case
}

TEST_CASE("nearest: what is far from every name gets none", "[net][nearest]") {
  CHECK(natlens::nearest("frobnicate", kNames) == "");
  CHECK(natlens::nearest("xy", kNames) == "");
  CHECK(natlens::nearest("", kNames) == "");
  CHECK(natlens::nearest(std::string(1000, 'a'), kNames) == "");
  CHECK(natlens::nearest("show", {}) == "");
}

TEST_CASE("nearest: of equally near names the first, whatever their order", "[net][nearest]") {
  CHECK(natlens::nearest("trac", kNames) == "trace");
  CHECK(natlens::nearest("track", kNames) == "track");
  constexpr auto swapped = std::to_array<std::string_view>({"track", "trace"});
  CHECK(natlens::nearest("trac", swapped) == "track");
}

TEST_CASE("nearest: longer names forgive more", "[net][nearest]") {
  constexpr auto names = std::to_array<std::string_view>({"nf_conntrack_udp_timeout_stream"});
  CHECK(natlens::nearest("nf_contrack_udp_timout_strem", names) == names[0]);
}
