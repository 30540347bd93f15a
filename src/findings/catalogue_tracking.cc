// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"CT-INVALID", "error/warning", "2", 1,
     "Dropped or left untranslated because conntrack called it INVALID",
     "sporadic stalls or resets on busy or asymmetric paths; \"works with be_liberal\".",
     "the tool's own engine classifies the packet INVALID at U (with the kernel's reason) "
     "and the packet is lost or appears at D untranslated. variant = reason: seq-over "
     "(beyond receiver's window), ack-over (acknowledges data not seen), seq-under, "
     "ack-under (delayed), flags, new-not-syn (tcp_loose=0), rst (out of window), state "
     "(packet illegal in state, e.g. SYN-ACK from the client), checksum, short, "
     "icmp-unknown. error if the connection stalls > 1 s or ends, else warning.",
     "engine of the tool is wrong because the capture began mid-connection (entry picked up: "
     "window unknown: never raise within the first 3 packets each way of a picked-up entry) "
     "or lost frames (G2); the box is not Linux.",
     "find why: asymmetric routing, offload reordering, sequence rewriting upstream, peer "
     "exceeding window (kernels at least 6.1 tolerate a little overshoot); as a last resort "
     "be_liberal=1; always ct state invalid drop to prevent the leak that follows.",
     "kernel nf_conntrack_proto_tcp.c; nf_conntrack_tcp_be_liberal, _ignore_invalid_rst, "
     "_loose, _log_invalid."},
    {"CT-TABLE-FULL", "error", "2", 1, "New connections fail while old ones live; early drop",
     "everything new fails at once, ping included; log \"nf_conntrack: table full, dropping "
     "packet\".",
     "reconstructed number of live entries N(t) at A (all protocols, kernel timeouts) on a "
     "plateau: N within 5 % of its maximum for the whole failure interval; in it at least 20 "
     "first packets, at least 3 destinations, at least 2 protocols or at least 3 inside "
     "hosts lost, at least 50 % of first packets, while packets of ASSURED connections pass "
     "at least 99 %. likely; certain if N at least ct_full_ratio x a limit given by the "
     "user. Suspect limits are 65536, 131072, 262144 and their neighbours. "
     "variant=early-drop: before or instead of failures, entries that are not ASSURED "
     "(unanswered UDP/ICMP, SYN_SENT, SYN_RECV) are forgotten before their timeout: replies "
     "refused while idle < timeout, N near the plateau.",
     "uplink down (assured traffic fails too); PORT-EXHAUSTED (bound to a destination or "
     "address); N is a lower bound: other interfaces of the NAT also fill the table.",
     "raise max and buckets, lower tcp_timeout_established, find the flooding host, notrack "
     "for what needs none.",
     "nf_conntrack_max, nf_conntrack_buckets; early drop evicts only non-ASSURED entries "
     "from up to 8 hash chains, the collector starts above 95 %; RFC 6888 REQ-11d (MUST NOT "
     "delete existing mappings to make room), RFC 5508 REQ-8."},
    {"CT-CLASH", "warning", "2", 1, "Two first packets raced and one was dropped (DNS 5 s)",
     "every now and then a DNS lookup takes 5 s (or 1, 2, 2.5, 10, 15).",
     "two packets of one new UDP tuple at U within clash_window (typical: A and AAAA query "
     "of one name, two DNS ids, one socket), exactly one has an image at D (or both have, to "
     "different DNAT backends), no loss among later packets of the tuple, and the unanswered "
     "one is retried after at least 1 s. at least 2 such events per capture, or 1 with a 5 ± "
     "0.1 s retry. variant: dns, other, dnat-split.",
     "server answered only one (image of both at D); rate limiting; capture loss at D.",
     "newer kernel, node-local DNS cache, options single-request-reopen or use-vc, notrack "
     "for the resolver.",
     "kernel nf_conntrack confirm race (conntrack -S: insert_failed, clash_resolve); entries "
     "of identical original tuple are merged, a clash only in the original direction is kept "
     "for 1 s with a reply-only entry (since about 5.7); kubernetes/kubernetes #56903."},
    {"TCP-SYN-UNANSWERED", "error", "1+", 1, "Connect fails, with the place where it fails",
     "connect timeout.",
     "SYN, at least 1 RTO-like copy, no SYN-ACK, RST or ICMP at the client's tap. The place "
     "by taps, as variant: before-nat (not at A but at H), nat-out (at A not at B), beyond "
     "(at B, no answer at B), nat-in (SYN-ACK at B, not at A), at-client (SYN-ACK reaches "
     "client's tap, client does not react). One tap: unknown-place. Aggregated by "
     "(destination endpoint, variant).",
     "scans (source tries > 50 ports): info; fast-open retries; Happy Eyeballs losers "
     "(another family connected within 300 ms: info).",
     "by variant see NAT-DROP-OUT, PATH-LOST-BEYOND, NAT-DROP-IN.", "RFC 6298, RFC 8305."},
    {"TCP-HALF-OPEN", "warning", "1+", 1,
     "Handshake stuck after SYN-ACK, or one side forgot the connection",
     "server log full of SYN_RECV; or sessions that die on first use.",
     "variant=ack-lost: SYN-ACK repeated RTO-like at least 2 times although the client's ACK "
     "is at A (lost A->B) - or is not sent; variant=one-sided: one side sends data or "
     "keepalive on a connection that the other ends answers with RST (it has forgotten it: "
     "crash, reboot), seen end to end; variant=syn-flood: > 100 SYN-ACK-answered handshakes "
     "per s never completed from many sources.",
     "NAT forgot (-> NAT-STALE-REJECT: RST comes from the NAT, not from the end).",
     "keepalives; syncookies.", "RFC 9293 §3.5.1, §3.5.2."},
    {"TCP-TUPLE-REUSED", "warning", "1+", 1, "New SYN on a tuple still in TIME-WAIT",
     "one connect in thousands takes 1-3 s or fails, always towards the same busy server.",
     "SYN at tap B on a tuple whose previous connection there ended (FIN both ways) < "
     "tw_window_s ago, and the answer is not a SYN-ACK: pure ACK with the old numbers "
     "(variant=challenge-ack), RST (variant=rst), nothing while other SYNs to it are "
     "answered (variant=ignored: PAWS or old tw_recycle, check TSval of the new SYN < last "
     "TSval), or A-side SYN is lost (variant=nat-dropped). If answered normally: no finding.",
     "retransmitted SYN of one attempt.",
     "larger port range, keep-alive connections, tcp_timestamps=1.",
     "RFC 9293 §3.6, §3.10.7.4 and RFC 6191 (new SYN may reuse if sequence or timestamp is "
     "greater), RFC 1337, RFC 5961; conntrack TIME_WAIT 120 s, reopened by SYN; kernels at "
     "least 6.5 evict a clashing TIME_WAIT entry for a newer sequence number when no port is "
     "free."},
    {"TCP-SIMULTANEOUS-OPEN", "info/warning", "2", 2, "Crossing SYNs, handled or broken",
     "TCP hole punching fails.",
     "SYN in both directions of one tuple before any SYN-ACK. info if both sides reach "
     "established; warning if: inbound SYN not delivered although an outbound SYN had passed "
     "(variant=blocked), outbound SYN-ACK lost or mistranslated (variant=synack), NAT "
     "answered the early inbound SYN with RST/ICMP in < 6 s (variant=early-error).",
     "two crossed but separate connections on different tuples.",
     "drop silently instead of reject on WAN.",
     "RFC 5382 REQ-2a, REQ-4; conntrack state SYN_SENT2."},
    {"TCP-RST-INJECTED", "warning", "1+", 2, "A reset that its claimed sender did not send",
     "resets on certain content.",
     "RST delivered to an end that its claimed sender did not send (taps at both ends or "
     "sender side captured: no pre-image on any tap), and it was not made by the inferred "
     "NAT (its TTL lies between): TTL differs from the sender's by at least 2 and from the "
     "NAT's. Often 2-3 RSTs with seq, seq+1460, ... in one ms.",
     "NAT-RST-GENERATED; last-hop load balancer.", "look between the taps.",
     "RFC 3360, RFC 5961."},
};

std::span<const CodeEntry> tracking_entries() {
  return kEntries;
}

}  // namespace natlens::findings
