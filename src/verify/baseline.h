// An earlier capture that was good: the same classes, pools, forwards and findings, not the
// same flows.
#pragma once

#include "natlens/verify/verify.h"

#include "scene.h"

namespace natlens::verify {

Result<Suite> suite_of_baseline(const Scene& scene, const Options& options, Report& report);

}  // namespace natlens::verify
