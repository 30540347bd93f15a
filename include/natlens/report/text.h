// Text for people: widths as a terminal shows them, bytes of strangers made harmless, numbers
// with units.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "natlens/net/timestamp.h"

namespace natlens::report {

// Terminal cells that UTF-8 text takes: combining marks none, East Asian wide characters two.
std::size_t display_width(std::string_view text);

// The same text with control characters and bytes that are not UTF-8 written as \n, \t, \x1b.
// Names and comments come from captures, and nothing in them may reach a terminal as a command.
std::string printable(std::string_view text);

// At most `width` cells of printable text; what was cut off is marked by one final "…".
std::string clip(std::string_view text, std::size_t width);

// Filled with spaces up to `width` cells; longer text stays whole.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

// "0", "830 ns", "41.2 us", "1.24 ms", "3.50 s", "2 min 05 s", "3 h 07 min", "2 d 04 h"; a sign
// only if negative.
std::string format_duration(Nanoseconds duration);
// "2026-11-21 10:15:00.123", UTC; "-" for none().
std::string format_moment(Timestamp time);
// 1234567 -> "1,234,567".
std::string format_count(std::uint64_t count);
// "no frames", "1 frame", "1,204 frames".
std::string count_of(std::uint64_t count, std::string_view singular, std::string_view plural);

}  // namespace natlens::report
