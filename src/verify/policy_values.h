// What policies are made of: addresses, ports, times, limits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/address.h"

#include "outcome.h"

namespace natlens::verify {

struct AddressSet {
  std::vector<std::pair<Address, Address>> ranges;  // first and last
  std::string tap;  // or everything that enters (leaves) at this tap
  bool any = false;
  bool contains(const Address& address) const;
};
std::string to_text(const AddressSet& set);

struct PortSet {
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ranges;  // none: any
  bool contains(std::uint16_t port) const;
};
std::string to_text(const PortSet& ports);

// "10.0.0.0/24", "10.0.0.1", "10.0.0.1-10.0.0.9", "any"; not names.
std::optional<AddressSet> parse_addresses(std::string_view text);
// "80", "1024-65535", "80,443".
std::optional<PortSet> parse_ports(std::string_view text);
// "120s", "2 min", "1.5h", "250ms".
std::optional<std::int64_t> parse_time(std::string_view text);  // ns
// "> 3", ">= 1", "< 60s": times in seconds.
std::optional<Threshold> parse_threshold(std::string_view text);
// "udp" in lower case, with spaces and underscores as '-': words are compared so.
std::string plain_word(std::string_view text);
std::string duration_text(std::int64_t ns);

}  // namespace natlens::verify
