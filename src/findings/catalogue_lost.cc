// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"NAT-DROP-OUT", "error", "2", 1, "Leaves the inside, never appears outside",
     "connects time out; the server never heard of the client.",
     "variant=flow: a connection opened at A (SYN, or first UDP/ICMP) of which every frame "
     "in direction out is lost(A->B), with at least whole_flow_tries transmissions (TCP, "
     "retried UDP) or one transmission and udp_answer_wait of silence. variant=packets: in a "
     "paired translation, lost sequence ranges or digests out at least 3 and ratio > "
     "loss_warn (error above loss_err). variant=port: all flows to one (protocol, "
     "destination port) lost, others pass: policy.",
     "packets to the NAT itself (DNS forwarder, transparent proxy, web interface): G7; "
     "another uplink exists (multi-WAN: the flow left by an interface that was not captured: "
     "confidence is likely only if the destination prefix was seen leaving by B); "
     "size-dependent loss -> MTU-BLACKHOLE; INVALID -> CT-INVALID; loss during capture loss.",
     "look at the filter rules for this protocol and port; nft monitor trace, conntrack -S, "
     "conntrack -C against nf_conntrack_max, rp_filter (nstat -az IPReversePathFilter), and "
     "at the link (tc -s qdisc).",
     "RFC 4787 §4; kernel counters conntrack -S (drop, insert_failed, early_drop, invalid), "
     "nft rule counters."},
    {"NAT-DROP-IN", "error", "2", 1, "Arrives outside for a live mapping, never appears inside",
     "requests leave, answers arrive at the outside, the client waits.",
     "frame at B in direction in whose tuple is the reply tuple of a translation with alive "
     "mapping; lost(B->A). Same variants and thresholds. Extra variant ttl: TTL at B at most "
     "1.",
     "replies after expiry (-> NAT-TIMEOUT-*, NAT-STALE-REJECT); replies from another "
     "address or port than asked (-> NAT-UNSOLICITED); retransmissions of segments that did "
     "arrive (count sequence ranges, not frames); out-of-window (-> CT-INVALID); oversize "
     "(-> MTU-*).",
     "check ct state invalid drop, missing established,related accept, rp_filter on the "
     "inside interface, ARP/ND failure of the inside host (does any inbound packet to this "
     "host pass?).",
     "RFC 5382 REQ-2, RFC 4787 §5."},
    {"NAT-UNSOLICITED", "info", "2", 1, "Inbound without mapping or permission, filtered",
     "scans; but also \"my peer's packets do not come in\".",
     "frame at B addressed to an external address of the NAT, no alive mapping for its "
     "destination endpoint, or mapping alive but the source is not permitted by the NAT's "
     "filtering behaviour; no image at A. variant: no-mapping, filtered-address, "
     "filtered-port, refused (the NAT answered RST or ICMP), probe (> 10 destination ports "
     "from one source in 10 s: a scan). Aggregate by (source, variant).",
     "the first packets of a server behind a port-forward that this capture has not seen "
     "succeed.",
     "nothing, unless an application expected it: then add a port-forward, PCP/UPnP mapping, "
     "or keepalives.",
     "RFC 4787 §5 REQ-8, RFC 5382 REQ-4 (silence for 6 s on unsolicited SYN), RFC 7857 §6."},
    {"NAT-REPLY-UNTRANSLATED", "error", "2", 1,
     "A reply is forwarded with the external address still in it",
     "client sees packets for a stranger's address; its kernel answers RST or ignores.",
     "frame at A in direction in whose destination is an external address of the NAT (or "
     "whose source is the internal address of a DNAT target in a reply of a translation that "
     "should show the forwarded address), i.e. the transport matches a translation at B but "
     "the address is not undone.",
     "hairpin traffic (legitimately addressed to the external address at A in direction "
     "out); bridged taps inside the same subnet as the external address (double NAT); "
     "asymmetric return that bypasses the NAT (variant=bypass when source MAC is not the "
     "NAT's).",
     "reply path must pass the same box and the same conntrack zone; check policy routing, "
     "ECMP, notrack, zones.",
     "RFC 3022 §2, RFC 4787 REQ-9a; conntrack INVALID packets are forwarded unchanged."},
    {"NAT-FORWARD-DEAD", "error", "2", 1, "A port-forward leads to silence or a reset",
     "\"port-forward does not work\".",
     "inbound connection at B to a forwarded endpoint (DNAT seen, ruleset, or user policy). "
     "variant=not-forwarded: no image at A. variant=silent: image at A, at least "
     "whole_flow_tries tries, no answer at A. variant=refused: RST or ICMP port unreachable "
     "from the inside host at A. variant=wrong-way: the inside host answers but not through "
     "the NAT (answer seen at A with a next-hop MAC other than the NAT, or no image at B). "
     "variant=backend: only some backends of a pool fail (rate per backend).",
     "the target answers only some sources (its own firewall): compare sources; SYN floods.",
     "by variant: forward rule missing; host down or firewalled; service not listening; "
     "inside host has another default gateway.",
     "RFC 5382 §4.3; ct status dnat accept in the forward chain."},
    {"PATH-LOST-BEYOND", "warning", "1+", 1, "Left the NAT correctly, lost farther on",
     "the NAT is blamed, wrongly.",
     "image at D present and valid (checksum good, TTL > 1), and the exchange fails there: "
     "SYN seen at B at least 2 times, no packet of the reply tuple at B; or data at B "
     "retransmitted RTO-like without acknowledgement at B. Direction in: image at A present, "
     "no answer at A (the inside host is silent). One tap B alone suffices (likely).",
     "reply arrives at B after the capture ends; asymmetric return path that does not pass B "
     "(-> PATH-ASYMMETRIC first).",
     "next tap farther out; traceroute with the same ports; ask the far side with the "
     "external tuple and the UTC time.",
     "RFC 6298 (RTO), RFC 9293 §3.8.3."},
    {"PATH-NOT-REACHED", "error", "2", 1, "Sent by a host, never arrived at the NAT",
     "host says it sends; nothing at the NAT.",
     "needs a tap H at the host (or another segment) and A: lost(H->A) for the direction "
     "towards the NAT, with G7 (next hop of the frame is the NAT's MAC, or routed via). Same "
     "variants as NAT-DROP-OUT. From outside: seen at a far tap F, not at B.",
     "the frame's next-hop MAC is not the NAT (host uses another gateway: "
     "variant=other-gateway, this is the diagnosis); ARP unanswered before it (variant=arp).",
     "routing table and gateway of the host, VLAN, ARP, switch ACL; outside: ISP filter, "
     "wrong public address in DNS.",
     ""},
    {"PATH-ASYMMETRIC", "warning", "1+", 1, "A tap sees one direction only",
     "one-way connections; stateful devices drop.",
     "a connection at one tap with at least 10 packets (or complete TCP handshake inferred "
     "from acknowledgements) in one direction and none in the other, while acknowledgement "
     "numbers in the seen direction advance (the other direction exists elsewhere). Tap-wide "
     "variant if > 5 % of connections with at least 10 packets, restricted to certain "
     "prefixes (variant=prefix), else variant=connection. With two taps: out via B1, in via "
     "B2.",
     "unidirectional UDP (syslog, RTP receive-only, NetFlow): needs acknowledgement "
     "evidence; capture filter by direction; unicast flooding of a switch (seen MAC is not "
     "ours).",
     "make routes symmetric, or pin flows (policy routing by mark, ECMP hash symmetric), or "
     "exempt from stateful filtering.",
     "RFC 3022 §1 (both directions through the same NAT); sysctl rp_filter, "
     "nf_conntrack_tcp_loose."},
};

std::span<const CodeEntry> lost_entries() {
  return kEntries;
}

}  // namespace natlens::findings
