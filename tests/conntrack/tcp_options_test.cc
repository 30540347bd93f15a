#include "tcp_options.h"

#include "natlens/conntrack/tracker.h"

#include "seqadj.h"
#include "support/catch.h"
#include "support/packet.h"

namespace natlens::conntrack {

using test::be32;
using test::Bytes;
using test::operator+;

TEST_CASE("tcp options: of a SYN", "[conntrack][tcp]") {
  const auto parse = [](const Bytes& b) { return parse_syn_options(b); };
  SynOptions o = parse({2, 4, 5, 180, 4, 2, 1, 3, 3, 7});
  CHECK(o.sack_permitted);
  CHECK(o.window_scale == 7);
  CHECK(parse({3, 3, 15}).window_scale == 14);         // RFC 7323: at most 14
  CHECK(parse({3, 3, 2, 3, 3, 9}).window_scale == 9);  // the later one counts
  CHECK_FALSE(parse({0, 3, 3, 7}).has_window_scale);   // behind the end
  CHECK_FALSE(parse({4, 3, 0}).sack_permitted);        // of a wrong length
  CHECK_FALSE(parse({2, 1, 3, 3, 7}).has_window_scale);
  CHECK_FALSE(parse({8, 40, 3, 3, 7}).has_window_scale);
  CHECK_FALSE(parse({1, 1, 3}).has_window_scale);
  CHECK_FALSE(parse({}).has_window_scale);
}

TEST_CASE("tcp options: the highest SACK edge", "[conntrack][tcp]") {
  const Bytes block = Bytes{1, 1, 5, 18} + be32(100) + be32(200) + be32(300) + be32(400);
  CHECK(highest_sack(block, 50) == 400);
  CHECK(highest_sack(block, 500) == 500);
  CHECK(highest_sack(Bytes{5, 9} + Bytes(7, 255), 50) == 50);  // not whole blocks
  CHECK(highest_sack(Bytes{5, 2}, 50) == 50);
  CHECK(highest_sack({}, 50) == 50);
  const std::uint32_t wrapped = 0xfffffff0U;
  CHECK(highest_sack(Bytes{5, 10} + be32(1) + be32(9), wrapped) == 9);
}

TEST_CASE("tcp options: every cut stays within its bytes", "[conntrack][tcp]") {
  const Bytes whole = Bytes{2, 4, 5, 180, 4, 2, 8, 10} + Bytes(8) + Bytes{1, 3, 3, 7, 5, 10} +
                      be32(1) + be32(2);
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(parse_syn_options(cut).has_window_scale == (n >= 20));
    CHECK(highest_sack(cut, 0) == (n == whole.size() ? 2 : 0));
  }
}

TEST_CASE("sequence adjustment: behind a segment that grew, numbers are shifted",
          "[conntrack][tcp]") {
  SequenceAdjustment adjust;
  const auto side = [&](Direction d) { return adjust.sides()[static_cast<std::size_t>(d)]; };
  CHECK(sequence_offset(side(Direction::kOriginal), 1000) == 0);
  adjust.resized(Direction::kOriginal, 1000, 4);
  CHECK(sequence_offset(side(Direction::kOriginal), 1000) ==
        0);  // the segment itself keeps its number
  CHECK(sequence_offset(side(Direction::kOriginal), 1001) == 4);
  CHECK(sequence_offset(side(Direction::kReply), 1001) == 0);
  CHECK(acknowledged_offset(side(Direction::kOriginal), 1000) == 0);
  CHECK(acknowledged_offset(side(Direction::kOriginal), 1026) == 4);
  adjust.resized(Direction::kOriginal, 1000, 4);  // the same segment again
  CHECK(sequence_offset(side(Direction::kOriginal), 1001) == 4);
  adjust.resized(Direction::kOriginal, 1100, -1);
  CHECK(sequence_offset(side(Direction::kOriginal), 1050) == 4);
  CHECK(sequence_offset(side(Direction::kOriginal), 1101) == 3);
}

}  // namespace natlens::conntrack
