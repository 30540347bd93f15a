#!/usr/bin/env python3
"""The command line when something is in the way: nobody listens, a run ends early, an input is not
what it should be.

  trouble_test.py NATLENS [unittest options]
"""
import os
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

import captures
import cli_test
from cli_test import CliTest


class NobodyListens(CliTest):
    def test_standard_error_that_cannot_be_written_changes_no_exit_code(self):
        self.write_nat()
        self.write("cut.pcap", (self.dir / "wan.pcap").read_bytes()[:-7])
        natlens = cli_test.NATLENS
        for command, code in ((f"'{natlens}' decode nosuch", 2), (f"'{natlens}' frobnicate", 2),
                              (f"'{natlens}'", 2), (f"'{natlens}' show nosuch.db taps", 2),
                              (f"'{natlens}' analyze lan=lan.pcap wan=cut.pcap -o nat.db --force", 0)):
            for target in ("2>&-", "2>/dev/full", "2> >(true)"):
                done = subprocess.run(["bash", "-c", f"{command} {target}"], cwd=self.dir, timeout=60,
                                      stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
                self.assertEqual(code, done.returncode, (command, target))

    def test_closed_standard_output_is_told(self):
        self.analyzed()
        done = subprocess.run(["bash", "-c", f"'{cli_test.NATLENS}' show nat.db taps >&-"], cwd=self.dir,
                              capture_output=True, timeout=60)
        self.assertEqual(2, done.returncode)
        self.assertIn(b"standard output", done.stderr)


class EndsEarly(CliTest):
    def interrupted(self):
        """Stopped while `lan`, a pipe, has more to give; `wan` was read to its end by then."""
        inside, outside = captures.through_nat(count=100)
        self.write("wan.pcap", captures.pcap(outside))
        data = captures.pcap(inside)
        process = subprocess.Popen([cli_test.NATLENS, "analyze", "wan=wan.pcap", "lan=-", "-o", "nat.db"],
                                   cwd=self.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdin.write(data[:len(data) // 2])
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not (self.dir / "nat.db").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        try:
            for begin in range(len(data) // 2, len(data) - 4096, 4096):
                process.stdin.write(data[begin:begin + 4096])
                process.stdin.flush()
                time.sleep(0.01)
        except BrokenPipeError:
            pass
        return process.communicate(timeout=60)[0].decode()

    def test_an_interrupted_run_does_not_pass_as_whole(self):
        out = self.interrupted()
        self.assertRegex(out, r"not read\n  -: what follows after \d+ frames\n")
        self.assertEqual("1,0\r\n", self.run_it("query", "nat.db", "--format", "csv",
                                              "SELECT group_concat(complete) FROM (SELECT complete FROM file "
                                              "ORDER BY path DESC)").split("\n", 1)[1].replace('"', ""))
        text = self.run_it("query", "nat.db", "checks/incomplete", code=1)
        self.assertIn("stopped by a signal", text)
        self.assertRegex(text, r"file +- +not read to its end")


class Questions(CliTest):
    def test_the_examples_of_the_help_work(self):
        self.analyzed()
        for line in self.run_it("query", "--help").split("Examples:")[1].splitlines():
            words = line.split()
            if len(words) == 4 and "natlens" in words:
                self.run_it("query", "nat.db", words[3])
        self.assertIn("port_clashes", self.run_it("query", "--help"))

    def test_a_time_that_is_none_finds_nobody(self):
        self.analyzed()
        self.assertEqual(21, len(self.run_it("query", "nat.db", "who_was", "--format", "csv").splitlines()))
        self.assertEqual(1, len(self.run_it("query", "nat.db", "who_was", "--set", "at=nonsense",
                                            "--format", "csv").splitlines()))
        self.assertGreater(len(self.run_it("query", "nat.db", "who_was", "--set", "at=2023-11-14T22:13:20",
                                           "--format", "csv").splitlines()), 2)

    def test_port_reuse_has_no_negative_pause(self):
        # The same external port is used by two hosts, at the same time towards different servers.
        one = captures.through_nat(seed=1, count=3)
        two = captures.through_nat(seed=2, count=3, clients="192.168.9.{}", server="203.0.113.99")
        self.write("lan.pcap", captures.pcap(sorted(one[0] + two[0], key=lambda f: f[0])))
        self.write("wan.pcap", captures.pcap(sorted(one[1] + two[1], key=lambda f: f[0])))
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db")
        self.assertEqual(1, len(self.run_it("query", "nat.db", "port_reuse", "--format", "csv").splitlines()))


class Taps(CliTest):
    def test_a_clock_that_cannot_be_is_refused_before_anything_is_written(self):
        self.analyzed()
        before = (self.dir / "nat.db").read_bytes()
        again = ("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db", "--force")
        self.run_it(*again, "--clock", "foo=1s", code=2)
        self.assertIn("--clock: there is no tap foo; the taps are lan, wan", self.err)
        self.run_it(*again, "--clock", "lan=1s", code=2)
        self.assertIn("--clock: lan is the first tap, whose clock is the reference", self.err)
        self.assertEqual("", self.out)
        self.assertEqual(before, (self.dir / "nat.db").read_bytes())
        self.run_it(*again, "--clock", "wan=0")

    def test_two_taps_of_one_name_are_refused(self):
        self.write_nat()
        self.run_it("analyze", "lan=lan.pcap", "lan=wan.pcap", "-o", "nat.db", code=2)
        self.assertIn("two taps are named lan; give each a name of its own", self.err)
        self.assertFalse((self.dir / "nat.db").exists())

    def test_a_file_without_frames_is_named(self):
        self.write_nat()
        self.write("hdr.pcap", (self.dir / "lan.pcap").read_bytes()[:24])
        self.run_it("analyze", "lan=hdr.pcap", "wan=wan.pcap", "-o", "nat.db", code=3)
        self.assertIn("nothing to judge: hdr.pcap holds no frame", self.err)
        self.assertIn("180 frames at 2 taps", self.out)
        self.assertRegex(self.out, r"  lan +0 +0 +- ")

    def test_a_file_of_an_unknown_link_type_comes_before_everything_else(self):
        self.write_nat()
        self.write("odd.pcap", captures.pcap(captures.through_nat()[0], link_type=147))
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "odd=odd.pcap", "-o", "nat.db", code=2)
        self.assertIn("odd.pcap: no frame is of a link type that natlens reads", self.err)
        self.assertIn("20 snat", self.out)

    def test_the_clock_of_standard_input_is_not_measured_and_told(self):
        self.write_nat()
        data = (self.dir / "wan.pcap").read_bytes()
        self.run_it("analyze", "lan=lan.pcap", "wan=-", "-o", "nat.db", stdin=data)
        self.assertIn("not measured (standard input is read once), taken as the same; --clock wan=OFFSET", self.out)
        self.run_it("analyze", "lan=lan.pcap", "wan=-", "-o", "nat.db", "--force", "--clock", "wan=1ms", stdin=data)
        self.assertNotIn("not measured", self.out)

    def test_memory_has_a_floor_and_its_lack_is_told(self):
        self.write_nat()
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db", "--memory", "1", code=2)
        self.assertIn("--memory: '1' is too little; write 16M or more", self.err)
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db", "--memory", "16M")
        with sqlite3.connect(self.dir / "nat.db") as database:
            database.execute("UPDATE meta SET value = '17' WHERE key = 'waiting_dropped'")
        database.close()
        self.assertIn("lost for want of memory: 17 packets",
                      self.run_it("query", "nat.db", "checks/incomplete", code=1))

    def test_encapsulations_are_in_the_summary(self):
        frames = []
        for i in range(4):
            inner = captures.ethernet(captures.udp("192.168.7.1", 5000 + i, "192.168.7.2", 53, b"asks %d" % i))
            vxlan = captures.udp("10.0.0.1", 40000, "10.0.0.2", 4789, b"\x08\0\0\0\0\0\x07\0" + inner)
            frames.append((i * 0.01, captures.ethernet(vxlan)))
        for name in ("lan.pcap", "wan.pcap"):
            self.write(name, captures.pcap(frames))
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db")
        self.assertRegex(self.out, r"encapsulations\n.*\n  vxlan +1 +8 +2  udp 10\.0\.0\.1:40000 > 10\.0\.0\.2:4789\n")
        self.assertIn("  natlens show nat.db tunnels\n", self.out)


if __name__ == "__main__":
    cli_test.NATLENS = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
