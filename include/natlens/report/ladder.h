// A ladder: what happened to one connection at each tap, a column per tap, time going down.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "natlens/net/timestamp.h"

namespace natlens::report {

struct LadderEvent {
  Timestamp time;          // in one clock for all columns
  std::size_t column = 0;  // index into Ladder::columns
  std::string text;        // "NEW SYN_SENT"
};

struct Ladder {
  std::vector<std::string> columns;  // taps in the order the packets travelled
  std::vector<LadderEvent> events;   // in any order
};

// The same event at several taps shares a line, with an arrow from the tap that had it first
// and how much later the others had it. Times count from the first event, in seconds. Of more
// than `max_lines` lines those in the middle are left out, and their number told.
std::string ladder_text(const Ladder& ladder, std::size_t max_lines = 60);

}  // namespace natlens::report
