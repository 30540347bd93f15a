#include "natlens/net/timestamp.h"

#include "support/catch.h"

using namespace natlens;

TEST_CASE("timestamp: text shows all nine digits, before 1970 too", "[net][timestamp]") {
  CHECK(format_iso8601(Timestamp::from_ns(1'795'249'854'501'156'772)) ==
        "2026-11-21T08:30:54.501156772Z");
  CHECK(format_iso8601(Timestamp::from_ns(-1)) == "1969-12-31T23:59:59.999999999Z");
  CHECK(format_seconds(Timestamp::from_ns(1'500'000'000)) == "1.500000000");
  CHECK(format_seconds(Timestamp::from_ns(-500'000'000)) == "-0.500000000");
  CHECK(format_seconds(Timestamp::from_ns(-1'500'000'000)) == "-1.500000000");
  CHECK(format_iso8601(Timestamp::none()) == "-");
}

TEST_CASE("timestamp: arithmetic saturates instead of overflowing", "[net][timestamp]") {
  CHECK(Timestamp::max() + std::chrono::seconds(1) == Timestamp::max());
  CHECK((Timestamp::from_ns(5) - Timestamp::from_ns(7)).count() == -2);
  CHECK((Timestamp::max() - Timestamp::from_ns(-1)).count() ==
        std::numeric_limits<std::int64_t>::max());
  const auto low = Timestamp::from_ns(std::numeric_limits<std::int64_t>::min() + 1);
  CHECK((low - std::chrono::seconds(1)).has_value());
  CHECK(Timestamp::none() < low);
}
