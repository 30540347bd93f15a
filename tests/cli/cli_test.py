#!/usr/bin/env python3
"""The command line as a person meets it: what it prints where, and how it ends.

  cli_test.py NATLENS [unittest options]

Every claim names the exit code: 0 done, 1 the answer is no, 2 usage or unreadable input, 3 nothing
could be judged.
"""
import csv
import io
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import captures  # noqa: E402

NATLENS = None
COMMANDS = ("analyze", "capture", "show", "trace", "explain", "query", "decode", "track", "replay", "nat",
            "report", "verify")


class CliTest(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.holder.name)
        self.addCleanup(self.holder.cleanup)

    def run_it(self, *arguments, code=0, stdin=None):
        done = subprocess.run([NATLENS, *map(str, arguments)], cwd=self.dir, input=stdin, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "NO_COLOR": "1"})
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(code, done.returncode, f"{arguments}\n{self.out}\n{self.err}")
        return self.out

    def write(self, name, data):
        (self.dir / name).write_bytes(data)
        return name

    def write_nat(self, **options):
        inside, outside = captures.through_nat(**options)
        self.write("lan.pcap", captures.pcap(inside))
        self.write("wan.pcap", captures.pcap(outside))

    def analyzed(self, **options):
        self.write_nat(**options)
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db")
        return "nat.db"

    def dump(self, name):
        connection = sqlite3.connect(self.dir / name)
        self.addCleanup(connection.close)
        return "\n".join(connection.iterdump())


class Usage(CliTest):
    def test_version_and_help_go_to_standard_output(self):
        self.assertRegex(self.run_it("--version"), r"^natlens \d+\.\d+\.\d+\n$")
        text = self.run_it("--help")
        for command in COMMANDS:
            self.assertIn(f"  {command} ", text)
            self.assertIn("Examples:", self.run_it(command, "--help"))
        self.assertIn("natlens analyze lan=inside.pcap wan=outside.pcap -o nat.db", text)

    def test_nothing_at_all(self):
        self.run_it(code=2)
        self.assertEqual("", self.out)
        self.assertIn("which command?", self.err)

    def test_mistyped_names_get_the_nearest(self):
        self.run_it("analyse", "x.pcap", code=2)
        self.assertIn("no command 'analyse'; did you mean analyze?", self.err)
        self.run_it("frobnicate", code=2)
        self.assertIn("no command 'frobnicate'; there are analyze, capture, show", self.err)
        self.write_nat()
        self.run_it("analyze", "lan.pcap", "--outptu", "nat.db", code=2)
        self.assertIn("--outptu; did you mean --output?", self.err)
        self.assertIn("`natlens analyze --help`", self.err)
        self.run_it("show", "nat.db", "mapings", code=2)
        self.assertIn("'mapings' is none of", self.err)
        self.assertIn("did you mean mappings?", self.err)
        self.run_it("show", "nat.db", "taps", "--format", "tabel", code=2)
        self.assertIn("did you mean table?", self.err)
        self.run_it("track", "lan.pcap", "--sysctl", "nf_conntrack_udp_timeuot=60", code=2)
        self.assertIn("nf_conntrack_udp_timeout", self.err)

    def test_values_that_cannot_be(self):
        self.write_nat()
        taps = ("lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db")
        for option, value, says in (("--clock", "wan", "TAP=OFFSET"), ("--clock", "wan=soon", "no duration"),
                                    ("--memory", "much", "no size"), ("--pair-window", "0", "above zero"),
                                    ("--sysctl", "nf_conntrack_udp_timeout", "NAME=VALUE"),
                                    ("--sysctl-file", "none.conf", "none.conf: cannot be read")):
            self.run_it("analyze", *taps, option, value, code=2)
            self.assertIn(says, self.err)
            self.assertFalse((self.dir / "nat.db").exists(), "a usage error must not leave a database")
        self.run_it("analyze", "lan.pcap", code=2)
        self.assertIn("--output is required", self.err)
        self.run_it("analyze", *taps, "--clock", "wna=1s", code=2)
        self.assertIn("no tap wna; did you mean wan?; the taps are lan, wan", self.err)


