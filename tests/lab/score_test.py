#!/usr/bin/env python3
"""The scorer and the truth builder, on a few lines whose answer is plain."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import ipaddress  # noqa: E402

import score  # noqa: E402
import truth  # noqa: E402


def line(inside, outside, visible=True, kind="snat"):
    keys = ("src", "sport", "dst", "dport")
    return {"proto": "tcp", "inside": dict(zip(keys, inside)), "outside": dict(zip(keys, outside)),
            "kind": kind, "start_ns": 10**9, "end_ns": 2 * 10**9, "visible": visible}


IN1, OUT1 = ("10.0.0.2", 5, "192.0.2.9", 80), ("198.51.100.1", 5, "192.0.2.9", 80)
IN2, OUT2 = ("10.0.0.3", 5, "192.0.2.9", 80), ("198.51.100.1", 6, "192.0.2.9", 80)


def row(inside, outside, kind="snat", start_ns=10**9, end_ns=2 * 10**9):
    return (score.pair(score.undirected("tcp", *inside), score.undirected("tcp", *outside)), kind,
            start_ns, end_ns)


class Score(unittest.TestCase):
    def totals(self, lines, rows):
        result = score.score(lines, rows)
        counts = result["table"]["snat"]
        return counts["right"], counts["wrong"], counts["missed"], result["times_off"]

    def test_either_side_may_be_called_inside(self):
        self.assertEqual(self.totals([line(IN1, OUT1)], [row(OUT1, IN1)]), (1, 0, 0, 0))

    def test_crossed_pairs_are_wrong_and_missed(self):
        lines = [line(IN1, OUT1), line(IN2, OUT2)]
        self.assertEqual(self.totals(lines, [row(IN1, OUT2), row(IN2, OUT1)]), (0, 2, 2, 0))

    def test_what_is_not_visible_is_not_judged(self):
        self.assertEqual(self.totals([line(IN1, OUT1, visible=False)], [row(IN1, OUT1)]), (0, 0, 0, 0))

    def test_a_tuple_joined_with_itself_is_no_translation(self):
        self.assertEqual(self.totals([line(IN1, OUT1)], [row(IN1, OUT1), row(OUT2, OUT2)]), (1, 0, 0, 0))

    def test_a_row_outside_every_life_is_told(self):
        self.assertEqual(self.totals([line(IN1, OUT1)], [row(IN1, OUT1, start_ns=5 * 10**9,
                                                             end_ns=6 * 10**9)]), (1, 0, 0, 1))


class Log(unittest.TestCase):
    NET = ipaddress.ip_network("192.168.1.0/24")

    def test_icmp_ids_and_lives_come_from_the_events(self):
        log = ("[5.000001]\t    [NEW] ipv4     2 icmp     1 30 src=192.168.1.11 dst=203.0.113.10 type=8 "
               "code=0 id=77 [UNREPLIED] src=203.0.113.10 dst=198.51.100.2 type=0 code=0 id=242 id=9\n"
               "[6.000001]\t[DESTROY] ipv4     2 icmp     1 30 src=192.168.1.11 dst=203.0.113.10 type=8 "
               "code=0 id=77 src=203.0.113.10 dst=198.51.100.2 type=0 code=0 id=242 delta-time=1 id=9\n")
        life, = truth.entries(log)
        self.assertEqual(life["original"], ("icmp", "192.168.1.11", 77, "203.0.113.10", 0))
        self.assertEqual(life["reply"], ("icmp", "203.0.113.10", 0, "198.51.100.2", 242))
        self.assertEqual((life["new_ns"], life["destroy_ns"]), (5000001000, 6000001000))

    def test_kinds(self):
        client, inner = ("tcp", "192.168.1.10", 5, "198.51.100.2", 80), ("tcp", "192.168.1.1", 5, "192.168.1.12", 80)
        outer = ("tcp", "203.0.113.10", 5, "198.51.100.2", 80)
        forwarded = ("tcp", "203.0.113.10", 5, "192.168.1.12", 80)
        self.assertEqual(truth._classify(client, inner, self.NET), ("hairpin", True))
        self.assertEqual(truth._classify(outer, forwarded, self.NET), ("dnat", False))
        self.assertEqual(truth._classify(client, client, self.NET), ("identity", True))


if __name__ == "__main__":
    unittest.main()
