// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"MTU-BLACKHOLE", "error", "1+", 1, "Large DF packets vanish without ICMP",
     "handshake works, first large page hangs; SSH logs in and freezes at ls -l; TLS stalls "
     "after ClientHello with large certificates.",
     "per connection and direction by mtu_min_failures: IP length at most s always passes, "
     "at least S never (two taps: lost; one tap: never acknowledged and RTO-like), DF = 1 or "
     "IPv6, and within 3 s of the first failing packet no 3/4 or PTB quoting this connection "
     "is seen at the sender's side. Path estimate: s at most PMTU < S. where = between which "
     "taps. variant: no-icmp (none anywhere), icmp-lost (3/4 seen at D's side, not at U: "
     "ICMP-ERROR-LOST), icmp-ignored (reached the sender's tap, sender goes on with the same "
     "size for > 3 segments), icmp-wrong-mtu (announced MTU at least size that fails, or 0), "
     "recovered (sender lowered MSS itself: RFC 4821 probing, delay reported).",
     "deliberate probes: RFC 8899 / QUIC datagrams that grow step by step and are lost "
     "without stall; TSO frames (judge segments, not frames); plain random loss (large "
     "packets are only more numerous); receiver window 0; application pause.",
     "clamp MSS (tcp flags syn tcp option maxseg size set rt mtu), pass ICMP 3/4 and PTB, "
     "set the tunnel's MTU, tcp_mtu_probing=1.",
     "RFC 1191, RFC 8201, RFC 2923, RFC 4821, RFC 8899, RFC 8900, RFC 4459; RFC 4787 REQ-13, "
     "RFC 5508 §7.1; net.ipv4.tcp_mtu_probing."},
    {"MTU-MSS-TOO-BIG", "warning/error", "1+", 1, "MSS not clamped to the tunnel",
     "as above, before it hurts.",
     "SYN or SYN-ACK at the tap beyond which the path narrows carries MSS > PMTU - 40 (IPv4) "
     "or - 60 (IPv6) - mss_slack, PMTU known from: interface or tunnel overhead and an outer "
     "link of 1500; ICMP 3/4 seen for this destination; MTU-BLACKHOLE estimate; largest "
     "inner packet ever seen passing with a full-size cut-off; user value. Example: tunnel "
     "MTU 1400 -> MSS at most 1360 (v4), 1340 (v6); WireGuard over 1500 -> tunnel MTU "
     "1440/1420 -> MSS at most 1400/1380 (v4), 1380/1360 (v6). warning; error if full-size "
     "segments of such a connection are lost or fragmented. variant: not-clamped (same MSS "
     "both sides), clamped-too-little, one-direction.",
     "MSS 1460 with a sender that never sends full segments; PMTUD works (3/4 seen and "
     "obeyed): info.",
     "clamp on the tunnel interface in both directions.",
     "RFC 9293 §3.7.1, RFC 4459 §3.2; TCPMSS --clamp-mss-to-pmtu."},
    {"FRAG-DROPPED", "error", "2", 1, "Fragments do not pass",
     "large DNS/EDNS answers, RADIUS/EAP-TLS, SIP INVITE over UDP, IKE_AUTH with "
     "certificates fail; small ones work.",
     "all fragments of a datagram at U within 1 s (reassembly complete), no image of the "
     "datagram (whole or in any fragments) at D. Ratio over datagrams at least 20 %, at "
     "least 3 datagrams, while unfragmented packets of the same host pair pass. variant: "
     "all, out-of-order (only those whose first-arriving fragment has offset != 0), "
     "non-first (first passes, rest not), overlap, small-first (first fragment without full "
     "transport header), timeout (ICMP 11/1 from the NAT), df-fragments.",
     "missing fragments already at U (PATH-*); a NAT that reassembles: D shows one larger "
     "packet or other fragment sizes; Linux reassembles and refragments not larger than the "
     "largest original, in order, same ID; with br_netfilter the inside bridge tap shows the "
     "reassembled packet above the MTU.",
     "avoid fragments (EDNS 1232, IKE fragmentation, TCP), allow them.",
     "RFC 4787 REQ-14, RFC 6146 §3.4 (FRAGMENT_MIN 2 s), RFC 8900, RFC 6888 REQ-1; "
     "ipfrag_time 30, ipfrag_high_thresh, nf_conntrack_frag6_. AWS, Azure and Alibaba NAT "
     "gateways do not handle fragments (UDP)."},
    {"FRAG-ID-REUSED", "warning", "1", 2, "IP ID collisions behind the NAT",
     "rare corruption for NFS/UDP or large DNS.",
     "at B, two non-atomic datagrams with equal (source, destination, protocol, IP ID) and "
     "different content within 30 s, from different inside hosts, at least one pair "
     "interleaved. warning; error if the far side acknowledges or shows corrupted reassembly "
     "(checksum failure, ICMP 11/1).",
     "atomic datagrams (DF=1, unfragmented): ID has no meaning.",
     "rewrite IDs in the NAT, avoid fragments.",
     "RFC 3022 §6.3, RFC 6864 §5.3.1, RFC 7857 §10, RFC 4963."},
};

std::span<const CodeEntry> mtu_entries() {
  return kEntries;
}

}  // namespace natlens::findings
