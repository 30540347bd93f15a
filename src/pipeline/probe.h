// The clock probe's run: reads the first part of every source, each on its own thread, before
// the main pass, and learns how far apart the taps' clocks are.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "natlens/correlate/records.h"
#include "natlens/pipeline/analysis.h"

namespace natlens::pipeline {

struct ProbeResult {
  // Taps per source, in order of discovery within what was read.
  std::vector<std::vector<std::string>> taps;
  // One per tap, in the order of `taps` flattened.
  std::vector<correlate::ClockEstimate> clocks;
  bool whole = false;  // everything was read for them
};

// What --clock says of this tap, on top of what the probe found.
void apply_given(const AnalysisOptions& options,
                 const std::string& tap,
                 correlate::ClockEstimate& clock);

// True if one of the source's files is standard input.
bool reads_standard_input(const capture::SourceSpec& spec);

// Reads the first 64 MiB of each source, and everything where that leaves a tap without a link
// to the others, or a tap of --clock unfound. Standard input cannot be read twice and is left
// out: its taps are found in the main pass and keep the reference clock unless --clock says
// otherwise.
// With `whole` everything in any case.
Result<ProbeResult> probe(const AnalysisOptions& options, bool whole);

}  // namespace natlens::pipeline
