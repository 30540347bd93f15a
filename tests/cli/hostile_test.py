"""natlens under attack: floods and lies in one capture, bounded by --memory, while the connections of
honest people in the same captures keep their translations.

  hostile_test.py NATLENS
"""
import contextlib
import heapq
import os
import pathlib
import random
import resource
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import captures

NATLENS = ""
LONG = os.environ.get("NATLENS_LONG") == "1"
PACKETS = 3_000_000 if LONG else 150_000  # of an attack
SPREAD = 60.0  # seconds that it takes
HONEST = 100  # connections through the NAT meanwhile
MEMORY = "16M"
# The least --memory, and what is of fixed size: batches, SQLite's cache, tables of tunnels.
MOST_KILOBYTES = 128 * 1024


def honest():
    """Connections through a NAT all over the time of the attack: frames of the inside, outside."""
    rng = random.Random(1)
    lan, wan = [], []
    server = "203.0.113.9"
    for i in range(HONEST):
        client, port = f"10.0.0.{2 + i % 200}", 20000 + i
        for time, out, flags, seq, ack, data in captures.session(
                rng, client, server, SPREAD * (i + 0.5) / HONEST):
            if out:
                here, there = (client, port, server, 443), ("198.51.100.1", 30000 + i, server, 443)
            else:
                here, there = (server, 443, "198.51.100.1", 30000 + i), (server, 443, client, port)
            sides = (lan, wan) if out else (wan, lan)
            sides[0].append((time, captures.ethernet(captures.tcp(*here, flags, seq, ack, data))))
            sides[1].append((time + 0.0002,
                             captures.ethernet(captures.tcp(*there, flags, seq, ack, data, 63))))
    return sorted(lan), sorted(wan)


def fold(total):
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def words(*numbers):
    """The sum of 32-bit numbers as a checksum sees them."""
    return sum((number >> 16) + (number & 0xFFFF) for number in numbers)


def spread(count):
    return (SPREAD * i / count for i in range(count))


def syns(flags=2):
    """One TCP packet of each of PACKETS senders, checksums right."""
    frame = bytearray(captures.ethernet(captures.tcp("0.0.0.0", 0, "198.51.100.1", 80, flags, 0)))
    ip, segment = (~struct.unpack_from("!H", frame, at)[0] & 0xFFFF for at in (24, 50))
    for i, time in enumerate(spread(PACKETS)):
        source, port, seq = 0x0B000000 + (i * 2654435761 & 0x3FFFFFF), 1024 + i % 60000, i * 40503
        seq &= 0xFFFFFFFF
        struct.pack_into("!I", frame, 26, source)
        struct.pack_into("!H", frame, 24, ~fold(ip + words(source)) & 0xFFFF)
        struct.pack_into("!H", frame, 34, port)
        struct.pack_into("!I", frame, 38, seq)
        struct.pack_into("!H", frame, 50, ~fold(segment + words(source, seq) + port) & 0xFFFF)
        yield time, bytes(frame)


def ip_flood(packet, set_fields):
    """`packet` PACKETS times, its IP header checksum made right after set_fields(packet, i)."""
    packet = bytearray(packet)
    for i, time in enumerate(spread(PACKETS)):
        set_fields(packet, i)
        packet[10:12] = b"\0\0"
        struct.pack_into("!H", packet, 10, ~fold(sum(struct.unpack_from("!10H", packet))) & 0xFFFF)
        yield time, captures.ethernet(bytes(packet))


def fragments():
    """First fragments that no second one follows."""
    def unlike(packet, i):
        struct.pack_into("!HH", packet, 4, i & 0xFFFF, 0x2000)
        struct.pack_into("!I", packet, 12, 0x0C000000 + (i >> 8))
    return ip_flood(captures.udp("12.0.0.0", 7, "198.51.100.1", 7, b"x" * 1200), unlike)


def tunnels_in_tunnels():
    """IPIP in IPIP, some seventy deep, between addresses of their own."""
    packet = captures.udp("10.9.0.1", 7, "10.9.0.2", 7, b"deep")
    for depth in range(70):
        packet = captures.ipv4(f"172.16.{depth}.1", f"172.16.{depth}.2", 4, packet)
    def unlike(outer, i):
        struct.pack_into("!I", outer, 12, 0x0D000000 + i)
    return ip_flood(packet, unlike)


