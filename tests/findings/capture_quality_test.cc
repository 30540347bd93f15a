#include "support/scene.h"

using natlens::test::Scene;
using natlens::test::SceneFrame;

namespace {

Scene& drop_every_fifth(Scene& scene) {
  int number = 0;
  scene.erase("wan", [&](const SceneFrame&) { return ++number % 5 == 0; });
  return scene;
}

}  // namespace

TEST_CASE("CAP-INCOMPLETE: a capture that lost frames is blamed itself",
          "[findings][capture]") {
  Scene scene;
  drop_every_fifth(scene);
  INFO(scene.told());
  REQUIRE(scene.raised("CAP-INCOMPLETE", "unseen-data"));
  CHECK(scene.find("CAP-INCOMPLETE", "unseen-data")->frames.front().tap == "wan");
  CHECK(!scene.raised("NAT-DROP-OUT"));
  CHECK(!scene.raised("NAT-DROP-IN"));
}

TEST_CASE("CAP-INCOMPLETE: a whole capture is none", "[findings][capture]") {
  Scene scene;
  INFO(scene.told());
  CHECK(!scene.raised("CAP-INCOMPLETE"));
  CHECK(!scene.raised("CAP-CLOCK"));
}

TEST_CASE("CAP-CLOCK: clocks that are 3.2 s apart", "[findings][capture]") {
  Scene scene;
  for (SceneFrame& frame : scene.frames("wan")) frame.time_ns += 3'200'000'000;
  INFO(scene.told());
  REQUIRE(scene.raised("CAP-CLOCK", "offset"));
  CHECK(scene.find("CAP-CLOCK")->severity == "info");
  CHECK(scene.find("CAP-CLOCK")->facts["offset_ms"].get<double>() > 3190);
  CHECK(scene.find("CAP-CLOCK")->frames.size() >= 2);
}
