// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"LEAK-PRIVATE-SOURCE", "error", "1", 1, "Private source address on the outside",
     "ISP complains of RFC 1918 sources; RSTs from nowhere; sessions end without FIN for the "
     "server.",
     "frame at B, direction out (source MAC is the NAT's, or the packet has a pre-image at "
     "A), source address private or inside a prefix known to be inside, destination not "
     "private, and the pair is a NAT for that prefix. variant: invalid (the pre-image was "
     "INVALID for conntrack at A: say which rule: out of window, bad checksum, "
     "RST/FIN/SYN-ACK without entry), not-natted (whole flows: the NAT rule does not match; "
     "protocol or interface missing), early (first packets before the rule or entry "
     "existed), icmp (error for an unknown flow), spoofed (address belongs to no inside "
     "prefix), ula, cgn, link-local. One tap: private source while at least 80 % of packets "
     "with the same source MAC and direction have a non-private one (likely).",
     "the NAT's own external addresses (NAT-DOUBLE says so); transit or management networks "
     "where B is inside a larger private network (NAT-DOUBLE and destination private): skip "
     "unless the source belongs to A's prefixes; policy-exempted destinations (RFC 6888 "
     "REQ-6); VPN outer packets; frames of other hosts on a shared outside segment.",
     "ct state invalid drop in forward before anything else, plus oifname wan ip saddr { RFC "
     "1918, 100.64/10 } drop (or postrouting filter); check that the NAT rule covers all "
     "protocols (not only tcp/udp).",
     "RFC 1918 §3, RFC 6598 §3, BCP 38, RFC 6888 REQ-6. Conntrack never drops INVALID by "
     "itself: without a drop rule these left with the private source: data out of window, "
     "bad TCP checksum, bad UDP checksum, SYN-ACK, RST, FIN-ACK without entry, mid-stream "
     "data with tcp_loose=0, ICMP error for an unknown flow. Bare mid-stream ACK/data with "
     "tcp_loose=1 was translated."},
    {"LEAK-PRIVATE-DESTINATION", "warning", "1", 1, "Private destination sent to the outside",
     "internal names time out slowly; internal hosts visible to the ISP.",
     "frame at B, direction out, destination private, not in a prefix routed at B (no packet "
     "ever returns from it there). variant: routed-out (default route took it), split-tunnel "
     "(belongs to a VPN prefix), stun (ICE host candidates: normal, info).",
     "CGN or campus networks where private destinations outside are legal (answers seen).",
     "blackhole routes for unused private space.", "RFC 1918 §3."},
};

std::span<const CodeEntry> leaks_entries() {
  return kEntries;
}

}  // namespace natlens::findings
