// Flows that inside hosts opened through a source NAT, as rules on mappings and ports ask for
// them. X:x is the internal endpoint, X':x' the external one, Y:y the remote one (RFC 4787).
#pragma once

#include <cstdint>
#include <vector>

#include "rules.h"

namespace natlens::findings {

struct Mapped {
  std::uint32_t translation = kNone;  // index
  std::uint8_t protocol = 0;
  Endpoint internal;
  Endpoint external;
  Endpoint far;  // ICMP: port 0
  Timestamp start;
  Timestamp end;

  bool overlaps(const Mapped& other) const { return start <= other.end && other.start <= end; }
  bool preserved() const { return internal.port == external.port; }
};

// Of one NAT, by start. Port forwards are not among them.
std::vector<Mapped> mapped_by(const Picture& picture, const Nat& nat);

// What the NAT was found to do, or nullptr if that is undetermined.
const Behaviour* behaviour_of(const Picture& picture,
                              const Nat& nat,
                              std::uint8_t protocol,
                              std::string_view property);
inline Confidence confidence_of(const Behaviour& behaviour) {
  return behaviour.confidence == "certain" ? Confidence::kCertain : Confidence::kLikely;
}
// Protocols for which there is an answer, 0 among them.
std::vector<std::uint8_t> protocols_of(const Picture& picture, const Nat& nat);

// A finding about the NAT itself.
Draft nat_draft(std::string_view code, const Nat& nat, Severity severity);
// The first frames of a translation at both taps, and what it is about.
void show(const Picture& picture, std::uint32_t translation, Role role, Draft& draft);

}  // namespace natlens::findings
