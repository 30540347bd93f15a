// The ends that a translating statement may give to a packet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "natlens/ruleset/records.h"

#include "facts.h"

namespace natlens::ruleset {

// Addresses from `first` to `last`; ports where the statement names them.
struct Target {
  Address first;
  Address last;
  bool has_ports = false;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
};

struct Allowed {
  std::vector<Target> targets;
  bool any_address = false;  // the interface's address, which is not known
  bool told = true;          // false: a map's look-up cannot be told, so targets are too many
};

// `interface`: addresses of the interface that masquerade and redirect take.
Allowed allowed_by(const Nat& nat,
                   const Facts& facts,
                   const std::vector<Address>& interface,
                   bool source);

// Is the end (address, port) among them, coming from `port`? A port that no target names is
// any.
bool contains(const Allowed& allowed, const Address& address, std::uint16_t port, bool ports);
// "203.0.113.10-203.0.113.14:1024-65535", sorted, with " or " between.
std::string to_text(const Allowed& allowed);

}  // namespace natlens::ruleset
