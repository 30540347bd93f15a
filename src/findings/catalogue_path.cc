// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"PATH-LOOP", "error", "1", 1, "The same packet passes a tap again and again",
     "link full, \"TTL exceeded\".",
     "same packet (source, destination, protocol, IP ID, transport bytes, payload digest) at "
     "least 3 times at one tap with TTL falling by a constant step at least 1, often ended "
     "by ICMP 11/0. Hairpin twice is not a loop. variant=nat-loop if its addresses change on "
     "each turn (CGN hairpin loop, RFC 6146 §5.4).",
     "retransmission (TTL equal); duplicates of SPAN (TTL equal); traceroute (TTL rising, id "
     "differs).",
     "missing blackhole route for the NAT pool or for unused port-forward prefix.",
     "RFC 1812 §5.3.1."},
    {"PATH-TTL", "info/warning", "2", 2, "TTL not lowered by exactly what routing says",
     "some hosts unreachable only from far away.",
     "per translation and direction, TTL_U - TTL_D. 1 is a routed NAT; 0 bridged or "
     "TTL-preserving; at least 2 hidden hops; negative or constant value at D = reset to a "
     "fixed TTL (variant=normalised: hotspot hiding, proxy, pf min-ttl/set-tos style rules). "
     "warning if it varies within one connection (variant=flapping: path changes) or D's TTL "
     "at most 3 (variant=nearly-expired).",
     "tunnels (inner TTL lowered once per virtual hop).", "",
     "RFC 1812 §5.3.1, RFC 7915 §4.1 (translator lowers too)."},
    {"PATH-DSCP", "info", "2", 2, "DSCP or ECN rewritten", "voice not prioritised.",
     "DSCP or ECN differs between U and D for at least 90 % of a class of packets (at least "
     "20). variant: dscp-bleached (-> 0), dscp-remapped, tos-legacy (only upper 3 bits "
     "kept), ecn-bleached (ECT lost), ce-lost (CE -> not CE, warning: congestion signal "
     "destroyed), ce-invented on not-ECT (warning). Tunnels: outer versus inner by RFC "
     "6040/2983 modes.",
     "NAT's own packets (0xc0).", "trust or copy DSCP.",
     "RFC 2474, RFC 2983, RFC 3168, RFC 6040, RFC 5508 §7.7."},
    {"PATH-LATENCY", "warning", "2", 1, "Slow or jittery transit through the NAT",
     "\"the VPN is slow\".",
     "transit time image(p) - p, corrected clock, per direction and 1 s window. "
     "variant=spike: > latency_spike, at least 3 packets or at least 1 flow-start; "
     "variant=high: p50 > 5 ms through a NAT on one machine; variant=jitter: p99 - p50 > 30 "
     "ms while at least 1 % of packets are < 2 ms; variant=first-packet: first packet of "
     "flows median > 10 x others (slow path, conntrack insertion, neighbour resolution: 1 s "
     "and 3 s steps are ARP/ND retries); variant=queue: transit grows with bytes in flight "
     "in one direction and drains (bufferbloat: report estimated buffer = rate x delay).",
     "GRO/TSO: compare first byte to first byte (frame end times differ by serialisation); "
     "clock step (CAP-CLOCK); proxy pairs.",
     "fq_codel/cake on the slower link; CPU of the NAT; flow offload.", "RFC 7679 (terms)."},
    {"PATH-REORDERED", "warning", "2", 2, "The NAT reorders or duplicates",
     "throughput low without loss.",
     "order of images differs from order of pre-images within one connection and direction "
     "(RFC 4737 reordered ratio) > 0.5 % and at least 10, while U itself is in order; "
     "variant=duplicated: two images within 1 ms with equal TTL not present at U. error when "
     "fast retransmits follow that were not losses.",
     "capture writes per-CPU buffers out of order (same timestamps ± 50 us: sort first); "
     "SPAN duplicates.",
     "RSS/RPS per flow, single queue for the tunnel.", "RFC 4737."},
    {"LB-AFFINITY-BROKEN", "warning", "2", 2, "One client spread over several backends",
     "logged out at random.",
     "one service endpoint (destination NAT) with at least 2 backends. warning if the policy "
     "says sticky and one client address used > 1 backend within the affinity time; without "
     "policy: at least 95 % of clients with at least 5 connections stay with one backend and "
     "this one did not (outlier), or one UDP flow/QUIC connection id changes backend "
     "mid-flow (error, variant=mid-flow).",
     "backend removed (no client uses it later).", "source hash (jhash ip saddr), affinity.",
     "kube-proxy ClientIP affinity default 10800 s."},
};

std::span<const CodeEntry> path_entries() {
  return kEntries;
}

}  // namespace natlens::findings
