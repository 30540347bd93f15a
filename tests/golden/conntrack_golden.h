// The kernel's answers about connection tracking: captures that were pushed through a real
// Linux router, packet by packet, and what it made of each
// (tests/data/golden-conntrack.tar.xz).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "natlens/conntrack/tracker.h"

namespace natlens::test {

struct ConntrackGolden {
  std::string name;
  std::filesystem::path capture;
  nlohmann::json header;
  std::vector<nlohmann::json> packets;  // one per frame, in order
  nlohmann::json final_texts;  // listings and events as conntrack(8) printed them; or null

  bool realtime() const { return header.value("realtime", false); }
  // Rules that translate: replies there answer a tuple that only a NAT engine knows.
  bool has_nat() const;
  // Sysctls, helpers, zones and notrack of the header, as options.
  conntrack::Options options() const;
};

// All of them, by name: those of NATLENS_DATA/golden/conntrack if that is set, else of the
// unpacked archive; and those of tests/golden/captures.
std::vector<ConntrackGolden> load_conntrack_goldens();

}  // namespace natlens::test
