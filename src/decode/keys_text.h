// What the parsers of key files share.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

#include "natlens/decode/keys.h"

namespace natlens::decode {

// Of each format: a file's text into the ring. See KeyRing::add().
Result<void> add_wireguard_log(KeyRing& ring, std::string_view text, const std::string& origin);
Result<void> add_xfrm_state(KeyRing& ring, std::string_view text, const std::string& origin);
Result<void> add_esp_table(KeyRing& ring, std::string_view text, const std::string& origin);

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// Line after line, trimmed; empty ones and comments are passed over, but counted.
class KeyLines {
 public:
  explicit KeyLines(std::string_view text) : rest_(text) {}
  bool next(std::string_view& line) {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      line = trimmed(rest_.substr(0, end));
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      if (!line.empty() && line.front() != '#') return true;
    }
    return false;
  }
  std::size_t number() const { return number_; }  // of the last one, from 1

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

// Takes the next word off the front; "" at the end.
inline std::string_view take_word(std::string_view& text) {
  text = trimmed(text);
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

// A number, hexadecimal behind "0x"; what follows in "(...)" is passed over.
inline std::optional<std::uint32_t> number_of(std::string_view text) {
  text = text.substr(0, text.find('('));
  const int base = text.starts_with("0x") || text.starts_with("0X") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || text.empty() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// The bytes behind "0x". None: no such text, or too long.
template <std::size_t N>
std::optional<Secret<N>> hex_secret(std::string_view text) {
  if (!text.starts_with("0x") && !text.starts_with("0X")) return std::nullopt;
  text.remove_prefix(2);
  if (text.size() % 2 != 0) return std::nullopt;
  Secret<N> secret;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::uint8_t byte = 0;
    const char* const last = text.data() + i + 2;
    const auto [end, error] = std::from_chars(text.data() + i, last, byte, 16);
    if (error != std::errc{} || end != last || !secret.push_back(byte)) return std::nullopt;
  }
  return secret;
}

}  // namespace natlens::decode
