// Shifted TCP numbers, and what they make of a sighting.
#include "numbers.h"

#include <fstream>
#include <sstream>

#include "support/catch.h"
#include "support/correlate_trace.h"

namespace natlens::correlate {

TEST_CASE("numbers: a shift holds behind its payload, not at it", "[correlate][numbers]") {
  NumberMap map;
  map.begin(0, 7);
  map.begin(1, 0);
  CHECK(map.change(0, 1000, 12));
  CHECK_FALSE(map.change(0, 1000, 17));  // sent again
  CHECK_FALSE(map.change(0, 990, 17));
  CHECK(map.change(0, 2000, 3));
  CHECK(map.shift_of(0, 1000) == 7);
  CHECK(map.shift_of(0, 1001) == 12);
  CHECK(map.shift_of(0, 2000) == 12);
  CHECK(map.shift_of(0, 2001) == 3);
  CHECK(map.shift_of(1, 2001) == 0);
  CHECK(map.last(0) == 3);
}

TEST_CASE("numbers: of many changes the last ones are kept", "[correlate][numbers]") {
  NumberMap map;
  map.begin(0, 0);
  map.begin(1, 0);
  for (std::uint32_t i = 1; i <= 20; ++i) {
    CHECK(map.change(0, i * 100, static_cast<std::int32_t>(i)));
  }
  CHECK(map.shift_of(0, 1950) == 19);
  CHECK(map.shift_of(0, 1350) == 13);
  CHECK(map.shift_of(0, 50) == 12);  // what was before is forgotten
  std::size_t count = 0;
  map.each(0, [&](const NumberMap::Change&) { ++count; });
  CHECK(count == NumberMap::kMostChanges);
}

TEST_CASE("numbers: a sighting becomes the one that the partner shows",
          "[correlate][numbers]") {
  // Frames of any length at any number, cut at fixed positions: what was shown with numbers
  // that are 5000 more has the fingerprints of the original.
  NumberMap map;
  map.begin(0, 5000);
  map.begin(1, -300);
  for (std::uint32_t seq = 0; seq < 5000; seq += 37) {
    for (const std::uint32_t bytes : {1U, 40U, 700U, 1460U}) {
      stream::Sighting here;
      here.kind = stream::SightingKind::kTcpData;
      here.tcp_flags = decode::tcp_flag::kAck;
      here.payload_bytes = bytes;
      const std::uint32_t there_position = seq + stream::tcp_position(seq, bytes);
      here.offset = static_cast<std::uint16_t>(stream::tcp_position(seq + 5000, bytes));
      here.seq = seq + 5000 + here.offset;
      here.ack = 700;
      const stream::Sighting turned = map.applied(here);
      CHECK(turned.seq == there_position);
      CHECK(turned.ack == 1000);
      CHECK(turned.fingerprint ==
            stream::tcp_fingerprint(here.kind, there_position, 1000, 0, here.tcp_flags));
    }
  }
}

TEST_CASE("numbers: each payload that an ALG changed is told", "[correlate][numbers]") {
  std::ifstream in(NATLENS_SOURCE_DIR
                   "/tests/correlate/alg_changes_the_length_of_a_payload.trace");
  std::ostringstream text;
  text << in.rdbuf();
  const test::CorrelateTrace trace(text.str());
  REQUIRE(trace.sink().changes.size() == 2);
  CHECK(trace.sink().changes[0].direction == 0);
  CHECK(trace.sink().changes[0].inside_seq == 101);
  CHECK(trace.sink().changes[0].shift == 4);
  CHECK(trace.sink().changes[1].inside_seq == 126);
  CHECK(trace.sink().changes[1].shift == 8);
  REQUIRE(trace.sink().translations.size() == 1);
  const PacketAccount& out = trace.sink().translations[0].packets[0];
  CHECK(out.inside_only == 1);
  CHECK(out.outside_only == 0);
  CHECK(out.deviation.unknown == std::array<std::uint32_t, 2>{0, 0});
}

}  // namespace natlens::correlate
