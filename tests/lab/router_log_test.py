#!/usr/bin/env python3
"""The connections that natlens finds at a router's taps, held against the router's own log.

  router_log_test.py NATLENS CAPTURES

CAPTURES holds folders with lan.pcap, wan.pcap and conntrack-gw.log, what `conntrack -E -o
extended,timestamp,id` printed on the router while it was captured. Every entry of the log must be
found under both of its faces, the original tuple and the reply turned round, each at the tap that
shows it (a hairpin shows both at one), with the state and the flags that the router last told of
it before that capture ended. The captures miss no packet until then, so that there is nothing to
forgive.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDERS = ("01-home-masquerade", "03-portforward-hairpin")
LINE = re.compile(r"\[(\d+)\.(\d+)\]\s+\[(\w+)\] ipv4\s+2 (\w+)\s+\d+ (.*)$")
TUPLE = re.compile(r"src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=(\d+) code=(\d+) id=(\d+))")
SEEN_REPLY, ASSURED = 2, 4
HANDLING_NS = 1_000_000  # the router tells of a packet this soon after it was captured, at most
QUERY = ("SELECT t.name AS tap, c.protocol, c.src, c.sport, c.dst, c.dport, c.icmp_type, c.icmp_code, c.state, "
         "c.status, c.start_ns FROM connection c JOIN tap t ON t.id = c.tap_id ORDER BY c.start_ns, c.id")


class Entry:
    """One entry of the router: its tuples, and what was last said of it."""

    def __init__(self, protocol, tuples):
        self.protocol = protocol
        self.original, self.reply = tuples
        self._said = [(0, None, False, False)]  # (time, state, answered, assured)
        self.started_ns = self.destroyed_ns = None

    def take(self, time_ns, kind, state, text):
        _, old_state, answered, assured = self._said[-1]
        if kind == "NEW":
            self.started_ns = time_ns
        if kind == "DESTROY":
            self.destroyed_ns = time_ns
        else:
            answered = "[UNREPLIED]" not in text
        self._said.append((time_ns, state or old_state, answered, assured or "[ASSURED]" in text))

    def as_of(self, time_ns):
        return [said[1:] for said in self._said if said[0] <= time_ns][-1]

    def faces(self):
        """Its tuple before the router and behind it, as (src, sport, dst, dport); ICMP: the id
        stands in sport, 0 in dport."""
        src, sport, dst, dport = self.reply
        turned = (dst, sport, src, dport) if self.protocol == "icmp" else (dst, dport, src, sport)
        return self.original, turned


def tuples(text):
    for src, dst, sport, dport, _, _, ident in TUPLE.findall(text):
        yield (src, int(sport), dst, int(dport)) if sport else (src, int(ident), dst, 0)


def read_log(path):
    """The entries in the order of their NEW."""
    entries, by_id = [], {}
    for line in path.read_text().splitlines():
        match = LINE.match(line)
        if not match or match[4] not in ("tcp", "udp", "icmp"):
            continue
        time_ns = int(match[1]) * 10**9 + int(match[2].ljust(9, "0"))
        kind, protocol, rest = match[3], match[4], match[5]
        ident = re.search(r" id=(\d+)(?: \[USERSPACE\].*)?$", rest)[1]
        state = re.match(r"\d+ ([A-Z_]+) ", rest)
        if kind == "NEW":
            by_id[ident] = Entry(protocol, tuple(tuples(rest)))
            entries.append(by_id[ident])
        if ident in by_id:
            by_id[ident].take(time_ns, kind, state and state[1], rest)
    return entries


def natlens_rows(natlens, folder):
    with tempfile.TemporaryDirectory() as where:
        database = f"{where}/nat.db"
        subprocess.run([natlens, "analyze", f"lan={folder}/lan.pcap", f"wan={folder}/wan.pcap", "-o", database],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        ask = [natlens, "query", database, "--format", "json"]
        rows = json.loads(subprocess.check_output([*ask, QUERY]))
        ends = json.loads(subprocess.check_output([*ask, "SELECT name, last_ns FROM tap"]))
    return rows, {end["name"]: end["last_ns"] + HANDLING_NS for end in ends}


def compare(folder, rows, ends):
    """(agreed, told): told are the differences."""
    found = {}
    for row in rows:
        dport = 0 if row["protocol"] == "icmp" else row["dport"]
        key = (row["tap"], row["protocol"], row["src"], row["sport"], row["dst"], dport)
        found.setdefault(key, []).append(row)
    agreed, told = 0, []
    for entry in read_log(folder / "conntrack-gw.log"):
        for face in dict.fromkeys(entry.faces()):
            rows_there = [found.get((tap, entry.protocol, *face)) for tap in ("lan", "wan")]
            rows_there = [candidates.pop(0) for candidates in rows_there if candidates]
            if not rows_there and entry.started_ns <= min(ends.values()):
                told.append(f"{entry.protocol} {face} is at no tap")
            for row in rows_there:
                router = entry.as_of(ends[row["tap"]])
                tracked = (row["state"], bool(row["status"] & SEEN_REPLY), bool(row["status"] & ASSURED))
                agreed += router == tracked
                if router != tracked:
                    told.append(f"{row['tap']} {entry.protocol} {face}: router {router}, natlens {tracked}")
    return agreed, told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("captures", type=pathlib.Path)
    options = parser.parse_args()
    bad = 0
    for name in FOLDERS:
        folder = options.captures / name
        rows, ends = natlens_rows(options.natlens, folder)
        agreed, told = compare(folder, rows, ends)
        print(f"{name}: {agreed} entries as the router says, {len(told)} not")
        print("".join(f"  {line}\n" for line in told), end="")
        bad += len(told) + (agreed == 0)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
