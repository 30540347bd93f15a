// What needs the whole capture: relations between taps, mappings and paths, worked out at the
// end from the translations that the store hands back in order.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/store/writer.h"

namespace natlens::pipeline {

// When a tap had frames, in the reference clock.
struct TapSpan {
  std::uint16_t id = 0;  // tap.id
  Timestamp first = Timestamp::none();
  Timestamp last = Timestamp::none();
};

Result<void> derive(store::Writer& writer, const std::vector<TapSpan>& taps);

}  // namespace natlens::pipeline
