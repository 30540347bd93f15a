#!/usr/bin/env python3
"""`natlens show` as lines of conntrack(8), and its filters.

  lines_test.py NATLENS [unittest options]
"""
import collections
import os
import pathlib
import re
import sys
import unittest

import cli_test
from cli_test import CliTest


class Lines(CliTest):
    def test_show_prints_lines_of_conntrack(self):
        self.analyzed(count=2)
        lines = self.run_it("show", "nat.db", "conntrack", "--format", "conntrack").splitlines()
        self.assertEqual(2, len(lines))
        self.assertRegex(lines[0], r"^ipv4     2 tcp      6 \d+ TIME_WAIT src=192\.168\.1\.10 dst=203\.0\.113\.10 "
                                   r"sport=40000 dport=443 src=203\.0\.113\.10 dst=198\.51\.100\.2 sport=443 "
                                   r"dport=20000 \[ASSURED\] mark=0 use=1$")
        lines = self.run_it("show", "nat.db", "connections", "--format", "save", "--port", 20001).splitlines()
        self.assertEqual(1, len(lines))
        self.assertRegex(lines[0], r"^-A -t \d+ -u SEEN_REPLY,ASSURED -s 198\.51\.100\.2 -d 203\.0\.113\.10 ")
        self.run_it("show", "nat.db", "taps", "--format", "save", code=2)
        self.assertIn("--format save is for connections and conntrack", self.err)
        self.run_it("show", "nat.db", "events", "--format", "save", code=2)

    def test_events_as_conntrack_tells_them(self):
        self.analyzed(count=2)
        lines = self.run_it("show", "nat.db", "events", "--format", "conntrack", "--tap", "lan").splitlines()
        ends = "src=192.168.1.10 dst=203.0.113.10 sport=40000 dport=443"
        back = "src=203.0.113.10 dst=192.168.1.10 sport=443 dport=40000"
        self.assertEqual(f"[1700000000.000000]\t    [NEW] ipv4     2 tcp      6 120 SYN_SENT {ends} [UNREPLIED] {back}",
                         lines[0])
        self.assertEqual(f"[1700000000.010400]\t [UPDATE] ipv4     2 tcp      6 60 SYN_RECV {ends} {back}", lines[1])
        self.assertTrue(lines[-1].endswith(" [ASSURED]"), lines[-1])
        times = [line.split("]")[0] for line in lines]
        self.assertEqual(sorted(times), times)
        both = self.run_it("show", "nat.db", "events", "--format", "conntrack").splitlines()
        self.assertEqual(lines, both[:len(lines)], "tap after tap")
        self.assertIn("src=198.51.100.2", both[len(lines)])
        self.assertIn("does not say which tap", self.run_it("show", "--help"))

    def told(self, lines):
        """What happened to each connection, in order, by its original tuple."""
        out = collections.defaultdict(list)
        for line in lines:
            event, rest = re.search(r"\[(NEW|UPDATE|DESTROY)\] (.*)", line).groups()
            fields, _, original = rest.partition("src=")
            flags = re.findall(r"UNREPLIED|ASSURED", original)
            out[fields.split()[2], " ".join(original.split()[:4])].append((event, fields.split()[4:], flags))
        return out

    def test_events_are_those_that_a_real_router_logged(self):
        sample = pathlib.Path(__file__).resolve().parents[2] / "sample_pcaps" / "home-router"
        self.run_it("analyze", f"lan={sample}/lan.pcap", f"wan={sample}/wan.pcap", "-o", "nat.db")
        lines = self.run_it("show", "nat.db", "events", "--format", "conntrack", "--tap", "lan").splitlines()
        self.assertEqual(self.told((sample / "conntrack.log").read_text().splitlines()), self.told(lines))

    def test_a_tap_is_chosen_by_name(self):
        self.analyzed(count=2)
        for topic, rows in (("connections", 2), ("taps", 1), ("translations", 2), ("mappings", 2), ("paths", 2)):
            lines = self.run_it("show", "nat.db", topic, "--tap", "wan", "--format", "csv").splitlines()
            self.assertEqual(rows + 1, len(lines), topic)
        lines = self.run_it("show", "nat.db", "connections", "--tap", "wan", "--format", "conntrack").splitlines()
        self.assertEqual(2, len(lines))
        for line in lines:
            self.assertIn("src=198.51.100.2 dst=203.0.113.10", line)
        self.run_it("show", "nat.db", "connections", "--tap", "wna", code=2)
        self.assertIn("there is no tap wna; did you mean wan?; the taps are lan, wan", self.err)
        self.run_it("show", "nat.db", "files", "--tap", "wan", code=2)
        self.assertIn("--tap does not apply", self.err)

    def test_what_may_be_said_in_two_ways_is_not_required_twice(self):
        for command in ("analyze", "decode", "track"):
            for line in self.run_it(command, "--help").splitlines():
                if line.strip().startswith(("-r ", "TAP ", "FILE ")):
                    self.assertNotIn("REQUIRED", line)
            self.run_it(command, code=2)

    def test_numbers_that_are_none(self):
        self.analyzed(count=2)
        for arguments, says in ((("show", "nat.db", "taps", "-c", "-3"), "'-3' is no count"),
                                (("show", "nat.db", "connections", "--port", "99999"),
                                 "'99999' is no port; write a whole number from 0 to 65535"),
                                (("trace", "nat.db", "192.168.1.10", "--limit", "0"), "'0' is no count"),
                                (("analyze", "lan.pcap", "-o", "nodir/x.db"), "no folder nodir; create it")):
            self.run_it(*arguments, code=2)
            self.assertIn(says, self.err)


if __name__ == "__main__":
    cli_test.NATLENS = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
