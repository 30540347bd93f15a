// Time stamps of pcapng, against long arithmetic done in the other order.

#include "pcapng_time.h"

#include "support/catch.h"

namespace natlens::capture::test {
namespace {

struct Case {
  std::uint8_t resolution;
  std::int64_t offset;
  std::uint64_t units;
  std::int64_t ns;
};

TEST_CASE("pcapng time: resolutions and offsets", "[capture][pcapng]") {
  const std::int64_t none = Timestamp::none().ns();
  const auto c = GENERATE_COPY(
      Case{6, 0, 1, 1000}, Case{6, 0, 1'700'000'000'123'456, 1'700'000'000'123'456'000},
      Case{0, 0, 1'700'000'000, 1'700'000'000'000'000'000}, Case{3, 0, 1'500, 1'500'000'000},
      Case{9, 0, 1'700'000'000'123'456'789, 1'700'000'000'123'456'789},
      Case{9, 0, 0x7fffffffffffffff, 0x7fffffffffffffff}, Case{9, 0, 0x8000000000000000, none},
      Case{12, 0, 1'234'567, 1'234},  // what is finer is cut off
      Case{19, 0, 0xffffffffffffffff, 1'844'674'407}, Case{20, 0, 1, none},  // nonsense
      Case{0x7f, 0, 1, none}, Case{0x80, 0, 7, 7'000'000'000},               // 2^-0
      Case{0x81, 0, 3, 1'500'000'000},
      Case{0x94, 0, (1ULL << 20) + 1, 1'000'000'953},  // 2^-20: 953.67 ns
      Case{0xa0, 0, 0xffffffffffffffff, 4'294'967'295'999'999'999},
      Case{0xbf, 0, 1ULL << 63, 1'000'000'000},  // 2^-63
      Case{0xc0, 0, 1, none},                    // 2^-64: nonsense
      Case{6, 1'700'000'000, 5, 1'700'000'000'000'005'000},
      Case{6, -10, 1'000'000, -9'000'000'000}, Case{6, INT64_MAX, 1, none},
      Case{6, INT64_MIN, 1, none}, Case{9, -9'223'372'037, 0, none},  // just outside of 64 bits
      Case{9, -9'223'372'036, 0, -9'223'372'036'000'000'000});
  INFO("resolution " << int{c.resolution} << " units " << c.units << " offset " << c.offset);
  CHECK(TimeUnits(c.resolution, c.offset).convert(c.units).ns() == c.ns);
}

TEST_CASE("pcapng time: microseconds unless told otherwise", "[capture][pcapng]") {
  CHECK(TimeUnits().convert(3).ns() == 3000);
  CHECK(TimeUnits().known());
  CHECK_FALSE(TimeUnits(20, 0).known());
}

}  // namespace
}  // namespace natlens::capture::test
