// What is odd about the packets between two taps, in sentences.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader.h"

namespace natlens::report {

// Of one translation: what is missing, with the first frames, what came twice, late or changed,
// and of what nothing can be said. Empty if all is as usual.
std::vector<std::string> packet_remarks(Loader& loader, std::int64_t translation);

// Of one frame: its fates, and where the same packet is at other taps as far as that was kept.
std::vector<std::string> frame_remarks(Loader& loader, std::int64_t file, std::uint32_t frame);

}  // namespace natlens::report
