#!/usr/bin/env python3
"""`--keys` on the command line: what is opened with right keys, wrong ones and those of a pcapng, how
bad files are told, and that no key is written anywhere.

  keys_test.py NATLENS
"""
import hashlib
import hmac
import os
import struct
import sys
import unittest

import captures
import cli_test
from cli_test import CliTest

SECRET = bytes(range(0x40, 0x60))
SPIS = {"up": 0xC0FFEE01, "down": 0xC0FFEE02}
ENDS = {"up": ("198.51.100.1", "203.0.113.1"), "down": ("203.0.113.1", "198.51.100.1")}


def state(secret):
    """As `ip xfrm state` prints it: NULL cipher, HMAC-SHA-256."""
    return "".join(f"src {src} dst {dst}\n\tproto esp spi {SPIS[way]:#x} reqid 1 mode tunnel\n"
                   f"\tauth-trunc hmac(sha256) 0x{secret.hex()} 128\n\tenc ecb(cipher_null) 0x\n"
                   for way, (src, dst) in ENDS.items())


def esp(way, sequence, packet):
    padding = -(len(packet) + 2) % 4
    covered = (struct.pack("!II", SPIS[way], sequence) + packet + bytes(range(1, padding + 1)) +
               bytes([padding, 4]))
    value = hmac.new(SECRET, covered, hashlib.sha256).digest()[:16]
    return captures.ipv4(*ENDS[way], 50, covered + value)


def tunnel():
    """The same connections at the tunnel's interface (raw IP) and at the card."""
    inside, _ = captures.through_nat(count=8)
    plain = [(time, frame[14:]) for time, frame in inside]
    card = []
    for number, (time, packet) in enumerate(plain):
        way = "up" if packet[12:15] == b"\xc0\xa8\x01" else "down"
        card.append((time + 0.0001, captures.ethernet(esp(way, number + 1, packet))))
    return plain, card


class Keys(CliTest):
    def setUp(self):
        super().setUp()
        plain, self.card = tunnel()
        self.write("tun.pcap", captures.pcap(plain, 101))
        self.write("card.pcap", captures.pcap(self.card))
        self.write("right", state(SECRET).encode())
        self.write("wrong", state(SECRET[::-1]).encode())

    def test_right_keys_open_wrong_ones_do_not_and_both_are_told(self):
        packets = len(self.card)
        self.assertEqual(packets, self.run_it("decode", "card.pcap").count("[encrypted"))
        opened = self.run_it("decode", "card.pcap", "--keys", "right")
        self.assertEqual(packets, opened.count("| tcp "))
        self.assertNotIn("[", opened)
        self.assertEqual(packets, self.run_it("decode", "card.pcap", "--keys", "wrong").count("[unauthentic"))
        self.assertEqual(packets, self.run_it("decode", "card.pcap", "--keys", "wrong", "--keys", "right")
                         .count("| tcp "))
        # The outermost layer is what a router tracks, whatever is inside.
        self.assertEqual(self.run_it("track", "card.pcap"), self.run_it("track", "card.pcap", "--keys", "right"))

    def test_analysis_is_that_of_a_clear_tunnel_and_holds_no_key(self):
        self.run_it("analyze", "tun=tun.pcap", "card=card.pcap", "-o", "nat.db", "--keys", "right")
        found = self.run_it("query", "nat.db", "--format", "csv", "SELECT count(DISTINCT connection_id), "
                            "count(DISTINCT carrier_id) FROM tunnels WHERE kind = 'esp' AND basis = 'clear'")
        self.assertEqual("8,1", found.split()[-1])
        pairs = self.run_it("query", "nat.db", "--format", "csv",
                            "SELECT count(*) FROM translations WHERE kind IN ('bridged', 'routed')")
        self.assertEqual("8", pairs.split()[-1])
        database = (self.dir / "nat.db").read_bytes()
        for form in (SECRET, SECRET.hex().encode(), SECRET.hex().upper().encode()):
            self.assertNotIn(form, database)
        self.run_it("analyze", "card=card.pcap", "-o", "wrong.db", "--keys", "wrong", code=3)
        self.assertIn(f"card: {len(self.card)} frames stay closed", self.err)
        told = self.run_it("query", "wrong.db", "--format", "csv", "SELECT stop_unauthentic FROM tap")
        self.assertEqual(str(len(self.card)), told.split()[-1])
        # The key file of the analysis is read again.
        page = self.run_it("explain", "nat.db", "card:1")
        self.assertIn("| tcp ", page)
        (self.dir / "right").rename(self.dir / "moved")
        self.run_it("explain", "nat.db", "card:1", code=2)
        self.assertIn("right: cannot be read", self.err)
        self.assertIn("| tcp ", self.run_it("explain", "nat.db", "card:1", "--keys", "moved"))

    def test_secrets_of_a_pcapng_open_the_frames_behind_them(self):
        table = "".join(f'"IPv4","{src}","{dst}","{SPIS[way]:#x}","NULL","","HMAC-SHA-256-128 [RFC4868]",'
                        f'"0x{SECRET.hex()}"\n' for way, (src, dst) in ENDS.items()).encode()
        half = len(self.card) // 2
        frames = [(0, *frame) for frame in self.card]
        secrets = captures.block(10, struct.pack("<II", 0x45535053, len(table)) + table)
        head = captures.pcapng(["eth0"], frames[:half])
        packets = captures.pcapng(["eth0"], frames[half:])[len(captures.pcapng(["eth0"], [])):]
        self.write("card.pcapng", head + secrets + packets)
        opened = self.run_it("decode", "card.pcapng").splitlines()
        self.assertEqual(half, sum("[encrypted" in line for line in opened))
        self.assertEqual(len(self.card) - half, sum("| tcp " in line for line in opened))
        self.write("bad.pcapng", head + captures.block(10, struct.pack("<II", 0x45535053, 4) + b"what") + packets)
        self.run_it("decode", "bad.pcapng")
        self.assertIn("bad.pcapng: secrets:1: not keys", self.err)
        self.run_it("analyze", "tun=tun.pcap", "card=bad.pcapng", "-o", "bad.db")
        self.assertIn("bad.pcapng: secrets:1: not keys", self.err)

    def test_bad_files_are_told_by_their_line(self):
        self.write("short", state(SECRET).replace(" 0x" + SECRET.hex(), " 0x" + SECRET.hex()[:-1], 1).encode())
        self.write("text", b"keys:\n")
        for name, says in (("short", "short:3: no key"), ("text", "text:1: not keys; give a WireGuard key log"),
                           ("nosuch", "nosuch: cannot be read")):
            for command in (["decode", "card.pcap"], ["track", "card.pcap"],
                            ["analyze", "card=card.pcap", "-o", "bad.db"]):
                self.run_it(*command, "--keys", name, code=2)
                self.assertIn(says, self.err)
                self.assertNotIn(SECRET.hex()[:16], self.err)
                self.assertEqual("", self.out)


if __name__ == "__main__":
    cli_test.NATLENS = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
