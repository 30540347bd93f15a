// UTF-8 is decoded by hand, one code point at a time, because the C library's wcwidth() depends
// on the locale and this text must look the same in a terminal, a file and a test.
#include "natlens/report/text.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

namespace natlens::report {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: not UTF-8 here
};

// Length of the sequence that a lead byte announces, 0 if it cannot lead (RFC 3629).
std::size_t sequence_bytes(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

CodePoint next_code_point(std::string_view text) {
  constexpr std::array<unsigned char, 5> kLeadMask = {0, 0x7f, 0x1f, 0x0f, 0x07};
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t bytes = sequence_bytes(lead);
  if (bytes == 0 || bytes > text.size()) return {};
  auto value = static_cast<char32_t>(lead & kLeadMask[bytes]);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80) return {};
    value = (value << 6) | (byte & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kLeast[bytes] || value > 0x10ffff || surrogate) return {};
  return {value, bytes};
}

struct Range {
  char32_t first;
  char32_t last;
};

// Unicode general categories Mn and Me that occur in practice, zero-width characters, and the
// bidirectional controls (which would let a name rewrite the line it stands in).
constexpr auto kZeroWidth = std::to_array<Range>({{0x0300, 0x036f},
                                                  {0x0483, 0x0489},
                                                  {0x0591, 0x05bd},
                                                  {0x0610, 0x061a},
                                                  {0x064b, 0x065f},
                                                  {0x1ab0, 0x1aff},
                                                  {0x1dc0, 0x1dff},
                                                  {0x20d0, 0x20ff},
                                                  {0xfe00, 0xfe0f},
                                                  {0xfe20, 0xfe2f}});
// Unicode East Asian Width W and F, by block.
constexpr auto kWide = std::to_array<Range>({{0x1100, 0x115f},
                                             {0x2e80, 0x303e},
                                             {0x3041, 0xa4cf},
                                             {0xac00, 0xd7a3},
                                             {0xf900, 0xfaff},
                                             {0xfe30, 0xfe6f},
                                             {0xff00, 0xff60},
                                             {0xffe0, 0xffe6},
                                             {0x1f300, 0x1f64f},
                                             {0x1f900, 0x1f9ff},
                                             {0x20000, 0x3fffd}});
// What is escaped besides bytes that are not UTF-8: C0, DEL, C1, and controls of direction.
constexpr auto kControl = std::to_array<Range>({{0x00, 0x1f},
                                                {0x7f, 0x9f},
                                                {0x200b, 0x200f},
                                                {0x2028, 0x202e},
                                                {0x2060, 0x206f},
                                                {0xfeff, 0xfeff}});

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t value) {
  return std::any_of(ranges.begin(), ranges.end(), [value](const Range& range) {
    return value >= range.first && value <= range.last;
  });
}

std::size_t cells(char32_t value) {
  if (value < 0x300) return 1;
  if (within(kZeroWidth, value)) return 0;
  return within(kWide, value) ? 2 : 1;
}

void append_escaped(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
}

// 1.24, 41.2, 412: below 999.5.
std::string three_digits(double value) {
  return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const CodePoint point = next_code_point(text);
    width += point.bytes == 0 ? 1 : cells(point.value);
    text.remove_prefix(std::max<std::size_t>(1, point.bytes));
  }
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = next_code_point(text);
    const std::string_view bytes = text.substr(0, std::max<std::size_t>(1, point.bytes));
    if (point.bytes == 0 || within(kControl, point.value)) {
      append_escaped(out, bytes);
    } else {
      out += bytes;
    }
    text.remove_prefix(bytes.size());
  }
  return out;
}

std::string clip(std::string_view text, std::size_t width) {
  std::string whole = printable(text);
  if (display_width(whole) <= width) return whole;
  if (width == 0) return "";
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < whole.size()) {
    const CodePoint point = next_code_point(std::string_view(whole).substr(end));
    if (used + cells(point.value) > width - 1) break;
    used += cells(point.value);
    end += point.bytes;
  }
  return whole.substr(0, end) + "…";
}

std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t have = display_width(text);
  return std::string(text) + std::string(have < width ? width - have : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t have = display_width(text);
  return std::string(have < width ? width - have : 0, ' ') + std::string(text);
}

std::string format_duration(Nanoseconds duration) {
  const std::int64_t ns = duration.count();
  const char* sign = ns < 0 ? "-" : "";
  // Unsigned, because the least 64-bit number has no positive twin.
  const std::uint64_t size = ns < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(ns)
                                    : static_cast<std::uint64_t>(ns);
  const auto value = static_cast<double>(size);
  const std::uint64_t seconds = size / 1'000'000'000;
  if (size == 0) return "0";
  if (size < 1'000) return fmt::format("{}{} ns", sign, size);
  if (size < 999'500) return sign + three_digits(value / 1e3) + " us";
  if (size < 999'500'000) return sign + three_digits(value / 1e6) + " ms";
  if (seconds < 60) return sign + three_digits(value / 1e9) + " s";
  if (seconds < 3'600) return fmt::format("{}{} min {:02} s", sign, seconds / 60, seconds % 60);
  if (seconds < 86'400) {
    return fmt::format("{}{} h {:02} min", sign, seconds / 3'600, seconds / 60 % 60);
  }
  return fmt::format("{}{} d {:02} h", sign, seconds / 86'400, seconds / 3'600 % 24);
}

std::string format_moment(Timestamp time) {
  std::string text = format_iso8601(time);
  if (!time.has_value()) return text;
  text.resize(text.rfind('.') + 4);
  text[text.rfind('T')] = ' ';
  return text;
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string count_of(std::uint64_t count, std::string_view singular, std::string_view plural) {
  if (count == 0) return fmt::format("no {}", plural);
  return fmt::format("{} {}", format_count(count), count == 1 ? singular : plural);
}

}  // namespace natlens::report
