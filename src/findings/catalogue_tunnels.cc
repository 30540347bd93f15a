// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"VPN-HANDSHAKE-FAILED", "error", "1", 1, "Tunnel never came up",
     "\"handshake did not complete after 5 seconds\".",
     "at least 3 initiations (WireGuard type 1, IKE_SA_INIT, OpenVPN hard reset, TLS/DTLS "
     "ClientHello to a VPN port, PPTP/L2TP SCCRQ) to one peer without response at the same "
     "tap. variant: no-answer (nothing back), answer-lost (response at the other tap), "
     "cookie (WireGuard type 3: responder under load), rejected (IKE NO_PROPOSAL_CHOSEN, "
     "AUTHENTICATION_FAILED, INVALID_KE...; OpenVPN alert), one-way-large (IKE_AUTH "
     "fragments lost -> FRAG-DROPPED), wrong-key (WireGuard: initiations arrive at the "
     "responder's tap and it stays silent: unknown key or clock before last timestamp), icmp "
     "(port unreachable).",
     "one lost initiation.", "by variant.", "RFC 7296 §2.1, WireGuard paper §5-6."},
    {"VPN-NO-DATA", "warning", "1+", 1, "Tunnel is up, nothing flows",
     "connected, nothing works.",
     "handshake complete (at least 1 both ways) and for at least 30 s no data packet other "
     "than keepalives in one or both directions. With the inner tap: inner packets towards "
     "the peer exist and no outer data (variant=routing: AllowedIPs or route, error). "
     "variant=idle if inner side is idle too: info. variant=one-direction.",
     "on-demand tunnels.",
     "AllowedIPs, ip_forward, masquerade of tunnel clients, firewall on the tunnel interface.",
     "WireGuard cryptokey routing."},
    {"VPN-INNER-LOST", "error", "2", 1, "Inner packets enter the tunnel and do not leave it",
     "VPN drops.",
     "tunnel pair of taps (inner tap I1, outer O, inner tap I2): lost(I1->O) inner packet "
     "has no outer packet of matching size and order; lost(O->O2) outer lost in transit "
     "(outer sequence or counter gap); lost(O2->I2) outer arrived, no inner came out "
     "(decryption or policy failure: wrong inner source for the SA, AllowedIPs, replay). "
     "variant: not-encapsulated, transit, not-decapsulated. Thresholds as NAT-DROP-OUT.",
     "compression or aggregation in the tunnel; inner broadcast.", "stage tells.", "-."},
    {"VPN-FLAPPING", "warning", "1", 1, "Tunnel renegotiates too often",
     "short drops every N minutes.",
     "renegotiations much more frequent than the protocol needs: WireGuard > 2 completed "
     "handshakes per 120 s per peer; IKE CHILD_SA rekey or new IKE_SA_INIT < 300 s apart at "
     "least 3 times; OpenVPN hard reset at least 3 in 10 min; DPD failures. variant: restart "
     "(session id or SPI new from scratch), rekey, timeout (preceded by silence at least "
     "dead-peer interval), roam, clash (both sides initiate each time), same-key (two "
     "endpoints alternate with one peer's identity: VPN-ROAMED alternating > 4 in 60 s).",
     "regular rekey at its period (WireGuard 120 s of use).",
     "NAT timeout versus keepalive (NAT-KEEPALIVE-SLOW), duplicate key.", "RFC 7296 §2.8."},
    {"VPN-ROAMED", "info", "1", 1, "A peer's outer endpoint changed", "none, or short stall.",
     "authenticated continuation (same receiver index/SPI/session or next handshake of the "
     "same peer) from another outer source endpoint. info; counts; cause: "
     "NAT-MAPPING-CHANGED at the client's NAT, network switch (address family or prefix "
     "changed), multipath.",
     "different peers behind one NAT.", "", "RFC 4555 (MOBIKE), WireGuard §2.1."},
    {"VPN-LEAK", "error", "1+", 1, "Traffic that belongs in the tunnel goes beside it",
     "traffic that should be private is not.",
     "while tunnel T is up (last authenticated packet < 180 s), at a tap on the underlay (B "
     "or the host's uplink): packet out that is not T's outer traffic, not to the VPN "
     "server, not local (DHCP, ARP, ND, LAN prefix), and whose destination is inside T's "
     "routed prefixes - learned from inner traffic seen through T (same destination or "
     "prefix /24, /48 within 10 min), given by policy, or default route (full tunnel: inner "
     "traffic covers at least 3 unrelated public prefixes and policy says full, or at least "
     "95 % of public bytes use T). variant: before-up (between link up and handshake), "
     "after-down (no kill switch), family (IPv6 beside an IPv4 tunnel), split (other "
     "destinations), same-flow (one inner connection continues in clear: certain), webrtc "
     "(STUN), icmp.",
     "split tunnelling by policy; endpoint probes of the VPN itself; OS captive-portal "
     "checks (info).",
     "policy routing / kill switch (oifname != wg0 drop for marked traffic), tunnel IPv6 too.",
     "RFC 7359."},
    {"VPN-DNS-LEAK", "error", "1+", 1, "DNS beside the tunnel", "geo or privacy test fails.",
     "VPN-LEAK for dns_ports or DoH/DoT endpoints known; variant: resolver (query to LAN/ISP "
     "resolver), duplicate (same query name inside and outside within 5 s: OS multi-homed "
     "resolution), mdns/llmnr.",
     "split DNS by policy (domains listed); resolution of the VPN server itself before start.",
     "resolver via tunnel, block 53/853 outside.", "RFC 7359 (same reasoning for IPv6)."},
    {"VPN-REPLAY", "warning", "1", 2, "Tunnel packets repeated or far out of window", "",
     "outer packet with the same authenticated counter seen again at the same tap (WireGuard "
     "receiver+counter, ESP SPI+seq, OpenVPN packet id in clear part) with equal bytes: "
     "variant=duplicate; counter older than window (WireGuard 8192 bits, 2048 in early "
     "versions; ESP usually 32-1024) behind the highest: variant=too-old (receiver will "
     "drop: warning, correlate with inner loss); counter restarts without new SPI/index: "
     "variant=reset (error).",
     "SPAN duplicates (G: duplicates of the tap are removed first); multi-queue senders "
     "reorder within window.",
     "enlarge replay window, fix QoS reordering after encryption.",
     "RFC 4303 §3.4.3, RFC 6479."},
    {"VPN-OUTER-FRAGMENTED", "warning", "1", 1, "Outer packets are fragmented", "slow VPN.",
     "outer datagrams of T fragmented > 1 % or > 20, either family. warning, error with "
     "FRAG-DROPPED.",
     "handshake packets only (IKE_AUTH): separate variant=handshake.",
     "lower tunnel MTU, clamp.", "RFC 4459 §3.1, RFC 7383 (IKE fragmentation)."},
    {"VPN-NESTED", "warning", "1+", 1, "Tunnel in tunnel", "MTU trouble, slow.",
     "decode shows at least 2 tunnel layers in one frame, or tunnel T2's outer flow is an "
     "inner flow of T1. info if prefixes differ; warning if MTU sum leaves < 1280 for inner "
     "IPv6 or the same protocol wraps the same endpoints (variant=recursive: the tunnel's "
     "own outer traffic routed into itself; error).",
     "", "host route to the VPN server.", "RFC 2473 §4."},
    {"VPN-INNER-MTU", "error", "2", 1, "Inner packets too big for the tunnel",
     "large transfers hang inside the VPN.",
     "inner packets at I1 with length > tunnel MTU (inferred: outer limit - overhead) and "
     "DF: no outer image; variant=no-icmp / icmp (PTB at I1: info) / fragmented-inner (inner "
     "fragments created). Is MTU-BLACKHOLE with place = tunnel entry.",
     "GSO packets at a TUN tap.", "ip link set mtu, clamp MSS.", "RFC 4459, RFC 4301 §8."},
    {"VPN-KEEPALIVE-MISSING", "warning", "1", 1, "No keepalive although a NAT is on the path",
     "server cannot reach client after idle.",
     "T's outer flow is NATed (pair A/B shows translation, or UDP 4500, or server sees "
     "changing ports), a silence on the outer flow longer than U of that NAT (or > 120 s) "
     "occurs, and after it the server side starts and is refused, or the client's next "
     "packet changes the mapping; no periodic keepalive seen. variant=natt (no 0xFF within 2 "
     "x 20 s), wireguard (no PersistentKeepalive), other.",
     "on-demand client that always speaks first.", "keepalive 20-25 s.",
     "RFC 3948 §4, RFC 7296 §2.23."},
    {"VPN-ESP-NAT", "error", "1+", 1, "Plain ESP or AH through a NAPT",
     "one user's VPN works, the second one's kicks the first out.",
     "IP protocol 50 or 51 through a translation (source address differs A/B) or towards a "
     "NATed peer. error for AH always; for ESP: at least 2 inside hosts to one peer (no "
     "ports: variant=ambiguous), inbound ESP at B without image at A (variant=inbound-lost), "
     "ESP although IKE detected NAT (payloads NAT_DETECTION_ mismatch, float to 4500 absent: "
     "variant=no-natt). info if one host only and both directions pass (IPsec passthrough).",
     "ESP between public addresses.", "force NAT-T (encap=yes).",
     "RFC 3715 §2, RFC 3948, RFC 7296 §2.23."},
    {"VPN-TCP-IN-TCP", "warning", "1+", 2, "Retransmission on two layers",
     "VPN collapses on lossy links.",
     "T's transport is TCP (OpenVPN tcp, SSTP, SSH -w, stunnel, IKE/ESP over TCP) and inner "
     "TCP at I1 shows RTO retransmissions of segments that later arrive at I2 anyway "
     "(spurious) during outer retransmission or outer zero window; at least 3 episodes. info "
     "once for merely using it.",
     "SSH port forwards (one TCP ends, another begins: proxy).", "UDP transport.",
     "RFC 9329 §9; O. Honda et al., \"Understanding TCP over TCP\", 2005."},
};

std::span<const CodeEntry> tunnels_entries() {
  return kEntries;
}

}  // namespace natlens::findings
