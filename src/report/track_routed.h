// What `natlens track --rules` adds to a frame's line: the NAT's status of its entry, and what
// came out of the router.
#pragma once

#include <string>

#include "natlens/conntrack/tracker.h"
#include "natlens/ruleset/router.h"

namespace natlens::report {

// ",\"status\":\"...\",\"helper\":...": of the entry after the frame. `master`: the original
// tuple of its master as text; "" = none.
void put_routed_entry(std::string& out,
                      const conntrack::EntryView& entry,
                      const std::string& master);
// ",\"out\":[...]" and why: left out where the packet went on as it was. `layer`: as it came.
void put_routed_packet(std::string& out,
                       const ruleset::Passed& passed,
                       const decode::Layer& layer);

}  // namespace natlens::report
