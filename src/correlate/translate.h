// From a pair to the row that is handed out. See translate.cc.
#pragma once

#include "natlens/correlate/records.h"

#include "account.h"
#include "connections.h"
#include "pair.h"
#include "taps.h"

namespace natlens::correlate {

// The direction, in terms of end 0, in which the connection's opener sends.
unsigned opener_direction(const Pair& pair, const ConnectionTable& connections);

// Everything of the translation but serial, margin, confidence and packets, for which `ways`
// says where the packets of each direction of the inside connection go.
struct Translated {
  Translation row;
  std::array<Way, 2> ways;
};
// Notes on which side of the taps its host is, and asks for it where the pair does not tell.
Translated translate(const Pair& pair, const ConnectionTable& connections, Taps& taps);

}  // namespace natlens::correlate
