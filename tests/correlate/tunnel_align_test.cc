// Alignment of an inner and an outer sequence: what is decided, and what is left open.
#include "tunnel_align.h"

#include <initializer_list>

#include "support/catch.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr SizeRule kWireguard{decode::Encapsulation::kWireguard, 0, 16, 32, 0, true};

struct Sequences {
  std::vector<AlignedInner> inner;
  std::vector<AlignedOuter> outer;
  Alignment alignment;

  void in(double ms, std::uint32_t bytes, std::uint32_t owner = 1) {
    inner.push_back({static_cast<std::int64_t>(ms * kMs), bytes, owner, 3});
  }
  void out(double ms, std::uint32_t padded) {
    AlignedOuter row;
    row.earliest = row.latest = static_cast<std::int64_t>(ms * kMs);
    row.typical = kMs / 5;
    row.reach = 50 * kMs;
    row.bytes = padded + 32;
    outer.push_back(row);
  }
  void hole(double ms) {
    out(ms, 0);
    outer.back().hole = true;
  }
  std::vector<int> chosen() {
    std::vector<int> result;
    for (const Choice& choice : alignment.align(inner, outer, kWireguard, {false, kMs / 2})) {
      const bool sure = choice.inner == Choice::kNone || choice.margin >= 3;
      result.push_back(sure ? choice.inner : -2);
    }
    return result;
  }
};

}  // namespace

TEST_CASE("a packet is padded to 16 bytes, or to the MTU", "[correlate][tunnel]") {
  CHECK(kWireguard.fits(84, 96 + 32));
  CHECK(kWireguard.fits(96, 96 + 32));
  CHECK_FALSE(kWireguard.fits(97, 96 + 32));
  CHECK_FALSE(kWireguard.fits(80, 96 + 32));
  CHECK(kWireguard.fits(1420, 1420 + 32));
  CHECK(kWireguard.fits(1411, 1420 + 32));
  CHECK_FALSE(kWireguard.fits(1408, 1420 + 32));
  CHECK_FALSE(kWireguard.fits(1421, 1420 + 32));
}

TEST_CASE("what is in order and fits is paired", "[correlate][tunnel]") {
  Sequences s;
  s.in(0, 60), s.out(0.2, 64);
  s.in(1, 171), s.out(1.1, 176);
  s.in(2, 1420), s.out(2.1, 1420);
  CHECK(s.chosen() == std::vector{0, 1, 2});
}

TEST_CASE("a wrong length is impossible, however near", "[correlate][tunnel]") {
  Sequences s;
  s.in(0, 60), s.out(0.1, 96);
  CHECK(s.chosen() == std::vector{-1});
}

TEST_CASE("lengths tell which packet was lost", "[correlate][tunnel]") {
  Sequences s;
  s.in(0, 60), s.in(0.01, 200), s.in(0.02, 300), s.in(0.03, 60);
  s.out(0.2, 64), s.out(0.21, 304), s.out(0.22, 64);
  CHECK(s.chosen() == std::vector{0, 2, 3});
}

TEST_CASE("of equal packets at once one was lost: which is not decided",
          "[correlate][tunnel]") {
  Sequences s;
  for (const double ms : {0.0, 0.01, 0.02, 0.03}) s.in(ms, 52);
  for (const double ms : {0.2, 0.21, 0.22}) s.out(ms, 64);
  CHECK(s.chosen() == std::vector{-2, -2, -2});
  for (const Choice& c : s.alignment.align(s.inner, s.outer, kWireguard, {false, kMs / 2})) {
    CHECK(c.owner_margin >= 3);  // that it was one of this connection is
  }
}

TEST_CASE("times tell equal packets apart where they are apart", "[correlate][tunnel]") {
  Sequences s;
  for (const double ms : {0.0, 10.0, 20.0, 30.0}) s.in(ms, 52);
  for (const double ms : {0.2, 10.2, 30.2}) s.out(ms, 64);
  CHECK(s.chosen() == std::vector{0, 1, 3});
}

TEST_CASE("a counter that no tap shows takes the packet that it may have carried",
          "[correlate][tunnel]") {
  Sequences s;
  for (const double ms : {0.0, 0.01, 0.02}) s.in(ms, 52);
  s.out(0.2, 64), s.hole(0.21), s.out(0.22, 64);
  CHECK(s.chosen() == std::vector{0, 1, 2});
}

TEST_CASE("nothing is aligned with nothing", "[correlate][tunnel]") {
  Sequences s;
  CHECK(s.chosen().empty());
  s.out(0, 64);
  CHECK(s.chosen() == std::vector{-1});
}

}  // namespace natlens::correlate
