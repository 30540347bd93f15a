// The words that columns hold for numbers of the records.
#pragma once

#include <cstdint>
#include <string_view>

#include "natlens/capture/records.h"
#include "natlens/decode/records.h"

namespace natlens::store {

// As natlens::protocol_name, without making a string.
std::string_view protocol_text(std::uint8_t protocol);
// "vxlan", "gre"...; "" for kNone and for a number this build does not know.
std::string_view encapsulation_text(decode::Encapsulation kind);
decode::Encapsulation encapsulation_of(std::string_view text);
// "in", "out"; "" when unknown.
std::string_view frame_direction_text(capture::FrameDirection direction);

}  // namespace natlens::store
