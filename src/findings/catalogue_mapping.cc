// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"NAT-MAPPING-SYMMETRIC", "warning", "2", 1, "Mapping depends on the destination",
     "WebRTC needs TURN, consoles show \"strict NAT\", peers cannot meet.",
     "mapping behaviour decided as address-dependent, address-and-port-dependent or "
     "connection-dependent for this NAT and protocol. warning if peer-to-peer traffic is "
     "present (STUN/ICE, BitTorrent DHT, game ports, WireGuard between two NATed peers), "
     "else info.",
     "two uplinks or a pool with different rules per destination (compare only within one "
     "external address; else variant pool); reuse of the internal port by a later socket "
     "after expiry; TCP on NATs that map per connection but UDP endpoint-independent: judge "
     "per protocol.",
     "remove random/fully-random/--random-fully; enable endpoint-independent mapping on "
     "CGN/firewall (\"persistent NAT\", \"full-cone\"); static port for the console; "
     "PCP/UPnP; TURN.",
     "RFC 4787 REQ-1, RFC 5382 REQ-1, RFC 6888 REQ-1. Linux: masquerade random, fully-random "
     "gave a new port per destination; plain masquerade kept one."},
    {"NAT-MAPPING-UNSTABLE", "warning", "2", 1, "Mapping behaviour changes with conflicts",
     "works for one host, not for the second; \"NAT type changes\".",
     "RFC 4787 §8: for one NAT and protocol there are internal endpoints with equal external "
     "endpoints for all destinations and others with different ones. variant=conflict: every "
     "change coincides with another translation that holds the same external endpoint to the "
     "same destination (Linux netfilter); variant=time, variant=unexplained otherwise.",
     "as for SYMMETRIC.",
     "use snat ... persistent with separate port ranges per host, or a NAT with true "
     "endpoint-independent mapping.",
     "RFC 4787 REQ-11. Seen: 10.0.0.2:6000 mapped to :6000 for the first destination, to a "
     "random port for a second destination where 10.0.0.3:6000 already held :6000, and to "
     "that random port for the third."},
    {"NAT-P2P-BLOCKED", "error", "2", 2, "Hole punching failed, and why",
     "no direct path, relay used or call fails.",
     "ICE/STUN or known hole punching: inside peer P learned mapped address M "
     "(XOR-MAPPED-ADDRESS at A), sends at least 3 checks to remote candidate R, and from R "
     "inbound checks to M arrive at B without image. Reasons, tested in this order, give the "
     "variant: symmetric-here (external endpoint towards R != M), symmetric-there (inbound "
     "arrives from R's address but another port than signalled), filter (exact R, M alive, "
     "refused), not-arrived (nothing from R at B: block beyond), timing (first inbound "
     "before first outbound and no later try), hairpin (R is on the same external address), "
     "reset (NAT answered the early SYN with RST within 6 s: RFC 5382 REQ-4 broken).",
     "ICE deliberately ended because a better pair won (a success response on another pair).",
     "by variant.", "RFC 8445, RFC 4787 REQ-1, REQ-8, RFC 5382 REQ-4, RFC 5128."},
    {"NAT-HAIRPIN", "warning/error", "1", 1,
     "Inside hosts cannot meet by their external addresses",
     "\"the site works from outside but not from inside\".",
     "frame at A, direction out, destination = external endpoint of this NAT that has an "
     "alive mapping or forward to internal X2:x2. variant=unsupported (error): no frame "
     "towards X2 at A (or X2's tap) within pair_window, at least whole_flow_tries. "
     "variant=internal-source (warning, error if a reset follows): image towards X2 has the "
     "internal source; in one subnet X2 answers directly, X1 sees SYN-ACK from X2:x2 and "
     "resets. variant=icmp: hairpinned ICMP error not delivered.",
     "destination is a service of the NAT itself; X2's answer on the same bridge is "
     "switched, not routed, so A may show both. With br_netfilter active, bridged replies do "
     "pass conntrack and hairpin without source NAT works; without it the signature at A is "
     "SYN to the external address, SYN to X2 with X1's own source, SYN-ACK from X2:x2 to X1, "
     "RST from X1 within microseconds, repeated after 1 s.",
     "add masquerade for LAN-to-LAN via the external address (ip saddr LAN ip daddr LAN "
     "oifname lan masquerade), or split DNS.",
     "RFC 4787 REQ-9, 9a; RFC 5382 REQ-8; RFC 5508 REQ-7; RFC 7857 §12."},
    {"NAT-POOL-ARBITRARY", "info/warning", "2", 2,
     "One inside host has several external addresses at once",
     "logins lost (\"your IP changed\"), RTP and RTCP from different addresses.",
     "one internal address with at least 2 external addresses of the pool at the same time "
     "(overlapping translations), same protocol, not explained by rules or uplinks. warning "
     "if SIP/RTP, FTP, banking-like multi-connection sessions to one server get different "
     "addresses; else info. variant=overflow when the first address had no free port (RFC "
     "7857 §4 soft pairing).",
     "multi-WAN policy by destination (variant=policy, info).",
     "snat to a-b persistent; paired pooling on CGN.",
     "RFC 4787 REQ-2, RFC 6888 REQ-2, RFC 7857 §4. Linux hashes source and destination "
     "unless persistent."},
    {"NAT-DOUBLE", "info", "1", 1, "The outside of this NAT is itself private",
     "port-forwards do nothing, UPnP \"succeeds\" without effect.",
     "external address of the inferred NAT is private or 100.64/10; or STUN responses at B "
     "show XOR-MAPPED-ADDRESS != the external address at B; or PCP/UPnP announces a private "
     "external address. One tap (B) is enough.",
     "lab networks where the \"internet\" is private: info only, never affects exit codes.",
     "bridge the first router, ask ISP for a public address, IPv6.", "RFC 6598, RFC 7021."},
    {"NAT-ADDRESS-OVERLAP", "error", "2", 2, "Inside and outside use the same prefix",
     "some remote hosts unreachable, always the same subnet.",
     "a prefix in use by hosts at A (ARP/ND, connected sources) overlaps a prefix used at B "
     "(ARP on B, next hop, or destinations answered at B), and a packet at A to that prefix "
     "never leaves. VPN form: pushed route overlaps LAN.",
     "same host on both taps (bridge).", "renumber one side; NETMAP.", "RFC 4787 REQ-7."},
};

std::span<const CodeEntry> mapping_entries() {
  return kEntries;
}

}  // namespace natlens::findings
