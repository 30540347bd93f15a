#!/usr/bin/env python3
"""`natlens report`: the captures of all taps merged into one commented pcapng, read by a reader of our
own and by tshark; what it says when a capture is gone or another one; outputs that are no files. The
page itself is tested in a browser (tests/page).

  report_test.py NATLENS
"""
import pathlib
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

import captures

NATLENS = "natlens"


def options_of(data):
    found, at = {}, 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            break
        found[code] = data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def read_pcapng(path):
    """Interfaces as {option code: bytes}; packets as (interface, ns, bytes, comment)."""
    data, at, interfaces, packets = path.read_bytes(), 0, [], []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        body = data[at + 8:at + length - 4]
        if kind == 1:
            interfaces.append(options_of(body[8:]))
        elif kind == 6:
            number, high, low, size, _ = struct.unpack_from("<IIIII", body)
            rest = options_of(body[20 + (size + 3) // 4 * 4:])
            packets.append((number, high << 32 | low, body[20:20 + size], rest.get(1, b"").decode()))
        at += length
    return interfaces, packets


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def run_it(self, *args, code=0):
        done = subprocess.run([NATLENS, *args], cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60)
        self.assertEqual(code, done.returncode, done.stderr.decode())
        self.err = done.stderr.decode()
        return done.stdout

    def analyze(self, ahead=0.0, lose=None):
        """lan and wan of a NAT; wan's clock is ahead, and lacks the frame `lose`."""
        self.inside, outside = captures.through_nat()
        outside = [frame for i, frame in enumerate(outside) if i != lose]
        (self.dir / "lan.pcap").write_bytes(captures.pcap(self.inside))
        (self.dir / "wan.pcap").write_bytes(captures.pcap([(time + ahead, data) for time, data in outside]))
        self.outside = outside
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db", "--packets")

    def merged(self, *options):
        self.run_it("report", "nat.db", "--pcapng", "out.pcapng", *options)
        return read_pcapng(self.dir / "out.pcapng")

    def test_all_frames_are_there_with_their_translations(self):
        self.analyze()
        interfaces, packets = self.merged()
        self.assertEqual([b"lan", b"wan"], [one[2] for one in interfaces])
        self.assertIn(b"tap wan of wan.pcap", interfaces[1][1])
        for number, frames in enumerate((self.inside, self.outside)):
            self.assertEqual([data for _, data in frames], [packet[2] for packet in packets if packet[0] == number])
        for interface, _, data, comment in packets:
            first = comment.split("\n")[0]
            self.assertRegex(first, r"^(lan|wan) tcp \S+ > \S+ is (lan|wan) tcp \S+ > \S+ \(snat, certain, \d+ bits\)$")
            self.assertTrue(first.startswith(("lan", "wan")[interface]))
            self.assertRegex(comment, rf"the same packet: {('wan', 'lan')[interface]}:\d+")
        one = next(packet for packet in packets if packet[0] == 0)
        self.assertIn("tcp 192.168.1.10:40000 > 203.0.113.10:443 is wan tcp 198.51.100.2:20000 > 203.0.113.10:443", one[3])

    def test_times_are_those_of_the_reference_clock(self):
        self.analyze(ahead=7200.25)
        interfaces, packets = self.merged()
        times = [packet[1] for packet in packets]
        self.assertEqual(sorted(times), times)
        first = {number: next(packet[1] for packet in packets if packet[0] == number) for number in (0, 1)}
        self.assertLess(abs(first[1] - first[0]), 2_000_000)
        self.assertIn(b"corrected by -2 h 00 min", interfaces[1][1])
        # Both views of a packet follow each other, the one that came first before.
        self.assertEqual([0, 1], [packet[0] for packet in packets[:2]])

    def test_lost_packets_and_findings_are_told_at_their_frames(self):
        lost = 11
        self.analyze(lose=lost)
        database = sqlite3.connect(self.dir / "nat.db")
        frame, = database.execute("SELECT frame FROM packet_fate WHERE fate LIKE 'only_%'").fetchone()
        database.execute("DELETE FROM finding")
        database.execute("DELETE FROM finding_frame")
        database.execute("INSERT INTO finding (id, code, severity, confidence, subject, subject_id, variant, first_ns, last_ns, "
                         "count, facts, text, explains) SELECT 1, 'NAT-DROP-OUT', 'error', 'certain', 'tap', 1, NULL, first_ns, first_ns, 1, "
                         "'{}', 'One packet got\nlost.', '[]' FROM tap WHERE id = 1")
        database.execute("INSERT INTO finding_frame (finding_id, number, role, tap_id, file_id, frame, time_ns) "
                         "SELECT 1, 1, 'cause', 1, 1, ?, first_ns FROM tap WHERE id = 1", (frame,))
        database.commit()
        database.close()
        _, packets = self.merged()
        told = [packet for packet in packets if packet[0] == 0][frame - 1]
        self.assertIn("not seen at the tap", told[3])
        self.assertIn("error NAT-DROP-OUT (cause): One packet got\\nlost.", told[3])
        self.assertEqual(1, sum("NAT-DROP-OUT" in packet[3] for packet in packets))

    def test_several_interfaces_of_one_file(self):
        inside, outside = captures.through_nat()
        frames = sorted([(time, 0, data) for time, data in inside] + [(time, 1, data) for time, data in outside])
        (self.dir / "both.pcapng").write_bytes(captures.pcapng(["eth0", "eth1"], [(number, time, data) for time, number, data in frames]))
        self.run_it("analyze", "both.pcapng", "-o", "nat.db")
        interfaces, packets = self.merged()
        self.assertEqual([b"both/eth0", b"both/eth1"], [one[2] for one in interfaces])
        self.assertEqual(len(frames), len(packets))
        self.assertTrue(all("snat" in packet[3] for packet in packets))

    def test_captures_that_are_gone_or_others(self):
        self.analyze()
        (self.dir / "moved").mkdir()
        (self.dir / "lan.pcap").rename(self.dir / "moved" / "lan.pcap")
        self.run_it("report", "nat.db", "--pcapng", "out.pcapng", code=2)
        self.assertIn("lan.pcap is not there; --captures DIR", self.err)
        (self.dir / "wan.pcap").rename(self.dir / "moved" / "wan.pcap")
        _, packets = self.merged("--captures", "moved")
        self.assertEqual(len(self.inside) + len(self.outside), len(packets))
        (self.dir / "moved" / "wan.pcap").write_bytes(captures.pcap(self.outside[:-1]))
        self.run_it("report", "nat.db", "--pcapng", "other.pcapng", "--captures", "moved", code=2)
        self.assertIn("wan.pcap is not the file that was analysed", self.err)
        self.assertEqual([], list(self.dir.glob("other.pcapng*")))

    def test_outputs(self):
        self.analyze()
        self.run_it("report", "nat.db", code=2)
        self.assertIn("-o FILE is the page, --pcapng FILE the captures", self.err)
        self.merged()
        before = (self.dir / "out.pcapng").read_bytes()
        self.run_it("report", "nat.db", "--pcapng", "out.pcapng", code=2)
        self.assertIn("out.pcapng exists; use --force", self.err)
        self.run_it("report", "nat.db", "--pcapng", "out.pcapng", "--force")
        self.assertEqual(before, self.run_it("report", "nat.db", "--pcapng", "-"))
        self.run_it("report", "nat.db", "--pcapng", "none/out.pcapng", code=2)
        self.assertIn("none/out.pcapng", self.err)
        link = self.dir / "null"
        link.symlink_to("/dev/null")  # what is no file is written, not replaced
        self.run_it("report", "nat.db", "--pcapng", "null")
        self.assertTrue(link.is_symlink() and stat.S_ISCHR(link.stat().st_mode))
        self.assertEqual([], list(self.dir.glob("*.part")))

    def test_a_build_without_the_page_says_how_to_get_it(self):
        self.analyze()
        done = subprocess.run([NATLENS, "report", "nat.db", "-o", "page.html"], cwd=self.dir, stderr=subprocess.PIPE, timeout=60)
        if done.returncode == 0:
            self.assertIn("</html>", (self.dir / "page.html").read_text()[-20:])
            return
        self.assertEqual(2, done.returncode)
        self.assertIn(b"scripts/page", done.stderr)
        self.assertEqual([], list(self.dir.glob("page.html*")))

    @unittest.skipUnless(shutil.which("tshark"), "NOT RUN: missing package tshark")
    def test_tshark_shows_the_comments(self):
        self.analyze()
        _, packets = self.merged()
        shown = subprocess.run(["tshark", "-r", "out.pcapng", "-Y", 'frame.comment contains "snat"', "-T", "fields", "-e",
                                "frame.interface_name", "-e", "frame.comment"], cwd=self.dir, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, timeout=120, check=True).stdout.decode().splitlines()
        self.assertEqual(len(packets), len(shown))
        self.assertTrue(shown[0].startswith("lan\tlan tcp 192.168.1.10:40000 > 203.0.113.10:443 is wan tcp 198.51.100.2:20000"), shown[0])


if __name__ == "__main__":
    NATLENS = str(pathlib.Path(sys.argv.pop(1)).resolve())
    if not shutil.which("tshark"):
        print("NOT RUN: missing package tshark")
    unittest.main(verbosity=1)
