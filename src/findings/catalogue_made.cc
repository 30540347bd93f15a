// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"NAT-RST-GENERATED", "warning/error", "1+", 1,
     "The NAT, not the peer, reset the connection",
     "\"connection reset by peer\", and the peer's log shows nothing.",
     "RST at tap X for a connection, orphan (no pre-image at the other tap within "
     "pair_window before it). Signature that raises confidence from likely to certain: TTL "
     "differs from the peer's usual value at X by at least 2 or equals a default (64, 128, "
     "255) exactly; IP ID 0 or another sequence; window 0; no TCP options although the peer "
     "uses timestamps. One tap: signature only (possible). variant: reject (answers the "
     "first SYN; policy), expired (after idle; see NAT-STALE-REJECT), limit (burst of new "
     "connections), proxy (the pair is proxy), idle-teardown (RST to both sides at the same "
     "time: firewall times out and tells). error if it ended a connection with data in "
     "flight, else warning.",
     "peer's RST lost in capture at the other tap (G2); RST by the peer's own firewall (TTL "
     "equals the peer's); SYN proxy.",
     "find the reject rule or timeout in the NAT; prefer keepalives.",
     "RFC 5382 §4.3 (no answer to inbound SYN for 6 s), §5 (a NAT may RST when it abandons); "
     "RFC 7857 §2.2."},
    {"NAT-ICMP-GENERATED", "warning", "1+", 1, "The NAT answered with an ICMP error",
     "\"no route to host\", \"administratively prohibited\", or silent failure if the client "
     "ignores ICMP.",
     "ICMP error at tap X, orphan, quoting a packet seen at X. variant by type/code: "
     "prohibited 3/9,10,13 or 1/1,5,6 (v6); net-unreachable 3/0; host-unreachable 3/1; "
     "port-unreachable 3/3; frag-needed 3/4, PTB; ttl 11/0; reassembly 11/1. Source address "
     "is one of the NAT's, or TTL at X is a default value.",
     "routers behind the NAT whose error was forwarded (has a pre-image); port unreachable "
     "for NAT-UNSOLICITED (that finding owns it); frag-needed is healthy PMTUD: info, and "
     "control for MTU-BLACKHOLE.",
     "by code: 13 -> rule; 1 in bursts -> pool exhausted or neighbour unresolved; 11 -> "
     "traceroute or loop.",
     "RFC 5508 REQ-8 (code 13 on resource or policy), RFC 6888 REQ-11 (code 1, soft error), "
     "RFC 4787 REQ-13, RFC 1812 §4.3."},
    {"NAT-STALE-REJECT", "warning", "2", 1,
     "Late packets of a forgotten connection are rejected",
     "idle session dies at the next keystroke; server log \"reset by peer\", client never "
     "reset.",
     "inbound (or outbound) non-SYN packet of a translation whose mapping was forgotten: "
     "last packet idle_before ago, no image on the other side, answered at the same tap by "
     "RST (TCP) or ICMP port unreachable (UDP) from the NAT's external address. Also: "
     "outbound mid-stream packet picked up with a new external port, and the server resets "
     "it.",
     "RST for packets after a normal close (FIN both ways at least 1 s ago): info.",
     "raise the NAT's timeout or send keepalives at less than half of it "
     "(net.ipv4.tcp_keepalive_time, SO_KEEPALIVE).",
     "RFC 5382 §5 (handling without mapping is implementation-defined); AWS and Azure NAT "
     "gateways answer with RST only when traffic arrives after the idle timeout; "
     "nf_conntrack_tcp_loose=1 picks up mid-stream."},
};

std::span<const CodeEntry> made_entries() {
  return kEntries;
}

}  // namespace natlens::findings
