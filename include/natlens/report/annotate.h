// `natlens report --pcapng`: the captures of an analysis in one file, in the order of reference
// time, with what is known of each packet as its comment.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "natlens/conntrack/tracker.h"
#include "natlens/decode/keys.h"
#include "natlens/net/result.h"
#include "natlens/store/database.h"

namespace natlens::report {

struct AnnotateOptions {
  std::string output;           // "-" is standard output
  std::string captures;         // folder with the captures, by name; "" = where they were
  conntrack::Options tracking;  // of the analysis
  std::shared_ptr<const decode::KeyRing> keys = nullptr;  // none: what is closed stays closed
};

struct Annotated {
  std::uint64_t frames = 0;
  std::uint64_t commented = 0;
};

// An interface per tap, named after it. Errors: a capture is gone, or is not what was analysed;
// what was written by then is of no use.
Result<Annotated> annotate_captures(store::Database& database, const AnnotateOptions& options);

}  // namespace natlens::report
