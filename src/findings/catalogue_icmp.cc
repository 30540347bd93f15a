// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"ICMP-INNER-UNTRANSLATED", "error", "2", 1,
     "The packet quoted in an ICMP error was not translated back",
     "traceroute shows stars or odd hops; PMTUD fails; private addresses visible to the "
     "world in ICMP.",
     "ICMP error with image. Direction in: quoted source at A must be the internal endpoint "
     "(address, port/id) of the mapping, outer destination the same; quoted IP header "
     "checksum valid. Direction out: quoted destination and outer source at B must be "
     "external. variant: inner-address, inner-port, outer-source (private router address as "
     "source outside), inner-checksum (quoted IP checksum wrong; quoted transport checksum "
     "alone is info), truncated (quoted < 8 transport bytes).",
     "errors sent by the NAT itself on its own side (quotes what that side sent).",
     "firmware bug; for outer-source ask for REQ-5c.",
     "RFC 5508 REQ-3, REQ-4a-c, REQ-5a-c; RFC 3022 §4.3."},
    {"ICMP-ERROR-LOST", "warning/error", "2", 1,
     "An ICMP error reached the NAT and was not forwarded",
     "slow failure instead of a fast error; black holes.",
     "ICMP error at U quoting a tuple with an alive mapping, lost(U->D). error for 3/4 and "
     "PTB (then MTU-BLACKHOLE is explained by it), warning for other 3/x and 11/x, info for "
     "source quench, redirect (need not pass).",
     "quoted tuple has no mapping (silent drop is right, REQ-4); rate limiting (some of many "
     "equal errors pass: RFC 1812 §4.3.2.8); bad ICMP checksum at U.",
     "allow icmp type { destination-unreachable, time-exceeded }, ICMPv6 types 1-4; ct state "
     "related accept.",
     "RFC 5508 REQ-4, 5, 10; RFC 4787 REQ-12a-b; RFC 5382 REQ-9; RFC 4890 (v6: PTB must "
     "pass)."},
    {"ICMP-KILLS-MAPPING", "warning", "2", 2, "An ICMP error ended a mapping",
     "one unreachable kills a call.",
     "after an ICMP error for a mapping (other than one followed by RST/FIN), the mapping is "
     "refused or renumbered earlier than L since its last packet; at least 2 cases.",
     "the host closed its socket because of the error.", "firmware.",
     "RFC 4787 REQ-12, RFC 5382 REQ-10, RFC 5508 REQ-6."},
};

std::span<const CodeEntry> icmp_entries() {
  return kEntries;
}

}  // namespace natlens::findings
