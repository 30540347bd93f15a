// A policy from what a capture shows, and a policy as it was understood.
#pragma once

#include <string>

#include "natlens/net/result.h"

#include "policy.h"
#include "scene.h"

namespace natlens::verify {

Result<std::string> write_policy(const Scene& scene);
std::string policy_text(const Policy& policy);

}  // namespace natlens::verify
