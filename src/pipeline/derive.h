// What needs the whole capture: relations between taps, mappings and paths, worked out at the
// end from the translations that the store hands back in order.
#pragma once

#include <cstdint>

#include "natlens/net/result.h"
#include "natlens/store/writer.h"

namespace natlens::pipeline {

Result<void> derive(store::Writer& writer, std::uint16_t taps);

}  // namespace natlens::pipeline
