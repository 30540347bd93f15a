// One source's current batch in the merge, and the position in it. Private to merger.cc and
// live_merge.cc.
#pragma once

#include <memory>

#include "merger.h"

namespace natlens::pipeline {

struct Merger::Lane {
  std::uint16_t source = 0;
  std::unique_ptr<SourceBatch> batch;
  std::size_t sighting = 0;  // next of each
  std::size_t opened = 0;
  std::size_t handshake = 0;
  std::size_t event = 0;
  std::size_t closed = 0;
  std::size_t invalid = 0;
  std::size_t statement = 0;
  std::size_t tunnel_packet = 0;
  std::size_t note = 0;
  Timestamp corrected = Timestamp::none();  // of the next sighting
  Timestamp time = Timestamp::none();       // key of the next record, never stepping back
  bool ended = false;
};

}  // namespace natlens::pipeline
