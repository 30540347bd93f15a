// Small readers for text protocols. All stay within their view.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "natlens/net/address.h"
#include "natlens/net/bytes.h"

namespace natlens::stream {

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
// `start` in lower case.
inline bool begins_with(std::string_view text, std::string_view start) {
  if (text.size() < start.size()) return false;
  for (std::size_t i = 0; i < start.size(); ++i) {
    if (lower(text[i]) != start[i]) return false;
  }
  return true;
}
// The number at the start of `text`, which moves behind it.
inline std::optional<std::uint32_t> take_number(std::string_view& text, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value > most) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}
inline bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}
// What stands before the first of `ends`, which is left in `text`.
inline std::string_view take_until(std::string_view& text, std::string_view ends) {
  const std::size_t size = std::min(text.find_first_of(ends), text.size());
  const std::string_view out = text.substr(0, size);
  text.remove_prefix(size);
  return out;
}
inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// "192.0.2.1:80", "[2001:db8::1]:80", "example.com:80"; the port may be left out. The host is
// an address if it reads as one, else `name`.
struct HostPort {
  Endpoint endpoint;
  std::string_view name;
};
inline std::optional<HostPort> read_host_port(std::string_view text) {
  HostPort out;
  const bool bracket = take(text, '[');
  out.name = take_until(text, bracket ? "]" : ":");
  if (out.name.empty() || out.name.size() > 255 || (bracket && !take(text, ']'))) {
    return std::nullopt;
  }
  if (take(text, ':')) {
    const auto port = take_number(text, 65535);
    if (!port) return std::nullopt;
    out.endpoint.port = static_cast<std::uint16_t>(*port);
  }
  if (!text.empty()) return std::nullopt;
  if (const auto address = Address::parse(out.name)) {
    out.endpoint.address = *address;
    out.name = {};
  } else if (bracket) {
    return std::nullopt;
  }
  return out;
}

}  // namespace natlens::stream
