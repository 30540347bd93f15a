// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"NAT-TIMEOUT-UDP", "warning", "2", 1, "UDP mapping gone before 2 minutes",
     "calls lose audio after a silence, games disconnect, QUIC/WireGuard stalls, incoming "
     "pushes missing.",
     "class udp with U + timeout_slack < req_udp_s, U from at least 2 independent mappings, "
     "or from 1 plus NAT-STALE-REJECT or a changed external port. variant: unreplied, "
     "single-exchange (one request, one answer), stream. warning if an application packet "
     "was actually refused because of it, else info. variant=refresh: outbound packets do "
     "not renew (REQ-6 broken).",
     "destination ports 0-1023 may have shorter application timers (REQ-5a): DNS, NTP are "
     "exempt; server stopped sending; filtered source; NAT reboot (-> NAT-STATE-LOST); "
     "client closed its socket (ICMP port unreachable from the client).",
     "NAT owner: raise to at least 120 s, better 300 s. Application: keepalive at most 25 s "
     "(WireGuard PersistentKeepalive = 25, STUN 15 s).",
     "RFC 4787 REQ-5, 5a-c, REQ-6; RFC 7857 §7; nf_conntrack_udp_timeout 30, _stream 120 "
     "(stream only once replied and still active 2 s after the first packet)."},
    {"NAT-TIMEOUT-TCP", "warning", "2", 1, "TCP mapping gone before its RFC 5382 time",
     "idle SSH or database connections hang or reset.",
     "U + timeout_slack < required, by phase: variant=established (req_tcp_est_s), opening "
     "(SYN seen, no ACK both ways), closing (FIN both ways), both req_tcp_trans_s; "
     "half-closed (FIN in one direction, data still possible in the other: established phase "
     "by RFC 5382 §5, so req_tcp_est_s). At least 1 refused live packet for established and "
     "half-closed.",
     "TIME-WAIT (exempt by RFC 5382 §5); RST seen earlier; endpoint itself timed out (its "
     "FIN or RST seen).",
     "TCP keepalive below U/2; raise the timer; on Linux raise "
     "nf_conntrack_tcp_timeout_close_wait for half-closed transfers.",
     "RFC 5382 REQ-5, RFC 7857 §2.1-2.2. Linux: established 432000, close_wait 60 "
     "(half-closed!), fin_wait 120, last_ack 30, syn_sent 120, syn_recv 60; max_retrans and "
     "unacknowledged 300."},
    {"NAT-TIMEOUT-ICMP", "info", "2", 2, "Echo mapping gone before 60 s",
     "slow satellite pings \"lost\".",
     "echo reply arriving at B within 60 s of its request and refused; U < req_icmp_s. Needs "
     "a path or host slower than U.",
     "reply id or sequence never asked.", "raise; harmless for most.",
     "RFC 5508 REQ-2; Linux default 30 s, ASA 2 s."},
    {"NAT-KEEPALIVE-SLOW", "warning", "1+", 1,
     "Keepalive interval longer than the mapping lives",
     "works while busy, dies when idle; \"reconnects every few minutes\".",
     "a connection shows periodic small packets in one direction (at least 4, interval p, "
     "coefficient of variation < 0.2, payload at most 64 bytes or TCP keepalive: 0-1 byte at "
     "snd_nxt - 1, or known: STUN indication, WireGuard 32-byte data, 0xFF NAT-T, IKE "
     "INFORMATIONAL, SIP CRLF, MQTT PINGREQ) and p > U, or p > default of the identified NAT "
     "and an outage follows; also p > 0.8 x U as info. One tap: p > 120 s UDP or > 7440 s "
     "TCP (possible).",
     "keepalive only inbound (refreshes only if the NAT has inbound refresh; Linux does); "
     "keepalive of another layer also runs.",
     "set interval < U/2.",
     "RFC 8085 §3.5 (not below 15 s), RFC 3948 §4 (20 s), RFC 9308 §3.2 (30 s), RFC 1122 "
     "§4.2.3.6 (2 h default)."},
    {"NAT-MAPPING-CHANGED", "error", "2", 1,
     "The external endpoint changed during a connection",
     "mid-call audio loss, TCP reset in the middle, \"session IP mismatch\", QUIC path "
     "validation.",
     "one connection at A (same tuple, continuous sequence space, or same UDP tuple with gap "
     "< L) whose images at B have two different external endpoints in succession, no new "
     "handshake between. variant: port, address, both; cause: expired (gap at least U of the "
     "class), flush (several connections at the same moment -> NAT-STATE-LOST), failover "
     "(address changed for all), random (mapping per packet).",
     "same 4-tuple reused for a new TCP connection (new SYN, ISN outside window); two "
     "different UDP sockets in succession on the same port after > U.",
     "find what removed the entry: timeout, conntrack -F by a script, interface down/up "
     "(masquerade deletes its entries), HA failover without conntrackd.",
     "RFC 4787 REQ-1, RFC 5382 REQ-1. Seen: after conntrack -F under masquerade fully-random "
     "the next data segment left from another port; the server reset it and the reset "
     "travelled back to the client."},
    {"NAT-STATE-LOST", "error", "2", 1, "Many mappings vanished at one moment",
     "everyone was disconnected at 14:02.",
     "within 5 s, at least 5 mappings alive before and at least 80 % of those that carry "
     "traffic afterwards are refused, renumbered or answered by RST/ICMP; or no translation "
     "in either direction for a gap and then new external address. variant: flush (address "
     "same), address-change (external address changed), reboot (gap at least 5 s without any "
     "forwarding), failover (MAC of the NAT changed on A or B).",
     "a server that restarted (all lost connections share one remote): require at least 3 "
     "remotes.",
     "static SNAT instead of masquerade where the address is fixed; conntrackd; dampen the "
     "WAN link.",
     "RFC 6888 REQ-8 (after state loss do not reuse ports for 120 s); kernel "
     "nf_nat_masquerade flushes entries when its interface goes down or the address changes."},
};

std::span<const CodeEntry> life_entries() {
  return kEntries;
}

}  // namespace natlens::findings
