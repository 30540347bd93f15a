#include "natlens/report/ladder.h"

#include <string>

#include "support/catch.h"

using namespace natlens;
using namespace natlens::report;

namespace {

LadderEvent at(std::int64_t microseconds, std::size_t column, std::string text) {
  return {Timestamp::from_ns(1'700'000'000'000'000'000 + microseconds * 1000), column,
          std::move(text)};
}

}  // namespace

TEST_CASE("ladder: the same event at two taps is one rung, its arrow from the first",
          "[report][ladder]") {
  const Ladder ladder{
      {"lan", "wan"},
      {at(0, 0, "NEW SYN_SENT"), at(41, 1, "NEW SYN_SENT"), at(1'300, 1, "SYN_RECV"),
       at(1'340, 0, "SYN_RECV"), at(60'000'000, 0, "DESTROY"), at(60'000'000, 1, "DESTROY")}};
  CHECK(ladder_text(ladder) ==
        "  seconds  lan                     wan\n"
        " 0.000000  NEW SYN_SENT       -->  NEW SYN_SENT +41.0 us\n"
        " 0.001300  SYN_RECV +40.0 us  <--  SYN_RECV\n"
        "60.000000  DESTROY            ---  DESTROY\n");
}

TEST_CASE("ladder: an event that only one tap had stands alone", "[report][ladder]") {
  const Ladder ladder{
      {"lan", "wan"},
      {at(0, 0, "NEW SYN_SENT"), at(5, 1, "NEW SYN_SENT"), at(100, 1, "CLOSE")}};
  CHECK(ladder_text(ladder) ==
        " seconds  lan                wan\n"
        "0.000000  NEW SYN_SENT  -->  NEW SYN_SENT +5.00 us\n"
        "0.000100                     CLOSE\n");
}

TEST_CASE("ladder: the order within a tap stays, whatever repeats", "[report][ladder]") {
  const Ladder ladder{
      {"a", "b"},
      {at(0, 0, "X"), at(10, 0, "Y"), at(20, 0, "X"), at(30, 1, "Y"), at(40, 1, "X")}};
  // b's X comes after b's Y, so it cannot belong to the first X of a.
  CHECK(ladder_text(ladder) ==
        " seconds  a       b\n"
        "0.000000  X\n"
        "0.000010  Y  -->  Y +20.0 us\n"
        "0.000020  X  -->  X +20.0 us\n");
}

TEST_CASE("ladder: what is a second apart is not the same event", "[report][ladder]") {
  const Ladder ladder{{"a", "b"}, {at(0, 0, "X"), at(1'000'001, 1, "X")}};
  CHECK(ladder_text(ladder) ==
        " seconds  a       b\n"
        "0.000000  X\n"
        "1.000001          X\n");
}

TEST_CASE("ladder: a long one leaves out its middle and says so", "[report][ladder]") {
  Ladder ladder{{"a"}, {}};
  for (int i = 0; i < 100; ++i) ladder.events.push_back(at(i, 0, "E" + std::to_string(i)));
  CHECK(ladder_text(ladder, 4) ==
        " seconds  a\n"
        "0.000000  E0\n"
        "0.000001  E1\n"
        "0.000002  E2\n"
        "          ... 96 left out\n"
        "0.000099  E99\n");
}

TEST_CASE("ladder: three taps in a row", "[report][ladder]") {
  const Ladder ladder{{"vm", "host", "wan"},
                      {at(0, 0, "NEW"), at(10, 1, "NEW"), at(30, 2, "NEW")}};
  CHECK(ladder_text(ladder) ==
        " seconds  vm        host               wan\n"
        "0.000000  NEW  -->  NEW +10.0 us  -->  NEW +30.0 us\n");
  CHECK(ladder_text({{"vm"}, {}}).empty());
}