def overlays():
    """Each packet in a VXLAN of its own."""
    inner = captures.ethernet(captures.udp("10.9.0.1", 7, "10.9.0.2", 7, b"hello"))
    packet = captures.udp("198.51.100.7", 4000, "198.51.100.1", 4789,
                          b"\x08\0\0\0" + b"\0\0\0\0" + inner)
    packet = packet[:26] + b"\0\0" + packet[28:]  # no UDP checksum
    def unlike(outer, i):
        struct.pack_into("!I", outer, 32, (i & 0xFFFFFF) << 8)
    return ip_flood(packet, unlike)


def wireguard():
    """Handshakes and data of sessions that nobody answers, one for each packet."""
    packet = captures.udp("198.51.100.7", 51820, "198.51.100.1", 51820, b"\x01\0\0\0" + b"h" * 144)
    packet = packet[:26] + b"\0\0" + packet[28:]
    def unlike(outer, i):
        struct.pack_into("<I", outer, 32, i)
        struct.pack_into("!I", outer, 12, 0x0E000000 + (i >> 4))
    return ip_flood(packet, unlike)


def stun():
    """Answers that each tell of another mapping."""
    body = b"\x01\x01\x00\x0c\x21\x12\xa4\x42" + b"t" * 12 + b"\0\x20\0\x08\0\x01" + b"pp" + b"aaaa"
    packet = captures.udp("203.0.113.77", 3478, "198.51.100.1", 5000, body)
    packet = packet[:26] + b"\0\0" + packet[28:]
    def unlike(outer, i):
        struct.pack_into("!I", outer, 36, i)
        struct.pack_into("!I", outer, len(outer) - 4, i * 7)
    return ip_flood(packet, unlike)


def broken():
    """TCP packets with wrong checksums."""
    packet = captures.tcp("203.0.113.66", 1, "198.51.100.1", 80, 16, 1, 1, b"x")
    packet = packet[:36] + b"\x12\x34" + packet[38:]
    def unlike(outer, i):
        struct.pack_into("!I", outer, 12, 0x0F000000 + i)
    return ip_flood(packet, unlike)


def holes():
    """One connection whose every packet leaves a hole."""
    yield from ((0.001 * step, captures.ethernet(packet)) for step, packet in enumerate([
        captures.tcp("203.0.113.5", 5, "198.51.100.1", 80, 2, 0),
        captures.tcp("198.51.100.1", 80, "203.0.113.5", 5, 18, 0, 1)]))
    frame = bytearray(captures.ethernet(
        captures.tcp("203.0.113.5", 5, "198.51.100.1", 80, 16, 0, 1, b"data")))
    segment = ~struct.unpack_from("!H", frame, 50)[0] & 0xFFFF
    for i, time in enumerate(spread(PACKETS)):
        seq = (1 + 8 * i) & 0xFFFFFFFF
        struct.pack_into("!I", frame, 38, seq)
        struct.pack_into("!H", frame, 50, ~fold(segment + words(seq)) & 0xFFFF)
        yield 0.01 + time, bytes(frame)


