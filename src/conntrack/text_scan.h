// Small readers for the text protocols that helpers look into. All stay within their view.
#pragma once

#include <cstdint>
#include <string_view>

#include "natlens/net/bytes.h"

namespace natlens::conntrack {

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
inline bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) {
      return false;
    }
  }
  return true;
}
inline bool begins_with(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && same_text(text.substr(0, start.size()), start);
}
// The decimal number at the start of `text`, modulo 2^32; `text` moves behind it.
inline std::uint32_t take_number(std::string_view& text) {
  std::uint32_t value = 0;
  while (!text.empty() && is_digit(text.front())) {
    value = value * 10 + static_cast<std::uint32_t>(text.front() - '0');
    text.remove_prefix(1);
  }
  return value;
}

}  // namespace natlens::conntrack
