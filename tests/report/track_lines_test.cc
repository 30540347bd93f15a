#include "natlens/report/track_lines.h"

#include <string>

#include "support/catch.h"

using namespace natlens;
using natlens::report::track_lines;

namespace {

capture::Frame frame(std::uint32_t number) {
  capture::Frame frame;
  frame.number = number;
  frame.time = Timestamp::from_ns(1'795'249'854'501'156'772);
  return frame;
}

}  // namespace

TEST_CASE("track lines: the entry after the frame, and its events below", "[report][track]") {
  CHECK(
      track_lines(
          R"({"i":0,"frame":1,"class":"NEW","dir":"orig","ct":1,"state":"SYN_SENT","t":120,"f":"",)"
          R"("orig":"10.0.0.2,5000>203.0.113.5,80","ev":["NEW 1 SYN_SENT t=120 [UNREPLIED]"]})",
          frame(1)) ==
      "    1 1795249854.501156772 NEW orig ct 1 SYN_SENT 120 s UNREPLIED  "
      "10.0.0.2,5000>203.0.113.5,80\n"
      "      event NEW 1 SYN_SENT t=120 [UNREPLIED]\n");
  CHECK(
      track_lines(
          R"({"class":"ESTABLISHED","dir":"reply","ct":7,"t":30,"f":"S","orig":"10.0.0.2,5>10.0.0.3,53"})",
          frame(12)) ==
      "   12 1795249854.501156772 ESTABLISHED reply ct 7 30 s  10.0.0.2,5>10.0.0.3,53\n");
}

TEST_CASE("track lines: an INVALID packet says why, with the arithmetic", "[report][track]") {
  CHECK(track_lines(R"({"class":"INVALID","ct":null,"reason":"short_header"})", frame(3)) ==
        "    3 1795249854.501156772 INVALID; short_header\n");
  CHECK(track_lines(R"({"class":"INVALID","ct":null,"reason":"seq_above_window","value":5000,)"
                    R"("bound":4000,"excess":1000,"bound_frame":7})",
                    frame(9)) ==
        "    9 1795249854.501156772 INVALID; seq_above_window: 5000 is beyond 4000 by 1000 "
        "(bound set by frame 7)\n");
}
