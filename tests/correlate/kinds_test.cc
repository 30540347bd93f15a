#include "kinds.h"

#include "support/catch.h"

namespace natlens::correlate {
namespace {

Address address(const char* text) {
  return *Address::parse(text);
}

}  // namespace

TEST_CASE("same host: the places of RFC 6052 2.4, example table 1", "[correlate][kinds]") {
  const Address v4 = address("192.0.2.33");
  for (const char* text :
       {"2001:db8:c000:221::", "2001:db8:1c0:2:21::", "2001:db8:122:c000:2:2100::",
        "2001:db8:122:3c0:0:221::", "2001:db8:122:344:c0:2:2100::",
        "2001:db8:122:344::192.0.2.33", "64:ff9b::192.0.2.33"}) {
    CAPTURE(text);
    CHECK(same_host(address(text), v4));
    CHECK(same_host(v4, address(text)));
  }
  CHECK_FALSE(same_host(address("64:ff9b::192.0.2.34"), v4));
  CHECK_FALSE(same_host(address("2001:db8:122:344:1c0:2:2100::"), v4));  // byte 8 is not 0
  CHECK(same_host(v4, v4));
  CHECK_FALSE(same_host(address("2001:db8::1"), address("2001:db8::2")));
}

TEST_CASE("prefix translated: RFC 6296", "[correlate][kinds]") {
  const Address inside = address("fd01:203:405:1::1234");
  CHECK(prefix_translated(inside, address("2001:db8:1:d550::1234")));
  CHECK(
      prefix_translated(inside, address("2001:db8:1:7::1234")));  // not neutral, same host part
  CHECK_FALSE(prefix_translated(inside, address("2001:db8:1::1")));
  CHECK_FALSE(prefix_translated(inside, inside));
  CHECK_FALSE(prefix_translated(inside, address("192.0.2.1")));
  // Prefixes longer than /48 adjust a word of the host part.
  CHECK(prefix_translated(address("fd00:0:0:1:1::5"), address("fd00:0:0:2:0::5")));
  CHECK_FALSE(prefix_translated(address("fd00:0:0:1:1::5"), address("fd00:0:0:2:1::6")));
}

}  // namespace natlens::correlate
