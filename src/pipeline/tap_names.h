// The taps by the names that the command line gives and uses: what cannot be is refused before
// anything is written.
#pragma once

#include "natlens/net/result.h"
#include "natlens/pipeline/analysis.h"

#include "probe.h"

namespace natlens::pipeline {

// True if every tap that --clock names was found, or may yet be found on standard input.
bool clocks_are_of_taps(const AnalysisOptions& options, const ProbeResult& probed);

// Errors: a name that two sources' taps share, --clock for a tap that is not there, --clock for
// the tap whose clock is the reference.
Result<void> check_names(const AnalysisOptions& options, const ProbeResult& probed);

}  // namespace natlens::pipeline
