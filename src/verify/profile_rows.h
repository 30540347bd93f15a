// Requirements of RFCs for NATs, a row each, and how captures decide them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace natlens::verify {

enum class Level : std::uint8_t { kMust, kShould, kMay };

// How a row is decided.
enum class Decider : std::uint8_t {
  kBehaviour,  // a class of nat_behaviour is among `accepted`
  kTimeout,    // idle mappings live `seconds`
  kFinding,    // refuted by a finding; its absence proves nothing
  kAnswered,   // a flow of this protocol got its answer back: yes; outside only: no
  kEmbedded,   // NAT64: the IPv6 destination holds the IPv4 one
  kNotPassive  // needs configuration, load tests or the vendor's word
};

struct RequirementRow {
  std::string_view id;
  Level level = Level::kMust;
  std::string_view text;
  Decider decider = Decider::kNotPassive;
  std::string_view protocol = "";
  std::string_view what = "";      // property; finding codes with blanks
  std::string_view accepted = "";  // what values that fulfil it begin with, with '|'; =: whole
  double seconds = 0;
  std::string_view needs = "";  // traffic that decides it; "" = the property's own
};

// "rfc4787", "rfc5382", "rfc5508", "cgn-rfc6888", "nat64-rfc6146".
std::span<const RequirementRow> requirements_of(std::string_view profile);

}  // namespace natlens::verify
