#include "policy_values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "natlens/ruleset/records.h"

namespace natlens::verify {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  text = trimmed(text);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::pair<Address, Address> range_of(const ruleset::Prefix& prefix) {
  ruleset::Number low = ruleset::number_of(prefix.address);
  ruleset::Number high = low;
  const unsigned all = prefix.address.is_v4() ? 32 : 128;
  for (unsigned bit = prefix.bits; bit < all; ++bit) {
    const unsigned at = 128 - all + bit;
    const auto mask = static_cast<std::uint8_t>(0x80U >> (at % 8));
    low[at / 8] = static_cast<std::uint8_t>(low[at / 8] & ~mask);
    high[at / 8] |= mask;
  }
  const auto address = [&](const ruleset::Number& n) {
    const std::span<const std::uint8_t, 16> bytes(n);
    return prefix.address.is_v4() ? Address::v4(bytes.last<4>()) : Address::v6(bytes);
  };
  return {address(low), address(high)};
}

// A number and the rest behind it.
std::optional<double> number_of(std::string_view& text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  text = trimmed(text);
  return value;
}

}  // namespace

bool AddressSet::contains(const Address& address) const {
  return any || std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
           return range.first.family() == address.family() && range.first <= address &&
                  address <= range.second;
         });
}

bool PortSet::contains(std::uint16_t port) const {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
           return range.first <= port && port <= range.second;
         });
}

std::string to_text(const AddressSet& set) {
  if (set.any) return "any";
  if (!set.tap.empty()) return "tap " + set.tap;
  std::string out;
  for (const auto& [first, last] : set.ranges) {
    out += (out.empty() ? "" : ", ") + to_string(first);
    if (last != first) out += "-" + to_string(last);
  }
  return out;
}

std::string to_text(const PortSet& ports) {
  std::string out;
  for (const auto& [first, last] : ports.ranges) {
    out += (out.empty() ? "" : ",") + std::to_string(first);
    if (last != first) out += "-" + std::to_string(last);
  }
  return out.empty() ? "any" : out;
}

std::optional<AddressSet> parse_addresses(std::string_view text) {
  text = trimmed(text);
  AddressSet set;
  if (text == "any") {
    set.any = true;
    return set;
  }
  const auto dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto first = Address::parse(trimmed(text.substr(0, dash)));
    const auto last = Address::parse(trimmed(text.substr(dash + 1)));
    if (!first || !last || first->family() != last->family() || *last < *first) {
      return std::nullopt;
    }
    set.ranges.emplace_back(*first, *last);
    return set;
  }
  const auto prefix = ruleset::parse_prefix(text);
  if (!prefix) return std::nullopt;
  set.ranges.push_back(range_of(*prefix));
  return set;
}

std::optional<PortSet> parse_ports(std::string_view text) {
  PortSet ports;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto part = text.substr(0, comma);
    const auto dash = part.find('-');
    const auto first = port_of(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : port_of(part.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    ports.ranges.emplace_back(*first, *last);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return ports.ranges.empty() ? std::nullopt : std::optional(ports);
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  const auto value = number_of(text);
  struct Unit {
    std::string_view name;
    double ns;
  };
  static constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                               {"us", 1e3},
                                               {"ms", 1e6},
                                               {"s", 1e9},
                                               {"min", 60e9},
                                               {"m", 60e9},
                                               {"h", 3600e9},
                                               {"d", 86400e9}}};
  if (!value || *value < 0) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (unit.name == text && *value * unit.ns < 9e18)
      return static_cast<std::int64_t>(*value * unit.ns);
  }
  return std::nullopt;
}

std::optional<Threshold> parse_threshold(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || (text.front() != '<' && text.front() != '>')) return std::nullopt;
  Threshold threshold{text.front(), false, 0};
  text.remove_prefix(1);
  if (!text.empty() && text.front() == '=') {
    threshold.equal = true;
    text.remove_prefix(1);
  }
  if (const auto time = parse_time(text)) {
    threshold.value = static_cast<double>(*time) / 1e9;
    return threshold;
  }
  const auto value = number_of(text);
  if (!value || !text.empty()) return std::nullopt;
  threshold.value = *value;
  return threshold;
}

std::string plain_word(std::string_view text) {
  std::string out;
  for (const char c : trimmed(text)) {
    out += c == ' ' || c == '_'
               ? '-'
               : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string duration_text(std::int64_t ns) {
  const double seconds = static_cast<double>(ns) / 1e9;
  if (ns < 1'000'000) return fmt::format("{:.3g} us", seconds * 1e6);
  if (ns < 1'000'000'000) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.4g} s", seconds);
}

}  // namespace natlens::verify
