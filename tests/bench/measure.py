#!/usr/bin/env python3
"""Measures `natlens analyze` against a libpcap loop over the same generated captures.

  measure.py BUILD_DIR DATA_DIR [--quick] [--large] [--rounds N]

The two programs run in turn, so that a machine that slows down slows both; medians are compared.
CPU is user and system time of the process and its threads (wait4), memory its greatest resident
set. Memory of a live connection: what is above a run over a tiny capture, divided by the entries
that the generator's box held at once and by the two taps. Every command is printed.
"""
import argparse
import hashlib
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

LAB = pathlib.Path(__file__).resolve().parent.parent / "lab"
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Usage:
    cpu: float = 0.0
    wall: float = 0.0
    rss_bytes: int = 0
    threads: Counter = field(default_factory=Counter)  # CPU seconds by thread name


def thread_times(pid, found):
    """CPU of each living thread, by its id; what a thread used last stays when it ends."""
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            text = pathlib.Path(f"/proc/{pid}/task/{task}/stat").read_text()
            name, _, rest = text.partition("(")[2].rpartition(")")
            ticks = rest.split()
            found[task] = (name, (int(ticks[11]) + int(ticks[12])) / TICK)
    except OSError:
        pass  # ended in the meantime


def run(command, one_core=False):
    """Runs to the end; returns the usage. A failure is an error."""
    def pin():
        if one_core:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=pin)
    found, done = {}, threading.Event()

    def sample():
        while not done.wait(0.05):
            thread_times(process.pid, found)

    sampler = threading.Thread(target=sample)
    sampler.start()
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    done.set()
    sampler.join()
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{shlex.join(command)} ended with {process.returncode}:\n{said.decode()}")
    names = Counter()
    for name, seconds in found.values():
        names[name] += seconds
    return Usage(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024, names)


class Captures:
    """A pair of generated captures, made once for each set of options and generator."""

    def __init__(self, generator, data, name, *options):
        self.name, self.folder = name, data / name
        self.command = [str(generator), *options, str(self.folder)]
        stamp = hashlib.sha256(generator.read_bytes() + " ".join(options).encode()).hexdigest()
        note = self.folder / "made"
        if not note.exists() or note.read_text().split("\n")[0] != stamp:
            self.folder.mkdir(parents=True, exist_ok=True)
            note.unlink(missing_ok=True)
            made = subprocess.run(self.command, check=True, text=True, stdout=subprocess.PIPE)
            note.write_text(f"{stamp}\n{made.stdout}")
        self.said = note.read_text().split("\n")[1]
        words = self.said.split()
        self.packets = int(words[3]) + int(words[5])
        self.live = int(words[-1])
        self.files = [str(self.folder / "inside.pcap"), str(self.folder / "outside.pcap")]


def median(usages, what):
    return statistics.median(getattr(usage, what) for usage in usages)


def show(command):
    print(f"  $ {shlex.join(command)}", flush=True)


