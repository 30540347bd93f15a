// Ready policies: requirements of RFCs, each yes, no or undetermined, and what usual boxes
// promise.
#pragma once

#include "natlens/verify/verify.h"

#include "scene.h"

namespace natlens::verify {

Result<Suite> suite_of_profile(const Scene& scene,
                               const std::string& name,
                               const Options& options,
                               Report& report);
// The policy text of a profile that is one; "": it is a list of requirements, or none.
std::string_view profile_policy(std::string_view name);

}  // namespace natlens::verify
