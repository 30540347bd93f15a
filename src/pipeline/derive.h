// What needs the whole capture: relations between taps, mappings and paths, worked out at the
// end from the translations that the store hands back in order.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/findings/parameters.h"
#include "natlens/net/result.h"
#include "natlens/store/writer.h"

namespace natlens::pipeline {

// When a tap had frames, in the reference clock.
struct TapSpan {
  std::uint16_t id = 0;  // tap.id
  Timestamp first = Timestamp::none();
  Timestamp last = Timestamp::none();
};

// Connections at one tap that were inside an encrypted tunnel, which another one shows.
struct TunnelledTaps {
  std::uint16_t inside = 0;  // tap.id
  std::uint16_t outside = 0;
  std::uint64_t connections = 0;
};

Result<void> derive(store::Writer& writer,
                    const std::vector<TapSpan>& taps,
                    const std::vector<TunnelledTaps>& tunnelled = {});

// The findings. REQUIRES: everything else is written.
Result<void> diagnose(store::Writer& writer, const findings::Parameters& parameters);

}  // namespace natlens::pipeline
