// What a trace says of tunnels: through which outer flows its connections ran, and how many
// connections ran through them.
#pragma once

#include <string>

#include "natlens/report/trace.h"

#include "loader.h"

namespace natlens::report {

void load_carriers(Loader& loader, Trace& trace);
// "" if there is nothing to say.
std::string carriers_text(const Trace& trace);

}  // namespace natlens::report
