// Where a frame is that somebody names as TAP:FRAME or FILE:FRAME, by what the database knows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "natlens/report/explain.h"

#include "explain_replay.h"
#include "loader.h"

namespace natlens::report {

struct FramePlace {
  std::int64_t file = 0;    // file.id
  std::int64_t source = 0;  // file.source
  bool live = false;        // of an interface; no file has it
  std::string tap_asked;    // the tap's name, if the frame was named by it
  ReplayRequest request;
};

// Nothing: `missing` says what there is instead.
std::optional<FramePlace> find_frame(Loader& loader,
                                     const ExplainTarget& target,
                                     std::string& missing);

// The tap of the analysis that `seen` is: tap.id and name; id 0 and why in `missing` if the
// frame belongs to none, or not to the one that was asked for.
struct PlacedTap {
  std::int64_t id = 0;
  std::string name;
};
PlacedTap find_tap(Loader& loader,
                   const FramePlace& place,
                   const ReplayTap& seen,
                   std::string& missing);

}  // namespace natlens::report
