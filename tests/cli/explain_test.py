#!/usr/bin/env python3
"""`natlens explain`: a page for every class, from captures made here; what it says when the frame,
the tap or the capture is not there.

  explain_test.py NATLENS
"""
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import captures

NATLENS = "natlens"
CLIENT, SERVER, PUBLIC = "192.168.1.10", "203.0.113.10", "198.51.100.2"
SYN, ACK, PSH, RST = 2, 16, 8, 4
WINDOW = 64240


def beyond_the_window():
    """A connection at both taps whose 5th segment starts 5000 beyond what the server allows, its
    6th acknowledges what nobody sent, and its 7th is a reset for another connection."""
    inside, outside = [], []
    # (from client, flags, seq, ack, data)
    plan = [(True, SYN, 1000, 0, b""), (False, SYN | ACK, 9000, 1001, b""), (True, ACK, 1001, 9001, b""),
            (True, ACK | PSH, 1001, 9001, b"question" * 10),
            (True, ACK, 1001 + (WINDOW << 7) + 5000, 9001, b"far" * 10),
            (False, ACK, 9001, 500_000, b"")]
    for step, (out, flags, seq, ack, data) in enumerate(plan):
        time = step * 0.01
        source, target = ((CLIENT, 40000), (SERVER, 443)) if out else ((SERVER, 443), (CLIENT, 40000))
        inside.append((time, captures.ethernet(captures.tcp(*source, *target, flags, seq, ack, data))))
        source, target = [(PUBLIC, 20000) if end[0] == CLIENT else end for end in (source, target)]
        outside.append((time + 0.001, captures.ethernet(
            captures.tcp(*source, *target, flags, seq, ack, data, 63))))
    inside.append((0.07, captures.ethernet(captures.tcp(CLIENT, 41000, SERVER, 443, RST, 7, 0))))
    inside.append((0.08, b"\xff" * 12 + b"\x08\x06" + bytes(28)))  # ARP
    more_inside, more_outside = captures.through_nat(seed=3, clients="192.168.2.{}")
    later = [(time + 1, data) for time, data in more_inside]
    return inside + later, outside + [(time + 1, data) for time, data in more_outside]


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        inside, outside = beyond_the_window()
        cls.lan, cls.database = folder / "lan.pcap", folder / "nat.db"
        cls.frames = len(inside)
        cls.lan.write_bytes(captures.pcap(inside))
        (folder / "wan.pcap").write_bytes(captures.pcap(outside))
        subprocess.run([NATLENS, "analyze", f"lan={cls.lan}", f"wan={folder}/wan.pcap", "-o", cls.database],
                       check=True, stdout=subprocess.DEVNULL, timeout=60)

    def test_rules_name_the_one_that_translated(self):
        sample = pathlib.Path(__file__).resolve().parents[2] / "sample_pcaps" / "home-router"
        with tempfile.TemporaryDirectory() as folder:
            database = pathlib.Path(folder) / "nat.db"
            subprocess.run([NATLENS, "analyze", f"lan={sample}/lan.pcap", f"wan={sample}/wan.pcap", "-o",
                            database], check=True, stdout=subprocess.DEVNULL, timeout=60)
            frame = subprocess.run(
                [NATLENS, "query", database, "--format", "csv", "SELECT c.first_frame FROM translation AS t "
                 "JOIN connection AS c ON c.id = t.inside_connection_id WHERE t.kind = 'snat' LIMIT 1"],
                check=True, capture_output=True, text=True, timeout=60).stdout.split()[-1]
            page = subprocess.run([NATLENS, "explain", database, f"lan:{frame}", "--rules",
                                   sample / "rules.nft"], check=True, capture_output=True, text=True,
                                  timeout=60).stdout
            self.assertIn(" leaves as ", page)
            self.assertIn("masquerade", page.splitlines()[-1])

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def explain(self, target, code=0, database=None):
        run = subprocess.run([NATLENS, "explain", database or self.database, target], text=True,
                             capture_output=True, timeout=60)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run.stdout if code == 0 else run.stderr

    def test_new_and_its_translation(self):
        page = self.explain("lan:1")
        self.assertIn("NEW, original direction: no connection had its addresses and ports: it opens one", page)
        self.assertIn("SYN_SENT UNREPLIED after it, for 120 s", page)
        self.assertIn(f"source {CLIENT}:40000 became {PUBLIC}:20000", page)
        self.assertIn("snat", page)
        self.assertRegex(page, r"\d bits  tcp_handshake: ")

    def test_established(self):
        page = self.explain("lan:2")
        self.assertIn("ESTABLISHED, reply direction: it is the first answer to its connection", page)
        self.assertIn("opened by lan.pcap:1", page)
        self.assertIn("SYN_SENT UNREPLIED before it, SYN_RECV after it", page)

    def test_invalid_shows_the_arithmetic(self):
        page = self.explain("lan:5")
        self.assertIn("INVALID (seq_above_window): it carries data beyond the window", page)
        # The server's SYN+ACK offered its window unscaled: 1001 + 64240 is the last allowed.
        value, bound = 1001 + (WINDOW << 7) + 5000, 1001 + WINDOW
        self.assertIn(f"sequence number {value} is {value - bound} above {bound}, the bound that lan.pcap:2 set",
                      page)
        self.assertIn("nf_conntrack_tcp_be_liberal=1", page)
        self.assertIn("ESTABLISHED ASSURED before and after it", page)
        self.assertIn("INVALID (ack_unseen): it acknowledges data that never passed here", self.explain("wan:6"))

    def test_invalid_without_a_connection(self):
        page = self.explain("lan:7")
        self.assertIn("INVALID (not_first)", page)
        self.assertIn("no connection has its addresses and ports", page)

    def test_no_packet(self):
        self.assertIn("NONE: no IP packet that could be tracked", self.explain("lan.pcap:8"))

    def test_what_is_not_there(self):
        self.assertIn(f"has no frame {self.frames + 1}; there are 1 to {self.frames}",
                      self.explain(f"lan:{self.frames + 1}", 1))
        self.assertIn("there is no tap or file 'dmz'; the taps are lan, wan", self.explain("dmz:1", 1))
        for target in ("lan", "lan:", ":1", "lan:x", "lan:0x1", "lan:99999999999"):
            self.assertIn("names no frame", self.explain(target, 2))

    def test_without_the_capture_the_database_tells_of_invalid(self):
        away = self.lan.with_suffix(".away")
        self.lan.rename(away)
        try:
            page = self.explain("lan:5")
            self.assertIn("from the database alone", page)
            self.assertIn("the bound that lan.pcap:2 set", page)
            self.assertIn("snat", page)
            self.assertIn("cannot read frame 1 again", self.explain("lan:1", 2))
        finally:
            away.rename(self.lan)

    def test_settings_of_the_analysis_hold(self):
        database = self.database.with_name("liberal.db")
        subprocess.run([NATLENS, "analyze", f"lan={self.lan}", "--sysctl", "nf_conntrack_tcp_be_liberal=1", "-o",
                        database], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        self.assertIn("ESTABLISHED, original direction", self.explain("lan:5", database=database))

    def test_several_taps_in_one_file(self):
        both = self.lan.with_name("both.pcapng")
        inside, outside = captures.through_nat(count=4)
        frames = sorted([(0, *frame) for frame in inside] + [(1, *frame) for frame in outside],
                        key=lambda frame: frame[1])
        both.write_bytes(captures.pcapng(["eth0", "eth1"], frames))
        database = self.database.with_name("both.db")
        subprocess.run([NATLENS, "analyze", both, "-o", database], check=True, stdout=subprocess.DEVNULL,
                       timeout=60)
        page = self.explain(f"{both}:2", database=database)
        self.assertIn("tap both/eth1", page)
        self.assertIn("opens one", page)
        self.assertIn("belongs to tap both/eth1, not to both/eth0", self.explain("both/eth0:2", 1, database))

    def test_every_frame_has_a_page(self):
        for number in random.Random(5).sample(range(1, self.frames + 1), 12):
            self.assertIn(f"frame {number} of ", self.explain(f"lan:{number}"))


if __name__ == "__main__":
    NATLENS = sys.argv.pop(1)
    unittest.main()