class Bench:
    def __init__(self, build, data, rounds):
        self.loop = str(build / "tests/bench/natlens_libpcap_loop")
        self.natlens = str(build / "natlens")
        self.generator = build / "tests/bench/natlens_generate"
        self.conntrack = str(build / "tests/bench/bench_conntrack")
        self.decode = str(build / "tests/bench/bench_decode")
        self.data, self.rounds = data, rounds
        tiny = Captures(self.generator, data, "tiny", "--connections", "100")
        self.base_rss = run(self.analyze(tiny)).rss_bytes

    def analyze(self, captures):
        return [self.natlens, "analyze", f"lan={captures.files[0]}", f"wan={captures.files[1]}",
                "-o", str(self.data / "bench.db"), "--force"]

    def measure(self, name, *options):
        captures = Captures(self.generator, self.data, name, *options)
        loop_command, analyze_command = [self.loop, *captures.files], self.analyze(captures)
        print(f"\n{name}: {captures.said}")
        for command in (captures.command, loop_command, analyze_command):
            show(command)
        run(loop_command)  # the files are in the page cache from here on
        loops, analyses = [], []
        for _ in range(self.rounds):
            loops.append(run(loop_command))
            analyses.append(run(analyze_command))
        self.report(captures, loops, analyses)
        self.report_decoding("decoding", captures.files[0])
        self.report_vxlan(captures)
        self.report_tracking(captures, median(loops, "cpu"))
        self.report_cores(analyze_command, median(analyses, "wall"))
        self.report_truth(captures)

    def report(self, captures, loops, analyses):
        for what in ("cpu", "wall"):
            loop, analysis = median(loops, what), median(analyses, what)
            print(f"  {what:4} libpcap loop {loop:7.3f} s ({loop / captures.packets * 1e9:5.0f} ns a packet)   "
                  f"natlens {analysis:7.3f} s ({analysis / captures.packets * 1e9:5.0f} ns)   "
                  f"ratio {analysis / loop:.2f}")
        rss = max(usage.rss_bytes for usage in analyses)
        each = (rss - self.base_rss) / captures.live / 2
        print(f"  peak memory {rss / 2**20:.1f} MiB ({self.base_rss / 2**20:.1f} MiB for a tiny capture): "
              f"{each:.0f} bytes per live connection and tap ({captures.live} live at once, 2 taps)")
        last = analyses[-1].threads
        if len(last) > 1:
            print("  cpu by thread: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in last.most_common()))
        print(f"  database {(self.data / 'bench.db').stat().st_size / 2**20:.1f} MiB")

    def report_decoding(self, what, file):
        """Decoding alone, without reading, beside the loop over the same file."""
        command = [self.decode, file]
        show(command)
        run([self.loop, file])
        loop = statistics.median(run([self.loop, file]).cpu for _ in range(self.rounds))
        words = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.split()
        ns, frames = float(words[1]), int(words[words.index("frames") - 1])
        print(f"  {what} {ns:.0f} ns a frame, {ns * frames / 1e9 / loop:.2f} of the loop")

    def report_vxlan(self, captures):
        wrapped = str(self.data / "vxlan.pcap")
        subprocess.run([self.decode, captures.files[0], "--vxlan", wrapped], check=True)
        self.report_decoding("decoding inside VXLAN", wrapped)
        os.unlink(wrapped)

    def report_tracking(self, captures, loop):
        """Connection tracking alone, without reading and decoding, beside the same loop."""
        command = [self.conntrack, captures.files[0]]
        show(command)
        said = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        ns, loop_ns = float(said.split()[1]), loop / captures.packets * 1e9
        print(f"  tracking {ns:.0f} ns a packet, {ns / loop_ns:.2f} of the loop")

    def tracking_memory(self, connections):
        command = [self.conntrack, str(connections)]
        print("\nconntrack: packets of connections at random")
        show(command)
        said = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        print("  " + said.strip().replace("\n", "\n  "))

    @staticmethod
    def report_cores(command, wall):
        cores = len(os.sched_getaffinity(0))
        if cores > 1:
            alone = run(command, one_core=True).wall
            print(f"  wall on one core {alone:.3f} s, on {cores} cores {wall:.3f} s: {alone / wall:.2f} times better")

    def report_truth(self, captures):
        command = [sys.executable, str(LAB / "score.py"), str(captures.folder), str(self.data / "bench.db"),
                   "--min-precision", "0", "--min-recall", "0", "--list", "0"]
        show(command)
        scored = subprocess.run(command, text=True, capture_output=True)
        print("  " + (scored.stdout or scored.stderr).strip().replace("\n", "\n  "))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.build.resolve(), options.data.resolve(), options.rounds)
    share = 10 if options.quick else 1
    bench.measure("mixed-quick" if options.quick else "mixed", "--mix", "mixed", "--connections", str(44_000 // share))
    bench.measure("worst-quick" if options.quick else "worst", "--mix", "worst", "--connections", str(200_000 // share))
    bench.tracking_memory(1_000_000 // share)
    if options.large:
        bench.measure("worst-large", "--mix", "worst", "--connections", "1000000")


if __name__ == "__main__":
    main()
