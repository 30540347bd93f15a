// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"NAT-CHECKSUM-BAD", "error", "2", 1,
     "Transport or IP checksum wrong after (or before) translation",
     "packets arrive in the capture, the application sees nothing; TCP retransmits although "
     "\"it was delivered\".",
     "full checksum (IPv4 header, TCP, UDP != 0, ICMP, ICMPv6, SCTP CRC32c) recomputed over "
     "a completely captured, reassembled packet is wrong, and it is not offloaded. "
     "variant=after: pre-image at U is correct, image at D is wrong (error). variant=before: "
     "already wrong at U (warning; kernel calls it INVALID, so it is dropped or leaves "
     "untranslated). variant=header: IPv4 header checksum. variant=udp-zero: UDP 0 became "
     "non-zero wrong, or a computed 0 was sent as 0 instead of 0xFFFF. variant=icmp-inner: "
     "only the quoted packet. Compared with RFC 1624 updates of what the first tap shows, a "
     "wrong sum tells the mistake.",
     "truncated snap length; fragments judged before reassembly; capture on the sender; RX "
     "checksum \"repaired\" by virtio/veth.",
     "disable offload on the NAT's interfaces to test (ethtool -K IF tx off rx off gso off "
     "gro off); driver or ALG bug.",
     "RFC 1071, RFC 1624, RFC 3022 §4.2, RFC 768; nf_conntrack_checksum."},
    {"NAT-PAYLOAD-CHANGED", "warning", "2", 1, "Payload differs and no known ALG explains it",
     "TLS record MAC failures, corrupt downloads, odd application errors.",
     "paired by something other than payload (sequence, ids, order) with high confidence, "
     "payload digest differs, length equal or not, and no ALG signature (below) explains "
     "every changed byte range. variant: bits (1-2 bytes: memory/line error), injected (HTTP "
     "headers, ads), padding (Ethernet trailer counted: decoder error), length.",
     "middlebox-terminated streams (pair kind proxy); inner packets under recompression; ALG.",
     "transparent proxy? compare with port 443.", "RFC 4787 §7."},
    {"ALG-ACTIVE", "info", "2", 1, "An application gateway rewrote payload",
     "SIP/FTP \"helped\" by the router.",
     "payload differs only where an internal address or port is written (text IPv4/IPv6, FTP "
     "h1,h2,h3,h4,p1,p2, SIP Via/Contact/ SDP c=/m=, H.323/RTSP/PPTP call ids, DNS answers, "
     "TFTP/IRC expectations, NAT-PMP), replaced by the external one; TCP sequence offset "
     "changes by the length difference from that segment on; or a new inbound/outbound "
     "connection appears that equals the endpoint written in payload (expectation).",
     "application that itself sends its external address (STUN-aware): payload equal on both "
     "sides.",
     "turn off SIP ALG for SIP over NAT-aware clients.",
     "RFC 4787 REQ-10, RFC 5382 REQ-6; Linux nf_nat_sip, nf_nat_ftp (off unless assigned by "
     "rule since 4.7/6.0)."},
    {"ALG-BROKEN", "error", "2", 2, "What the ALG wrote does not work",
     "one-way audio after 30 s, FTP hangs at LIST.",
     "ALG-ACTIVE and one of: only part of the occurrences rewritten (variant=partial); "
     "Content-Length or TCP checksum not corrected (variant=length); sequence/ACK offsets "
     "not applied to later segments or to retransmissions (variant=seqadj: peer duplicates "
     "ACKs, connection stalls after the rewrite); expected connection arrives at B and is "
     "refused (variant=expectation); message split over segments and left unpatched "
     "(variant=split); private address still present towards outside in a protocol that the "
     "ALG handles otherwise (variant=missed).",
     "SIP over TLS or FTP AUTH TLS: no ALG possible (info).",
     "disable ALG, use passive/EPSV, ICE.", "as above, RFC 2993."},
    {"TCP-SEQ-SHIFTED", "info", "2", 1,
     "Sequence numbers are offset (synproxy, randomisation, ALG)",
     "numbers differ between the two captures: \"not the same connection\".",
     "for a paired TCP connection seq_D - seq_U = shift != 0, constant from the first "
     "segment (variant=isn-random: shift in both directions random; variant=synproxy: shift "
     "only for the server's sequence numbers, server's SYN comes after the client's ACK, "
     "NAT's SYN-ACK earlier than the server's and with its own options), or stepwise after "
     "payload changes (variant=alg).",
     "32-bit wrap; proxies that end TCP (payload boundaries and windows unrelated).",
     "nothing; keep in mind for correlating.",
     "RFC 6528 (reason), nft synproxy, Cisco/PF ISN randomisation."},
    {"TCP-SACK-UNSHIFTED", "error", "2", 1, "Sequence numbers shifted, SACK blocks not",
     "throughput collapses only under loss.",
     "TCP-SEQ-SHIFTED with shift != 0 in the data direction and SACK blocks in the reverse "
     "direction equal on both sides (not shifted by shift); hence SACK edges at the sender "
     "lie outside [snd_una, snd_nxt]. error when loss recovery falls back to RTO.",
     "D-SACK below snd_una (legal) - test > 1 window away.",
     "firmware update, or disable sequence randomisation or SACK on that box.",
     "RFC 2018; also makes Linux conntrack call them INVALID (\"ACK is over upper bound\")."},
    {"TCP-OPTION-CHANGED", "info/warning", "2", 1, "TCP options removed or altered", "",
     "compare options of SYN and SYN-ACK (and of data segments for timestamps) between U and "
     "D. variant: mss (lowered: clamp, info; raised: warning), wscale, sack, timestamps, "
     "mptcp, tfo, md5-ao, unknown removed or altered, nop-padded (replaced by NOP). warning "
     "if window scale or SACK is lost for connections that move > 1 MB or if a scale is "
     "removed in one direction only (error: windows misread).",
     "synproxy (its own options); the option negotiated away by the peer.",
     "update or reconfigure the middlebox.",
     "RFC 7323, RFC 2018, RFC 8684, RFC 9293 §3.2; nft reset tcp option, tcp option maxseg "
     "size set rt mtu."},
    {"IP-HEADER-CHANGED", "info/warning", "2", 2, "DF, IP ID, ECN or flow label altered",
     "PMTUD stops working.",
     "per translation and direction, fields that a NAT need not touch: df-cleared (DF 1->0, "
     "warning: transit devices MUST NOT), df-set, id-rewritten (info; warning if non-atomic "
     "ids repeat within 2 s -> FRAG-ID-REUSED), options-removed, flow-label, length (payload "
     "length changed without ALG or fragmentation).",
     "NAT64 (own rules), reassembly by the NAT (fragments in, other fragments out). Linux "
     "keeps the IP ID; pf scrub random-id no-df changes both.",
     "remove no-df.", "RFC 6864 §4.3, §5.3.1, RFC 7857 §10."},
};

std::span<const CodeEntry> integrity_entries() {
  return kEntries;
}

}  // namespace natlens::findings