class Manual(CliTest):
    def test_every_option_is_in_the_manual_and_the_other_way_round(self):
        source = pathlib.Path(__file__).resolve().parents[2] / "docs" / "natlens.1"
        manual = set(re.findall(r"--[a-z][a-z-]+", source.read_text().replace("\\-", "-")))
        known = {"--version"}
        for command in COMMANDS:
            options = self.run_it(command, "--help").split("Examples:")[0]
            known |= set(re.findall(r"--[a-z][a-z-]+", options))
        self.assertEqual(known, manual)


class Inputs(CliTest):
    def fails(self, *taps):
        self.run_it("analyze", *taps, "-o", "nat.db", code=2)
        self.assertEqual("", self.out)
        self.assertFalse((self.dir / "nat.db").exists())
        return self.err

    def test_files_that_are_no_captures(self):
        self.write_nat()
        self.write("notes.txt", b"These are my notes about the network, not a capture at all.\n" * 3)
        self.write("empty.pcap", b"")
        (self.dir / "folder").mkdir()
        for name, says in (("notes.txt", "not a capture"), ("empty.pcap", "empty"), ("folder", "directory"),
                           ("missing.pcap", "no such file")):
            error = self.fails("lan=lan.pcap", f"wan={name}")
            self.assertIn(name, error)
            self.assertIn(says, error)
            self.run_it("decode", name, code=2)
            self.assertIn(name, self.err)

    def test_truncated_last_record_is_analysed_up_to_it(self):
        inside, outside = captures.through_nat()
        whole = captures.pcap(outside)
        self.write("lan.pcap", captures.pcap(inside))
        self.write("wan.pcap", whole[:-7])
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db")
        last = len(whole) - len(outside[-1][1]) - 16
        self.assertIn(f"wan.pcap: offset {last}: ", self.err)
        self.assertIn("not read\n  wan.pcap: offset", self.out)
        rows = json.loads(self.run_it("show", "nat.db", "files", "--format", "json"))
        self.assertEqual([1, 0], [row["complete"] for row in rows])
        self.assertIn("snat", self.run_it("show", "nat.db", "mappings"))

    def test_unknown_link_type_is_unreadable_input(self):
        inside, _ = captures.through_nat()
        self.write("odd.pcap", captures.pcap(inside, link_type=147))
        self.run_it("analyze", "odd.pcap", "-o", "nat.db", code=2)
        self.assertIn("odd.pcap: no frame is of a link type that natlens reads", self.err)
        self.assertIn("odd.pcap: offset 20: link type 147 is not one that natlens reads: 180 frames left out",
                      self.out)

    def test_capture_without_frames(self):
        self.write("none.pcap", captures.pcap([]))
        self.run_it("analyze", "none.pcap", "-o", "nat.db", code=3)
        self.assertIn("nothing to judge: the captures hold no frames", self.err)
        self.run_it("decode", "none.pcap", code=3)

    def test_one_tap_alone(self):
        self.write_nat()
        self.run_it("analyze", "lan.pcap", "-o", "nat.db", code=3)
        self.assertIn("one tap alone has no other side", self.err)
        self.assertIn("192.168.1.10", self.run_it("show", "nat.db", "connections"))

    def test_unrelated_captures_pair_nothing(self):
        one, _ = captures.through_nat(seed=1)
        _, other = captures.through_nat(seed=2, clients="10.0.0.{}", public="192.0.2.7", server="203.0.113.99")
        self.write("one.pcap", captures.pcap(one))
        self.write("other.pcap", captures.pcap(other))
        self.run_it("analyze", "one.pcap", "other.pcap", "-o", "nat.db", code=3)
        self.assertIn("nothing to judge: no connection of one tap was recognised at another", self.err)
        self.run_it("show", "nat.db", "translations", code=1)

    def test_existing_output(self):
        self.analyzed()
        before = (self.dir / "nat.db").read_bytes()
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db", code=2)
        self.assertIn("nat.db", self.err)
        self.assertIn("--force", self.err)
        self.assertEqual(before, (self.dir / "nat.db").read_bytes())
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "nat.db", "--force")
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "lan.pcap", "--force", code=2)
        self.run_it("decode", "lan.pcap")  # a capture is not what --force replaces


