// Connection tracking frame by frame, for people.
#pragma once

#include <string>
#include <string_view>

#include "natlens/capture/records.h"

namespace natlens::report {

// One line per frame and one, indented, per event, made from the JSON line that TrackJsonl
// wrote of the same frame, so that both say the same:
//     1 1795249854.501156772 NEW orig ct 1 SYN_SENT 120 s
//     UNREPLIED  10.0.0.2,5000>203.0.113.5,80
//       event NEW 1 SYN_SENT t=120 [UNREPLIED]
// REQUIRES: `json` is what TrackJsonl::line() returned for `frame`.
std::string track_lines(std::string_view json, const capture::Frame& frame);

}  // namespace natlens::report
