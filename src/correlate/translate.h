// From a pair to the row that is handed out. See translate.cc.
#pragma once

#include "natlens/correlate/records.h"

#include "connections.h"
#include "latency.h"
#include "pair.h"
#include "taps.h"

namespace natlens::correlate {

// The direction, in terms of end 0, in which the connection's opener sends.
unsigned opener_direction(const Pair& pair, const ConnectionTable& connections);

// Everything of the translation but serial, margin and confidence.
Translation translate(const Pair& pair,
                      const ConnectionTable& connections,
                      const Taps& taps,
                      const Latencies& latencies);

}  // namespace natlens::correlate
