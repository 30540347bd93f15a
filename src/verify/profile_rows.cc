// Wordings are short: the RFC has the full one. Updates by RFC 7857 are folded in.
#include "profile_rows.h"

#include <array>

namespace natlens::verify {
namespace {

using D = Decider;
using L = Level;

constexpr std::string_view kIndependent = "endpoint-independent";
constexpr std::string_view kPaired = "paired|one external address";
constexpr std::string_view kIdle = "a server that speaks again after a longer silence, twice";
constexpr std::string_view kErrors = "an ICMP error from outside for a live mapping";
constexpr std::string_view kBig = "datagrams larger than the outgoing MTU, with and without DF";
constexpr std::string_view kOutside = "cannot be seen in captures";

constexpr RequirementRow kUdp[] = {
    {"RFC4787 REQ-1", L::kMust, "mapping independent of the remote endpoint", D::kBehaviour,
     "udp", "mapping", kIndependent},
    {"RFC4787 REQ-2", L::kShould, "one external address for each inside host", D::kBehaviour,
     "", "pooling", kPaired},
    {"RFC4787 REQ-3", L::kMust, "no port overloading", D::kBehaviour, "udp", "port_overloading",
     "no"},
    {"RFC4787 REQ-3a", L::kShould, "changed ports stay in 0-1023 or 1024-65535", D::kFinding,
     "udp", "NAT-PORT-PARITY", "", 0, "20 flows whose port was changed"},
    {"RFC4787 REQ-4", L::kShould, "ports keep their parity", D::kBehaviour, "udp",
     "port_parity", "kept"},
    {"RFC4787 REQ-5", L::kMust, "UDP mappings live 2 minutes or more", D::kTimeout, "udp",
     "timeout", "", 120, kIdle},
    {"RFC4787 REQ-5c", L::kShould, "UDP mappings live 5 minutes or more by default",
     D::kTimeout, "udp", "timeout", "", 300, kIdle},
    {"RFC4787 REQ-6", L::kMust, "outbound packets refresh a mapping", D::kNotPassive, "udp", "",
     "", 0, "one-way streams from inside that last longer than the timeout"},
    {"RFC4787 REQ-7", L::kMust, "overlapping inside and outside addresses", D::kFinding, "",
     "NAT-ADDRESS-OVERLAP", "", 0, "the same prefix on both sides"},
    {"RFC4787 REQ-8", L::kShould, "filtering endpoint-independent or address-dependent",
     D::kBehaviour, "udp", "filtering", "endpoint-independent|address-dependent"},
    {"RFC4787 REQ-9", L::kMust, "hairpinning", D::kBehaviour, "udp", "hairpinning", "yes"},
    {"RFC4787 REQ-9a", L::kMust, "hairpinning shows the external source", D::kBehaviour, "udp",
     "hairpinning", "=yes"},
    {"RFC4787 REQ-10", L::kShould, "no application gateway for UDP", D::kFinding, "udp",
     "ALG-ACTIVE", "", 0, "SIP or H.323 with private addresses in the payload"},
    {"RFC4787 REQ-11", L::kMust, "the behaviour never changes", D::kBehaviour, "udp",
     "determinism", "yes"},
    {"RFC4787 REQ-12", L::kMust, "ICMP errors do not end a mapping", D::kFinding, "",
     "ICMP-KILLS-MAPPING", "", 0, kErrors},
    {"RFC4787 REQ-12b", L::kShould, "Destination Unreachable is passed in", D::kFinding, "",
     "ICMP-ERROR-LOST", "", 0, kErrors},
    {"RFC4787 REQ-13", L::kMust, "too big with DF: fragmentation needed is answered",
     D::kFinding, "", "MTU-BLACKHOLE", "", 0, kBig},
    {"RFC4787 REQ-14", L::kMust, "fragments pass in and out of order", D::kFinding, "",
     "FRAG-DROPPED", "", 0, kBig},
};

constexpr RequirementRow kTcp[] = {
    {"RFC5382 REQ-1", L::kMust, "mapping independent of the remote endpoint", D::kBehaviour,
     "tcp", "mapping", kIndependent},
    {"RFC5382 REQ-2", L::kMust, "every valid TCP sequence passes", D::kFinding, "tcp",
     "NAT-DROP-OUT NAT-DROP-IN CT-INVALID", "", 0, "TCP connections of all kinds"},
    {"RFC5382 REQ-2a", L::kMust, "simultaneous open passes", D::kFinding, "tcp",
     "TCP-SIMULTANEOUS-OPEN", "", 0, "two ends that send SYN at once"},
    {"RFC5382 REQ-3", L::kShould, "filtering endpoint-independent or address-dependent",
     D::kBehaviour, "tcp", "filtering", "endpoint-independent|address-dependent"},
    {"RFC5382 REQ-4", L::kMust, "an unsolicited SYN is not answered within 6 s", D::kFinding,
     "tcp", "NAT-UNSOLICITED", "", 0, "a SYN from outside to a closed external port"},
    {"RFC5382 REQ-5", L::kMust, "established connections live 2 h 4 min", D::kTimeout, "tcp",
     "timeout", "", 7440, kIdle},
    {"RFC5382 REQ-6", L::kShould, "no application gateway but for FTP", D::kFinding, "tcp",
     "ALG-ACTIVE", "", 0, "SIP over TCP with private addresses"},
    {"RFC5382 REQ-7", L::kMust, "no port overloading", D::kBehaviour, "tcp", "port_overloading",
     "no"},
    {"RFC5382 REQ-8", L::kMust, "hairpinning with the external source", D::kBehaviour, "tcp",
     "hairpinning", "=yes"},
    {"RFC5382 REQ-9", L::kShould, "ICMP type 3 is translated", D::kFinding, "tcp",
     "ICMP-ERROR-LOST", "", 0, kErrors},
    {"RFC5382 REQ-10", L::kMust, "ICMP does not end a mapping or connection", D::kFinding,
     "tcp", "ICMP-KILLS-MAPPING", "", 0, kErrors},
};

constexpr RequirementRow kIcmp[] = {
    {"RFC5508 REQ-1", L::kMust, "queries from inside and their answers pass", D::kAnswered,
     "icmp", "", "", 0, "a ping from inside"},
    {"RFC5508 REQ-1a", L::kShould, "query ids map independent of the remote", D::kBehaviour,
     "icmp", "mapping", kIndependent},
    {"RFC5508 REQ-2", L::kMust, "query mappings live 60 s or more", D::kTimeout, "icmp",
     "timeout", "", 60, "echo replies that come after a minute of silence"},
    {"RFC5508 REQ-3", L::kShould, "ICMP errors with bad checksums are dropped", D::kNotPassive,
     "icmp", "", "", 0, "ICMP errors with a bad checksum"},
    {"RFC5508 REQ-4", L::kMust, "errors from outside: the quoted packet is translated too",
     D::kFinding, "icmp", "ICMP-INNER-UNTRANSLATED", "", 0, kErrors},
    {"RFC5508 REQ-5", L::kMust, "errors from inside: the quoted packet is translated too",
     D::kFinding, "icmp", "ICMP-INNER-UNTRANSLATED LEAK-PRIVATE-SOURCE", "", 0,
     "an ICMP error from an inside host"},
    {"RFC5508 REQ-6", L::kMust, "errors neither refresh nor delete a query's mapping",
     D::kFinding, "icmp", "ICMP-KILLS-MAPPING", "", 0, kErrors},
    {"RFC5508 REQ-7", L::kMust, "errors of hairpinned packets pass", D::kBehaviour, "icmp",
     "hairpinning", "yes"},
    {"RFC5508 REQ-8", L::kShould, "without resources: ICMP 3/13, and dropped", D::kFinding,
     "icmp", "NAT-ICMP-GENERATED", "", 0, "more mappings than the NAT has room for"},
    {"RFC5508 REQ-10a", L::kMust, "unreachable, time exceeded and echo pass", D::kFinding,
     "icmp", "ICMP-ERROR-LOST", "", 0, "a traceroute and a ping from inside"},
};

constexpr RequirementRow kCgn[] = {
    {"RFC6888 REQ-2", L::kMust, "one external address for each subscriber, over all protocols",
     D::kBehaviour, "", "pooling", kPaired},
    {"RFC6888 REQ-3", L::kMust, "a pool of any size, not contiguous", D::kNotPassive, "", "",
     "", 0, kOutside},
    {"RFC6888 REQ-4", L::kMust, "limits of ports for each subscriber", D::kFinding, "",
     "NAT-PORT-EXHAUSTED", "", 0, "3 subscribers that use up their ports"},
    {"RFC6888 REQ-5", L::kShould, "limits of memory for each subscriber", D::kNotPassive, "",
     "", "", 0, kOutside},
    {"RFC6888 REQ-6", L::kMust, "translation can be off for a destination", D::kNotPassive, "",
     "", "", 0, "flows to a destination that is exempt"},
    {"RFC6888 REQ-7", L::kShould, "filtering endpoint-independent", D::kBehaviour, "udp",
     "filtering", kIndependent},
    {"RFC6888 REQ-8", L::kShould, "a freed port rests for 120 s", D::kFinding, "",
     "NAT-PORT-REUSED", "", 0, "ports that come free while others are wanted"},
    {"RFC6888 REQ-9", L::kMust, "a protocol to ask for mappings, as PCP", D::kNotPassive, "",
     "", "", 0, "a PCP request from inside"},
    {"RFC6888 REQ-10", L::kShould, "can be managed", D::kNotPassive, "", "", "", 0, kOutside},
    {"RFC6888 REQ-11a", L::kMust, "without resources: dropped", D::kFinding, "",
     "NAT-PORT-OVERLOADED", "", 0, "more mappings than there are ports"},
    {"RFC6888 REQ-11d", L::kMust, "mappings are not deleted to make room", D::kFinding, "",
     "CT-TABLE-FULL", "", 0, "more mappings than there is room for"},
    {"RFC6888 REQ-12", L::kShould, "destinations are not logged", D::kNotPassive, "", "", "", 0,
     kOutside},
    {"RFC6888 REQ-13", L::kShould, "ports are used well and are hard to guess", D::kFinding, "",
     "NAT-PORT-PREDICTABLE", "", 0, "50 flows whose port was changed"},
};

constexpr RequirementRow kNat64[] = {
    {"RFC6146 s3.4 fragments", L::kMust, "fragments pass out of order", D::kFinding, "",
     "FRAG-DROPPED", "", 0, kBig},
    {"RFC6146 s3.5.1", L::kMust, "UDP sessions live 2 minutes or more", D::kTimeout, "udp",
     "timeout", "", 120, kIdle},
    {"RFC6146 s3.5.1.1", L::kShould, "one IPv4 address for each IPv6 host", D::kBehaviour, "",
     "pooling", kPaired},
    {"RFC6146 s3.5.1.1 ports", L::kMust, "an IPv4 end is given to one host only", D::kBehaviour,
     "udp", "port_overloading", "no"},
    {"RFC6146 s3.5.2.2", L::kMust, "TCP sessions live 2 h", D::kTimeout, "tcp", "timeout", "",
     7440, kIdle},
    {"RFC6146 s3.5.3", L::kMust, "ICMP queries live 60 s", D::kTimeout, "icmp", "timeout", "",
     60, kIdle},
    {"RFC6146 s3.5.4", L::kMust, "addresses hold each other (RFC 6052)", D::kEmbedded, "", "",
     "", 0, "a connection of an IPv6 host through the NAT64"},
    {"RFC6146 s3.8", L::kMust, "hairpinning", D::kBehaviour, "udp", "hairpinning", "yes"},
    {"RFC6146 s5.2 udp", L::kMust, "mapping independent of the remote endpoint (UDP)",
     D::kBehaviour, "udp", "mapping", kIndependent},
    {"RFC6146 s5.2 tcp", L::kMust, "mapping independent of the remote endpoint (TCP)",
     D::kBehaviour, "tcp", "mapping", kIndependent},
};

}  // namespace

std::span<const RequirementRow> requirements_of(std::string_view profile) {
  if (profile == "rfc4787") return kUdp;
  if (profile == "rfc5382") return kTcp;
  if (profile == "rfc5508") return kIcmp;
  if (profile == "cgn-rfc6888") return kCgn;
  if (profile == "nat64-rfc6146") return kNat64;
  return {};
}

}  // namespace natlens::verify
