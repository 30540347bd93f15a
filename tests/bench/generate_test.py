#!/usr/bin/env python3
"""The generator's captures hold what its truth says, under every switch.

  generate_test.py NATLENS_GENERATE
"""
import collections
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
import pcap_index  # noqa: E402

GENERATE = sys.argv[1]
TAPS = {"inside": "inside.pcap", "outside": "outside.pcap"}


def folded(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksums_hold(frame):
    """RFC 1071: the sum over a packet with its checksum is all ones."""
    ip = frame[14:]
    transport = ip[20:]
    pseudo = b"" if ip[9] == 1 else ip[12:20] + bytes([0, ip[9]]) + struct.pack(">H", len(transport))
    return folded(ip[:20]) == 0xFFFF and folded(pseudo + transport) == 0xFFFF


class Run:
    """One run of the generator: truth lines, and the frames of both captures."""

    def __init__(self, *options, connections=400):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([GENERATE, "--connections", str(connections), *options, folder], check=True,
                           stdout=subprocess.DEVNULL)
            truth = (pathlib.Path(folder) / "truth.jsonl").read_text()
            self.lines = [json.loads(line) for line in truth.splitlines()]
            self.frames = {side: list(pcap_index.packets(pathlib.Path(folder) / name))
                           for side, name in TAPS.items()}
            self.taps = {side: pcap_index.Tap(folder, name) for side, name in TAPS.items()}

    def flow(self, line, side):
        wire = line[side]
        return line["proto"], wire["src"], wire["sport"], wire["dst"], wire["dport"]

    def seen(self, line, side):
        return len(self.taps[side].times(self.flow(line, side), 0, 1 << 62))

    def syn_numbers(self, side):
        return {pcap_index.flow_of(frame)[3:]: struct.unpack_from(">I", frame, 38)[0]
                for _, _, _, frame in self.frames[side]
                if frame[23] == 6 and frame[47] & 0x12 == 0x02}


class Generator(unittest.TestCase):
    def holds(self, run, counted=True):
        """Every line's packets are in the captures, in order; no frame is without a line."""
        for side in TAPS:
            times = [time_ns for _, time_ns, _, _ in run.frames[side]]
            self.assertEqual(times, sorted(times))
            told, seen = collections.Counter(), {}
            for line in run.lines:
                told[run.flow(line, side)] += line["packets"][side]
                seen[run.flow(line, side)] = run.seen(line, side)
            if counted:
                self.assertEqual({flow: n for flow, n in told.items()}, seen)
                self.assertEqual(sum(seen.values()), len(run.frames[side]))
        for line in run.lines:
            if line["visible"]:  # a packet of it stands in both captures
                self.assertGreater(min(line["packets"].values()), 0)

    def test_plain(self):
        for mix in ("mixed", "worst"):
            run = Run("--mix", mix)
            self.holds(run)
            self.assertEqual(len(run.lines), 400)
            for side in TAPS:
                self.assertTrue(all(checksums_hold(frame) for _, _, _, frame in run.frames[side]))

    def test_the_mixes_have_their_frame_sizes(self):
        for mix, size, packets in (("mixed", 363, 50), ("worst", 73, 20)):
            run = Run("--mix", mix, connections=3000)
            lengths = [length for _, _, length, _ in run.frames["inside"]]
            self.assertAlmostEqual(sum(lengths) / len(lengths), size, delta=size * 0.05)
            self.assertAlmostEqual(len(lengths) / 3000, packets, delta=packets * 0.08)

    def test_the_seed_decides_everything(self):
        first, again, other = Run("--seed", "5"), Run("--seed", "5"), Run("--seed", "6")
        self.assertEqual((first.frames, first.lines), (again.frames, again.lines))
        self.assertNotEqual(first.lines, other.lines)

    def test_loss_is_seen_on_one_side_only(self):
        run = Run("--loss", "0.1", "--reorder", "0.05")
        self.holds(run)
        packets = collections.Counter()
        for line in run.lines:
            packets.update(line["packets"])
        self.assertNotEqual(packets["inside"], packets["outside"])
        self.assertTrue(any(not line["visible"] for line in run.lines))

    def test_dropped_frames_are_not_counted(self):
        self.holds(Run("--drop", "0.3"))

    def test_duplicates_are_not_counted(self):
        run = Run("--duplicates", "0.5")
        self.holds(run, counted=False)
        told = sum(line["packets"]["inside"] for line in run.lines)
        self.assertAlmostEqual(len(run.frames["inside"]) / told, 1.5, delta=0.05)

    def test_the_outside_clock(self):
        run = Run("--offset", "3600.5", "--drift-ppm", "50")
        self.holds(run)
        first = run.frames["outside"][0][1] - run.frames["inside"][0][1]
        last = run.frames["outside"][-1][1] - run.frames["inside"][-1][1]
        elapsed = run.frames["inside"][-1][1] - run.frames["inside"][0][1]
        self.assertAlmostEqual(first / 1e9, 3600.5, delta=0.001)
        self.assertAlmostEqual((last - first) / elapsed * 1e6, 50, delta=15)

    def test_payload_values(self):
        run = Run("--payload-values", "10")
        self.holds(run)
        payloads = {frame[42:] for _, _, _, frame in run.frames["inside"] if frame[23] == 17}
        self.assertEqual(len(payloads), 10)

    def test_ip_ids_are_zero(self):
        run = Run("--ipid-zero")
        self.assertEqual({frame[18:20] for _, _, _, frame in run.frames["outside"]}, {b"\0\0"})

    def test_equal_source_ports_clash(self):
        run = Run("--same-source-ports")
        self.holds(run)
        changed = [line for line in run.lines if line["inside"]["sport"] != line["outside"]["sport"]]
        self.assertGreater(len(changed), 3)
        self.assertEqual(len({run.flow(line, "outside") for line in run.lines}), len(run.lines))

    def test_sequence_numbers_shift(self):
        plain, shifted = Run(), Run("--seq-shift")
        self.holds(shifted)
        both = [run.syn_numbers("inside").items() & run.syn_numbers("outside").items()
                for run in (plain, shifted)]
        self.assertGreater(len(both[0]), 5)
        self.assertFalse(both[1])

    def test_snap_length_cuts(self):
        run = Run("--snaplen", "60")
        self.assertLessEqual(max(len(frame) for _, _, _, frame in run.frames["inside"]), 60)
        self.holds(run)

    def test_offload_joins_segments_inside(self):
        run = Run("--tso")
        self.holds(run)
        longest = {side: max(length for _, _, length, _ in run.frames[side]) for side in TAPS}
        self.assertGreater(longest["inside"], 1514)
        self.assertEqual(longest["outside"], 1514)

    def test_forgotten_mappings_have_a_line_each(self):
        run = Run("--forget-mappings")
        lives = collections.defaultdict(list)
        for line in run.lines:
            lives[run.flow(line, "inside")].append(line)
        again = [lines for lines in lives.values() if len(lines) == 2]
        self.assertGreater(len(again), 10)
        for first, second in again:
            self.assertNotEqual(run.flow(first, "outside"), run.flow(second, "outside"))
            self.assertEqual(first["end_ns"], second["start_ns"])
            self.assertEqual(second["packets"]["outside"], run.seen(second, "outside"))

    def test_wrong_options_are_refused(self):
        for words in (["--nope", "x"], ["--seed", "a", "x"], ["--seed"], ["--mix", "all", "x"], []):
            done = subprocess.run([GENERATE, *words], capture_output=True)
            self.assertEqual(done.returncode, 2, words)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
