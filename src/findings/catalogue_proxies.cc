// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"PROXY-CLOSE-EARLY", "error", "2", 1,
     "One side closed before the other side's data arrived", "truncated downloads.",
     "FIN or RST to side 1 sent by the proxy while out(1) < bytes received from side 2 "
     "before or within 5 s after that moment, and side 2 had not finished (no FIN). variant: "
     "timeout (idle at least 10 s before: idle timer), rst (RST instead of FIN with "
     "undelivered data), shutdown-order.",
     "client closed first (proxy may abort).", "proxy's half-close/idle settings.",
     "RFC 9293 §3.6."},
    {"PROXY-HALF-CLOSE", "error", "2", 1, "A FIN is turned into a full close, or not passed on",
     "nc file | ... hangs, backup never ends.",
     "side 1 sends FIN (all in(1) done) and side 2 does not get a FIN within 2 s + RTT after "
     "its last byte (variant=not-propagated), or side 2 gets FIN and side 1 is also closed "
     "by the proxy before side 2's data ended (variant=turned-full). at least 2 connections "
     "or protocol that relies on it (SMTP, rsh, nc -N, HTTP/1.0 upload).",
     "TLS (close_notify semantics: FIN both sides is normal).", "",
     "RFC 9293 §3.6.1, RFC 1122 §4.2.2.13."},
    {"PROXY-BYTES-LOST", "error", "2", 1, "Bytes accepted on one side never left on the other",
     "data loss though \"sent\".",
     "both connections ended; out(2) < in(1) for direction 1->2 by more than 0 bytes and "
     "digests of the common prefix agree. error. variant=reordered/corrupt if digests differ "
     "at the same offset without ALG.",
     "receiver reset (side 2 RST); protocol headers added/removed by the proxy (SOCKS "
     "greeting, PROXY v1/v2, CONNECT): subtract the constant prefix.",
     "", "RFC 1928."},
    {"PROXY-FALSE-ACCEPT", "warning", "2", 1, "Local connect succeeds, remote connect fails",
     "port scans through the VM show every port open; connect() succeeds then dies.",
     "proxy completes the handshake with the client (SYN-ACK at A) before the remote connect "
     "is known, and the remote connect fails (SYN unanswered, RST, ICMP at B) later: client "
     "then gets RST/FIN with no data after delay_ms.",
     "remote accepted then closed.", "treat \"open\" with suspicion.",
     "slirp/passt differ (passt connects first)."},
};

std::span<const CodeEntry> proxies_entries() {
  return kEntries;
}

}  // namespace natlens::findings
