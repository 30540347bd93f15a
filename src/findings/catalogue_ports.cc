// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"NAT-PORT-EXHAUSTED", "error", "2", 1,
     "No free external port for this destination, subscriber or pool",
     "under load new connections time out at random, worse to one popular server; existing "
     "ones are fine.",
     "new flows from at least 1 inside hosts lost(A->B) (or answered by NAT ICMP 3/13, 3/1) "
     "while at that moment the relevant port space is used up to the highest level ever seen "
     "and at least 95 % of its inferred size, and flows outside the scope still succeed (the "
     "control). Scope decides the variant: destination (external address, protocol, remote "
     "endpoint: NATs that may share ports between destinations: Linux, AWS, Azure), address "
     "(external address, protocol: endpoint-independent NATs), block (subscriber's port "
     "block), pool. Test the narrowest scope that explains all failures and is contradicted "
     "by no success. Size: from ruleset (snat to x:1024-65535), observed min-max range, "
     "block size, or known product (64512, 55000, 50000, 1008 ...).",
     "failures independent of destination and scope -> CT-TABLE-FULL; a dead server (no "
     "success to it by anyone) -> PATH-LOST-BEYOND; client ephemeral ports exhausted (the "
     "client sends nothing: not visible as loss).",
     "more external addresses, wider range, connection reuse (HTTP keep-alive), shorter "
     "TIME-WAIT on the NAT, per-host limits.",
     "RFC 6888 REQ-4, REQ-11, RFC 7857 §4, RFC 6269. Linux drops silently: with a pool of 4 "
     "ports the fifth flow to the same destination got no packet out and no ICMP, conntrack "
     "-S counted insert_failed and drop, and the same source reached another destination at "
     "once."},
    {"NAT-PORT-OVERLOADED", "error", "2", 1,
     "Two inside endpoints share one external endpoint to one destination",
     "two hosts kill each other's sessions; crossed answers.",
     "at the same time two translations with different internal endpoints, equal (protocol, "
     "external endpoint, remote endpoint), both with at least 1 outbound image; or an "
     "inbound packet delivered to an internal endpoint that never contacted the sender while "
     "another did through the same external endpoint (variant=crossed).",
     "sequential use after close or expiry (-> NAT-PORT-REUSED); one host's old and new "
     "socket; wrong pairing: require both translations certain.",
     "firmware bug or two NAT rules competing; report to vendor.",
     "RFC 4787 REQ-3, RFC 5382 REQ-7."},
    {"NAT-PORT-SHARED", "info", "2", 2,
     "One external port serves several inside endpoints to different destinations",
     "logs with address and port but without destination cannot identify the host.",
     "same external endpoint used at the same time by different internal endpoints towards "
     "different remote endpoints (allowed overlapping). info.",
     "OVERLOADED.", "log destination or use persistent/block allocation.",
     "RFC 7857 §3, RFC 6302 (servers should log source port and time). Linux does this by "
     "default."},
    {"NAT-PORT-PARITY", "info", "2", 2, "Parity or port range not kept", "",
     "over at least 20 mappings whose port was not preserved: parity kept in < 90 % "
     "(variant=parity); or internal port < 1024 mapped to at least 1024 or the reverse "
     "(variant=range); or RTP/RTCP pair (p, p+1) not mapped to (q, q+1) "
     "(variant=contiguity). info; warning if RTCP of such a pair is lost.",
     "preserved ports.", "a=rtcp (RFC 3605), rtcp-mux.",
     "RFC 4787 REQ-3a, REQ-4, §4.2.3; RFC 7857 §8; RFC 7753 (PORT_SET with parity). Linux "
     "keeps ranges 1-511, 600-1023, 1024-65535 but not parity."},
    {"NAT-PORT-REUSED", "warning", "2", 2, "An external port went to another host too soon",
     "sporadic connect failures to busy servers.",
     "external endpoint assigned to a different internal host < req_port_reuse_s after its "
     "previous mapping ended, and either an inbound packet of the old session is delivered "
     "to the new host (variant=crossed, warning) or the server still holds the old tuple in "
     "TIME-WAIT and answers the new SYN with an ACK or RST (variant=time-wait, warning), or "
     "TSval of the new SYN is lower than the last TSval on that tuple (variant=paws); else "
     "info.",
     "TCP sessions tracked to their end may be reused at once (REQ-8a); static blocks (8b).",
     "delay reuse, larger range.", "RFC 6888 REQ-8, RFC 6056 §2.3, RFC 6191."},
    {"NAT-PORT-PREDICTABLE", "info", "2", 2, "External ports are sequential", "",
     "at least 30 non-preserved assignments of one NAT; > 50 % of successive assignments "
     "differ by 1 or 2 (per address, per protocol, or per destination). info.",
     "blocks small enough to force neighbours (measure within the block against its size).",
     "enable port randomisation.", "RFC 6056 §4, RFC 7857 §9, RFC 6888 REQ-15."},
    {"CGN-BLOCK", "info", "2", 1, "Ports are given in blocks per subscriber",
     "subscribers with many devices fail in the evening.",
     " Emitted once per NAT with block size, start alignment, subscribers per address, "
     "blocks per subscriber, deterministic or not. warning variant=full if a subscriber's "
     "use reaches at least 95 % of its block(s) without failures yet (failures -> "
     "NAT-PORT-EXHAUSTED scope block).",
     "OS ephemeral ranges preserved by the NAT look like blocks: use only non-preserved "
     "assignments.",
     "size blocks to p99 of use.", "RFC 6888 REQ-4, 13-15, RFC 7422, RFC 6431."},
};

std::span<const CodeEntry> ports_entries() {
  return kEntries;
}

}  // namespace natlens::findings
