// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"NAT64-MTU", "warning/error", "2", 1, "The 20-byte difference is not handled",
     "some IPv4-only sites hang from IPv6-only networks.",
     "v6->v4 shrinks by 20 (28 with fragment header), v4->v6 grows. (a) IPv4 DF=1 packet at "
     "B with IPv4 length > v6 link MTU - 20 (1480 for 1500; - 28 if fragment) and neither "
     "image at A nor ICMPv4 3/4 with MTU = v6 MTU - 20 sent back (variant=no-ptb, error); "
     "(b) PTB/3-4 translated without ±20 (variant=wrong-mtu: v6 = v4 + 20, at least 1280; v4 "
     "= v6 - 20); (c) MSS passed unchanged so that v6 packets > MTU result (variant=mss); "
     "(d) DF rule on v6->v4: length at most 1260 -> DF = 0, else 1 (variant=df, info).",
     "jumbo inside.", "MSS clamp to 1220-1440, lowest-ipv6-mtu.",
     "RFC 7915 §4, §4.2, §5.1, §5.2, §7; RFC 6145 before it."},
    {"NAT64-UNTRANSLATABLE", "warning", "2", 2, "Packets a translator must drop",
     "old UDP applications fail.",
     "packet at U that the specification makes the translator drop or rewrite: fragmented "
     "IPv4 UDP with checksum 0 (stateless cannot; stateful must reassemble or drop), IPv4 "
     "source route option unexpired, IPv6 routing header with segments left, extension "
     "headers other than fragment, destination without Pref64, source inside Pref64 (loop), "
     "ICMP types without equivalent, fragment of ICMP; no image. warning when it belongs to "
     "an application flow that then fails. Also the opposite, variant=should-not-pass: "
     "passed although it must be dropped.",
     "plain policy drop.", "",
     "RFC 7915 §1.2, §4.1, §4.5, §5.1, §5.1.1; RFC 6146 §3.4, §3.5, §5.4."},
    {"NPT-INVALID", "error/info", "2", 2,
     "Prefix translation not checksum-neutral, or unmappable", "one subnet unreachable.",
     "stateless prefix translation pair (same IID or checksum-adjusted word, no port "
     "change). variant=not-neutral (info): one's-complement sums of the whole source (resp. "
     "destination) address differ between U and D modulo 0xFFFF, i.e. transport checksum had "
     "to change: works if the checksum was updated, is prefix NAT but not RFC 6296; error if "
     "the transport checksum did not change (then it is wrong). variant=unmappable "
     "(warning): /48 with subnet 0xFFFF, or IID all zeros/ones dropped; no image and ICMPv6 "
     "error. variant=asymmetric (error): return mapping does not undo. variant=port-mapped: "
     "ports changed (MUST NOT).",
     "", "",
     "RFC 6296 §2.6, §3.1-3.7, §6. Example to test: fd01:203:405:1::1234 <-> "
     "2001:db8:1:d550::1234 (adjustment 0xD54F)."},
};

std::span<const CodeEntry> translators_entries() {
  return kEntries;
}

}  // namespace natlens::findings
