#include "recorder.h"
#include "support/catch.h"

using natlens::pipeline::FrameNames;

TEST_CASE("frame names: an ordinal of the source is a number in one of its files",
          "[pipeline][frames]") {
  FrameNames names;
  names.add(4, 1);
  names.add(5, 101);
  names.add(6, 102);
  CHECK(names.name(1).file == 4);
  CHECK(names.name(1).number == 1);
  CHECK(names.name(100).file == 4);
  CHECK(names.name(100).number == 100);
  CHECK(names.name(101).file == 5);
  CHECK(names.name(101).number == 1);
  CHECK(names.name(5000).file == 6);
  CHECK(names.name(5000).number == 4899);
  CHECK(names.name(0).file == 0);
}