class Answers(CliTest):
    def test_summary_tells_taps_relation_mappings_and_next_steps(self):
        self.analyzed(count=20)
        self.run_it("analyze", "-r", "lan=lan.pcap", "-r", "wan=wan.pcap", "-o", "again.db")
        for line in (r"again\.db: 360 frames at 2 taps, 40 connections, 20 translations",
                     r"lan +wan +nat +20 snat +198\.51\.100\.2", r"snat +20  tcp 192\.168\.1\.",
                     r"next\n  natlens show again\.db findings\n  natlens show again\.db mappings\n"
                     r"  natlens trace again\.db 192\."):
            self.assertRegex(self.out, line)
        self.assertNotIn("not paired", self.out)

    def test_same_input_gives_the_same_database(self):
        self.analyzed(count=60)
        self.run_it("analyze", "lan=lan.pcap", "wan=wan.pcap", "-o", "again.db")
        self.assertEqual(self.dump("nat.db"), self.dump("again.db"))

    def test_eight_taps_in_one_file_and_a_silent_one(self):
        frames = []
        for pair in range(3):
            inside, outside = captures.through_nat(seed=pair, clients=f"10.{pair}.0.{{}}",
                                                   public=f"198.51.100.{pair + 1}")
            frames += [(2 * pair, *frame) for frame in inside] + [(2 * pair + 1, *frame) for frame in outside]
        frames.append((6, 0.0, captures.ethernet(captures.udp("10.9.9.9", 68, "10.9.9.1", 67, b"once"))))
        frames.sort(key=lambda frame: frame[1])
        names = ["lan0", "wan0", "lan1", "wan1", "lan2", "wan2", "quiet", "silent"]
        self.write("all.pcapng", captures.pcapng(names, frames))
        self.run_it("analyze", "all.pcapng", "-o", "nat.db")
        rows = json.loads(self.run_it("query", "nat.db", "--format", "json",
                                      "SELECT inside_tap AS i, outside_tap AS o, count(*) AS n FROM translations "
                                      "WHERE hops = 1 GROUP BY 1, 2 ORDER BY 1"))
        self.assertEqual([20, 20, 20], [row["n"] for row in rows])
        for row in rows:
            self.assertEqual((row["i"][-4:-1], row["i"][-1]), ("lan", row["o"][-1]))

    def test_trace_follows_either_end_and_knows_neighbours(self):
        self.analyzed()
        text = self.run_it("trace", "nat.db", "192.168.1.13:40003")
        self.assertIn("tcp 192.168.1.13:40003 > 203.0.113.10:443  snat", text)
        self.assertIn("source 192.168.1.13:40003 became 198.51.100.2:20003", text)
        self.assertRegex(text, r"lan -> wan +6 +0 +0 ")
        self.assertIn("tcp_handshake", text)
        self.assertRegex(text, r"lan\.pcap:\d+ \.\. \d+")
        self.assertRegex(text, r"NEW SYN_SENT +-->  NEW SYN_SENT \+400 us")
        self.assertEqual(text, self.run_it("trace", "nat.db", "198.51.100.2:20003"))
        many = self.run_it("trace", "nat.db", "203.0.113.10", "--limit", 2)
        self.assertEqual(2, many.count("source "))
        self.assertIn("more of 203.0.113.10", many)
        self.run_it("trace", "nat.db", "192.168.1.13:40004", code=1)
        self.assertEqual("", self.out)
        self.assertIn("there are 192.168.1.13:40003", self.err)
        self.run_it("trace", "nat.db", "192.0.2.99", code=1)
        self.run_it("trace", "nat.db", "lan", code=2)
        self.assertIn("is no endpoint", self.err)

    def test_show_in_every_format_and_with_filters(self):
        self.analyzed()
        for topic in ("taps", "files", "connections", "conntrack", "events", "translations", "mappings", "behaviours",
                      "nats"):
            rows = json.loads(self.run_it("show", "nat.db", topic, "--format", "json"))
            lines = self.run_it("show", "nat.db", topic, "--format", "jsonl").splitlines()
            table = list(csv.DictReader(io.StringIO(self.run_it("show", "nat.db", topic, "--format", "csv"))))
            self.assertEqual(rows, [json.loads(line) for line in lines])
            self.assertEqual(len(rows), len(table))
            self.assertEqual(list(rows[0]), list(table[0]))
            if topic != "nats":  # report cards
                self.assertEqual(len(rows) + 1, len(self.run_it("show", "nat.db", topic).splitlines()))
        few = json.loads(self.run_it("show", "nat.db", "translations", "--format", "json", "--address",
                                     "192.168.1.11", "--protocol", "tcp", "--limit", "2"))
        self.assertEqual(["192.168.1.11"] * 2, [row["inside_src"] for row in few])
        one = json.loads(self.run_it("show", "nat.db", "mappings", "--format", "json", "--port", "20004"))
        self.assertEqual([40004], [row["internal_port"] for row in one])
        self.run_it("show", "nat.db", "mappings", "--protocol", "udp", code=1)
        self.run_it("show", "nat.db", "taps", "--port", "5", code=2)
        self.assertIn("--port does not apply", self.err)
        self.run_it("show", "nat.db", "tunnels", code=1)
        self.run_it("show", "missing.db", "taps", code=2)
        self.assertIn("missing.db", self.err)
        self.run_it("show", "lan.pcap", "taps", code=2)
        self.assertIn("lan.pcap", self.err)

    def test_show_nats_is_a_report_card(self):
        self.analyzed()
        card = self.run_it("show", "nat.db", "nats")
        self.assertRegex(card, r"^1: lan > wan: nat, 20 snat, external 198\.51\.100\.2\n")
        self.assertRegex(card, r"\n  keeps ports +tcp +not preserving +certain +20 +tcp 192\.168\.1\.10 40000 as "
                               r"198\.51\.100\.2 20000 to 203\.0\.113\.10 443\n")
        self.assertRegex(card, r"\n  filtering +tcp +packets from another port and from another address")
        row = json.loads(self.run_it("show", "nat.db", "nats", "--format", "json"))[0]
        self.assertEqual("not preserving", json.loads(row["behaviour"])["tcp"]["port_preservation"])
        self.run_it("show", "nat.db", "behaviours", "--protocol", "udp", code=1)

    def test_query_parameters_are_given_by_name(self):
        self.analyzed()
        everyone = json.loads(self.run_it("query", "nat.db", "who_was", "--format", "json"))
        asked = everyone[3]["external"].split()
        rows = json.loads(self.run_it("query", "nat.db", "who_was", "--format", "json",
                                      "--set", f"address={asked[0]}", "--set", f"port={asked[1]}"))
        self.assertLess(len(rows), len(everyone))
        self.assertEqual({everyone[3]["external"]}, {row["external"] for row in rows})
        self.run_it("query", "nat.db", "who_was", "--set", "prt=1", code=2)
        self.assertIn("no such parameter; the query has address, port, at", self.err)
        self.run_it("query", "nat.db", "SELECT 1", "--set", "x=1", code=2)
        self.assertIn("no parameters", self.err)
        self.run_it("query", "nat.db", "SELECT :x AS x", "--set", "x", code=2)
        self.assertIn("NAME=VALUE", self.err)

    def test_query_by_name_by_sql_and_from_standard_input(self):
        self.analyzed()
        rows = json.loads(self.run_it("query", "nat.db", "--format", "json"))
        self.assertGreaterEqual(len(rows), 12)
        for row in rows:
            self.assertTrue(row["question"])
            checks = row["name"].startswith("checks/")
            done = subprocess.run([NATLENS, "query", "nat.db", row["name"]], cwd=self.dir, capture_output=True)
            self.assertIn(done.returncode, (0, 1) if checks else (0,), (row, done))
            self.assertEqual(b"", done.stderr)
        sql = "SELECT kind, count(*) AS n FROM translations GROUP BY kind"
        self.assertEqual("kind   n\nsnat  20\n", self.run_it("query", "nat.db", sql))
        self.assertEqual("kind   n\nsnat  20\n", self.run_it("query", "nat.db", "-", stdin=sql.encode()))
        self.run_it("query", "nat.db", "top_maps", code=2)
        self.assertIn("no query 'top_maps'", self.err)
        self.run_it("query", "nat.db", "SELECT no_such FROM translations", code=2)
        self.assertIn("no such column: no_such", self.err)
        self.run_it("query", "nat.db", "DELETE FROM connection", code=2)
        self.assertEqual("", self.out)

    def test_decode_and_track_go_frame_by_frame(self):
        self.write_nat(count=1)
        rows = [json.loads(line) for line in self.run_it("decode", "lan.pcap", "--format", "jsonl").splitlines()]
        self.assertEqual(list(range(1, 10)), [row["k"] for row in rows])
        self.assertIn("192.168.1.10", self.run_it("decode", "-r", "lan.pcap").splitlines()[0])
        data = (self.dir / "lan.pcap").read_bytes()
        self.assertEqual(rows, [json.loads(line) for line in
                                self.run_it("decode", "-", "--format", "jsonl", stdin=data).splitlines()])
        rows = [json.loads(line) for line in self.run_it("track", "lan.pcap", "--format", "jsonl").splitlines()]
        self.assertEqual(["NEW"] + ["ESTABLISHED"] * 8, [row["class"] for row in rows])
        self.assertIn("SYN_SENT", self.run_it("track", "lan.pcap").splitlines()[0])


