// The catalogue, family by family: text only.
#include "catalogue.h"

namespace natlens::findings {

constexpr CodeEntry kEntries[] = {
    {"CAP-INCOMPLETE", "info/warning", "1", 1,
     "The capture itself lacks what a judgement needs",
     "\"the tool says everything is lost\", or nothing pairs.",
     "per tap, any of: drop counters > 0 (variant=dropped); acknowledgements for never-seen "
     "data in > 0.1 % of TCP connections that have no such gap on the other tap "
     "(variant=unseen-data); snap length cut transport headers, or payload where a rule "
     "needed it (variant=snaplen); recorded or evident filter (a protocol seen only on one "
     "tap, e.g. no ICMP at all) (variant=filter); overlap of the captures < 10 s or < 10 % "
     "of either (variant=no-overlap); one direction absent for > 95 % of all connections "
     "(variant=one-way); time stamps not monotonic by > 1 s or all equal to the second "
     "(variant=timestamps). warning if any other finding was downgraded because of it, else "
     "info.",
     "TCP windows full of acknowledged-unseen data at the very start of a capture "
     "(connections already open).",
     "capture again with a larger buffer, without filter, full length, on the interfaces "
     "next to the NAT, and start both before reproducing.",
     "pcapng isb_ifdrop/isb_osdrop; -B of dumpcap/tcpdump."},
    {"CAP-CLOCK", "info/warning", "2", 1, "The taps' clocks disagree or drift",
     "answers before questions; latencies negative.",
     "from paired frames in both directions, offset offset = (min(t_B - t_A | out) - min(t_A "
     "- t_B | in)) / 2 in windows of 60 s, line fitted by the lower envelope. info if "
     "|offset| > clock_warn_ms; warning if drift > drift_warn_ppm, or offset steps by > 20 "
     "ms between windows (variant=step, NTP jump), or after correction > 0.1 % of pairs "
     "still have negative latency.",
     "asymmetric queueing (upload full) biases offset by half the asymmetry: use minima, not "
     "means; a whole-hour offset is a time-zone mistake of the capture tool "
     "(variant=timezone when offset is within 2 s of a multiple of 15 min).",
     "nothing for analysis (times are corrected); set NTP/PTP on capture hosts for logs.",
     "Moon, Skelly, Towsley 1999 (lower envelope for clock skew in delay traces)."},
};

std::span<const CodeEntry> capture_entries() {
  return kEntries;
}

}  // namespace natlens::findings