def feed(pipe, data, seconds=8):
    """As a capture that goes on."""
    try:
        for i in range(200):
            pipe.write(data[len(data) * i // 200:len(data) * (i + 1) // 200])
            time.sleep(seconds / 200)
        pipe.close()
    except BrokenPipeError:
        pass


class Hostile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="natlens-hostile-")
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def write(self, name, *streams):
        """Frames of several streams, each in order, merged by time."""
        with open(self.dir / name, "wb") as out:
            out.write(captures.pcap([]))
            for time, data in heapq.merge(*streams, key=lambda frame: frame[0]):
                micro = round(time * 1e6)
                out.write(struct.pack("<IIII", captures.START + micro // 1_000_000, micro % 1_000_000,
                                      len(data), len(data)) + data)

    def analyze(self, *arguments):
        """Runs it with the least memory; its peak in kilobytes."""
        command = [NATLENS, "analyze", *arguments, "-o", "nat.db", "--force", "--memory", MEMORY]
        with subprocess.Popen(command, cwd=self.dir, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as process:
            self.out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, self.out)
        return usage.ru_maxrss

    def ask(self, sql):
        with sqlite3.connect(self.dir / "nat.db") as database:
            return database.execute(sql).fetchall()

    def meta(self, key):
        return int(self.ask(f"SELECT value FROM meta WHERE key = '{key}'")[0][0])

    def check_honest(self):
        """Every honest connection has its translation, the right one, and no other exists."""
        pairs = self.ask("SELECT inside_sport, outside_sport FROM translations WHERE outside_dport = 443")
        self.assertEqual(sorted(pairs), [(20000 + i, 30000 + i) for i in range(HONEST)], self.out)

    def attack(self, frames, *, both=None):
        """The attack at the outside, and what of it (`both`) passed to the inside."""
        lan, wan = honest()
        self.write("lan.pcap", lan, *([both] if both is not None else []))
        self.write("wan.pcap", wan, frames)
        kilobytes = self.analyze("lan=lan.pcap", "wan=wan.pcap")
        print(f"{self.id().split('.')[-1]}: {kilobytes // 1024} MiB", flush=True)
        self.check_honest()
        self.assertLess(kilobytes, MOST_KILOBYTES)

    def test_a_flood_of_syns(self):
        self.attack(syns())
        self.assertGreater(self.meta("connections_evicted"), PACKETS // 2)
        self.assertIn("given up for want of memory", self.out)

    def test_a_flood_of_syns_that_passes_the_box(self):
        self.attack(syns(), both=((time + 0.0001, frame) for time, frame in syns()))
        self.assertGreater(self.meta("connections_evicted"), PACKETS // 2)

    def test_a_flood_of_acks_in_the_middle_of_nothing(self):
        self.attack(syns(flags=16))

    def test_a_flood_of_fragments(self):
        self.attack(fragments())

    def test_tunnels_in_tunnels(self):
        self.attack(tunnels_in_tunnels())

    def test_a_flood_of_overlays(self):
        self.attack(overlays())

    def test_a_flood_of_wireguard_handshakes(self):
        self.attack(wireguard())

    def test_a_flood_of_stun_answers(self):
        self.attack(stun())
        self.assertGreater(self.meta("statements_left_out"), 0)

    def test_a_flood_of_wrong_checksums(self):
        self.attack(broken())

    def test_a_connection_full_of_holes(self):
        self.attack(holes())

    def write_with_jumps(self, jumps):
        """honest() with frames at the outside, at `jumps`' moments, that say another time."""
        lan, wan = honest()
        stray = captures.ethernet(captures.udp("192.0.2.1", 7, "192.0.2.2", 7, b"stray"))
        frames = [(time, time, data) for time, data in wan]
        frames += [(moment, moment + by, stray) for moment, by in jumps]
        self.write("lan.pcap", lan)
        with open(self.dir / "wan.pcap", "wb") as out:
            out.write(captures.pcap([]))
            for _, told, data in sorted(frames, key=lambda frame: frame[0]):
                micro = round((captures.START + told) * 1e6)
                out.write(struct.pack("<IIII", micro // 1_000_000 & 0xFFFFFFFF, micro % 1_000_000,
                                      len(data), len(data)) + data)

    def test_time_stamps_that_cannot_be(self):
        hour = 3600
        for name, jumps in {"the year 2040": [(30, 5e8)], "the year 1973": [(30, -1.6e9)],
                            "the first frame": [(0, 1e9)], "both": [(20, -1.6e9), (40, 5e8)],
                            "to and fro": [(0.3 * i, hour if i % 2 else -hour) for i in range(2, 190)],
                            "two at once": [(30, 1e8), (30, 2e8)],
                            "ever farther": [(0.3 * i, 1e6 * i) for i in range(1, 200)]}.items():
            with self.subTest(name):
                self.write_with_jumps(jumps)
                self.analyze("lan=lan.pcap", "wan=wan.pcap")
                self.check_honest()
                self.assertIn(f"wan: {len(jumps)} frames have a time stamp far from", self.out)
                length = self.ask("SELECT max(last_ns) - min(first_ns) FROM tap")[0][0]
                self.assertLess(length, 61e9)

    def test_a_silence_is_no_lie(self):
        """Both sides were silent for an hour: the time stamps behind it are believed."""
        lan, wan = honest()
        late = lambda frames: [(time + (3600 if time > 30 else 0), data) for time, data in frames]  # noqa: E731
        self.write("lan.pcap", late(lan))
        self.write("wan.pcap", late(wan))
        self.analyze("lan=lan.pcap", "wan=wan.pcap")
        self.check_honest()
        self.assertNotIn("time stamp far from", self.out)
        self.assertEqual(self.ask("SELECT sum(last_ns - first_ns > 3600e9) FROM tap"), [(2,)])

    def test_pcapng_blocks_that_lie_about_their_length(self):
        lan, wan = honest()
        self.write("lan.pcap", lan)
        rng = random.Random(3)
        whole = captures.pcapng(["wan"], [(0, time, data) for time, data in wan])
        head, packets = whole[:whole.index(b"\x06\0\0\0")], []
        at = len(head)
        while at < len(whole):
            size = struct.unpack_from("<I", whole, at + 4)[0]
            packets.append(whole[at:at + size])
            at += size
        lies = [struct.pack("<II", 6, size) + rng.randbytes(40) for size in
                (0, 4, 12, 0xFFFFFFFC, 0x7FFFFFF0, 1 << 24, 52)]
        lies.append(captures.block(6, struct.pack("<IIIII", 0, 0, 0, 0xFFFFFF00, 60) + b"x" * 20))
        lies.append(captures.block(6, struct.pack("<IIIII", 99, 0, 0, 20, 20) + b"x" * 20))
        lies.append(captures.block(1, b"\1\0"))
        for number, lie in enumerate(lies):
            middle = len(packets) // 2
            (self.dir / "wan.pcapng").write_bytes(
                head + b"".join(packets[:middle]) + lie + b"".join(packets[middle:]))
            with self.subTest(number):
                self.assertLess(self.analyze("lan=lan.pcap", "wan=wan.pcapng"), MOST_KILOBYTES)
                pairs = self.ask("SELECT count(*), sum(outside_sport - inside_sport = 10000)"
                                 " FROM translations WHERE outside_dport = 443")
                self.assertEqual(pairs, [(HONEST, HONEST)], self.out)
                self.assertNotEqual(self.ask("SELECT notes FROM file WHERE id = 2"), [(None,)])

    def check_what_was_committed(self):
        self.assertEqual(self.ask("SELECT value FROM meta WHERE key = 'complete'"), [("0",)])
        self.assertEqual(self.ask("PRAGMA integrity_check"), [("ok",)])
        show = subprocess.run([NATLENS, "show", "nat.db", "taps"], cwd=self.dir, capture_output=True,
                              text=True, check=False)
        self.assertIn(show.returncode, (0, 1))  # 1: nothing of that kind yet
        self.assertIn("incomplete", show.stderr)

    def lock(self, process):
        """A connection that keeps the writer out, begun between two of its transactions."""
        while process.poll() is None:
            if (self.dir / "nat.db").exists():
                other = sqlite3.connect(self.dir / "nat.db", isolation_level=None, timeout=0)
                try:
                    other.execute("BEGIN IMMEDIATE")
                    if other.execute("SELECT count(*) FROM meta").fetchone()[0] > 0:
                        return other
                    other.execute("ROLLBACK")
                except sqlite3.OperationalError:
                    pass
                other.close()
            time.sleep(0.001)
        raise AssertionError(f"it ended first: {process.stderr.read().decode()}")

    def test_a_full_disk(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
        self.write("wan.pcap", syns())
        done = subprocess.run([NATLENS, "analyze", "wan=wan.pcap", "-o", "nat.db", "--memory", MEMORY],
                              cwd=self.dir, capture_output=True, text=True, check=False,
                              preexec_fn=limit)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nat.db: cannot write: ", done.stderr)
        self.assertIn("rows committed before are kept and marked incomplete", done.stderr)
        self.check_what_was_committed()

    def test_a_database_that_another_program_locks(self):
        self.write("wan.pcap", syns())
        data = (self.dir / "wan.pcap").read_bytes()
        process = subprocess.Popen([NATLENS, "analyze", "wan=-", "-o", "nat.db"], cwd=self.dir,
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        threading.Thread(target=feed, args=(process.stdin, data), daemon=True).start()
        with process, contextlib.closing(self.lock(process)) as other:
            self.assertEqual(process.wait(60), 2)
            other.execute("ROLLBACK")
            self.assertIn("nat.db: cannot write: database is locked", process.stderr.read().decode())
        self.check_what_was_committed()

    def test_a_target_that_cannot_be(self):
        self.write("wan.pcap", honest()[1])
        for target in ("/proc/nat.db", "/dev/null/nat.db", "."):
            done = subprocess.run([NATLENS, "analyze", "wan=wan.pcap", "-o", target, "--force"],
                                  cwd=self.dir, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, target)
            self.assertIn(f"natlens: {target}: ", done.stderr)


if __name__ == "__main__":
    NATLENS = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
