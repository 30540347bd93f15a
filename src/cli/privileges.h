// Giving up what opening a device needed.
#pragma once

#include <string>

#include "natlens/net/result.h"

namespace natlens::cli {

// For good, and before any thread is started. Root becomes `user`, if none is given the user
// who called sudo, and stays root if there is none either; but for writing files wherever it is
// told to, if it `writes_anywhere`, root then can do nothing more. Capabilities of others go.
// Returns whom it has become, "" if nothing changed. Errors: no such user, the system refuses.
Result<std::string> drop_privileges(const std::string& user, bool writes_anywhere = true);

}  // namespace natlens::cli