class Signals(CliTest):
    def feed(self, signal_number):
        """Sends a signal while the inside is still being written to standard input."""
        inside, outside = captures.through_nat(count=400)
        self.write("wan.pcap", captures.pcap(outside))
        data = captures.pcap(inside)
        process = subprocess.Popen([NATLENS, "analyze", "lan=-", "wan=wan.pcap", "-o", "nat.db"], cwd=self.dir,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdin.write(data[:len(data) // 2])
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not (self.dir / "nat.db").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(signal_number)
        try:  # what comes in after the signal is not waited for
            for begin in range(len(data) // 2, len(data), 4096):
                process.stdin.write(data[begin:begin + 4096])
                process.stdin.flush()
                time.sleep(0.01)
        except BrokenPipeError:
            pass
        out, err = process.communicate(timeout=60)
        return process.returncode, out.decode(), err.decode()

    def test_a_killed_run_leaves_a_database_that_says_so(self):
        code, _, _ = self.feed(signal.SIGKILL)
        self.assertEqual(-signal.SIGKILL, code)
        self.run_it("query", "nat.db", "SELECT count(*) AS n FROM connection")
        self.assertIn("nat.db: incomplete", self.err)
        connection = sqlite3.connect(self.dir / "nat.db")
        self.addCleanup(connection.close)
        self.assertEqual([("ok",)], connection.execute("PRAGMA integrity_check").fetchall())

    def test_an_interrupted_run_ends_cleanly(self):
        code, out, _ = self.feed(signal.SIGINT)
        self.assertIn(code, (0, 3))
        self.assertIn("stopped by a signal", out)
        self.run_it("query", "nat.db", "SELECT count(*) AS n FROM connection")
        self.assertEqual("", self.err)

    def test_a_reader_that_goes_away_is_no_error(self):
        self.analyzed(count=200)
        shell = f"'{NATLENS}' show nat.db events --format csv | head -n 1; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", shell], cwd=self.dir, capture_output=True, timeout=60)
        self.assertEqual(b"", done.stderr)
        self.assertEqual(b"0", done.stdout.splitlines()[-1])
        with open("/dev/full", "wb") as full:
            done = subprocess.run([NATLENS, "show", "nat.db", "events"], cwd=self.dir, stdout=full,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(2, done.returncode)
        self.assertIn(b"standard output: No space left on device", done.stderr)


if __name__ == "__main__":
    NATLENS = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
