#!/usr/bin/env python3
"""Live differential test of connection tracking: random packet sequences go, packet by packet,
through the running kernel and through `natlens track`, which must say the same of every packet.

  differential_test.py NATLENS KERNEL_FEED [--seed N] [--seconds S] [--batches N]

The kernel's router is a network namespace between two TUN interfaces. Rules of its own write into
the DSCP of each forwarded packet how `ct state` and `ct direction` matched, and kernel_feed.cc
reads that, the entry and the events after every packet. A capture with the times at which the
packets were sent then goes through natlens, so that time passes equally for both.

A batch is some hundred sequences (sequences.py) under sysctls of its own, drawn from its seed; the
batches of a run have the seeds N, N + 1, ... Compared are class, direction, entry, state, timeout
(within the second that the kernel rounds off), flags, window scales, tags and events. On a
difference the first differing sequence is printed, and the command that repeats its batch. At the
end one batch is read again with wrong timeouts, which must be noticed.

Short: about 10 seconds of batches. With NATLENS_LONG=1 two minutes. Ends with 77 and
`NOT RUN: reason` where no such namespace can be made.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import random
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time

import sequences
from netlab import Lab, NotRun, require_lab

NAMESPACE = "router"
INSIDE, OUTSIDE = "in0", "out0"
EPOCH_NS = 1_700_000_000 * 10**9  # of a capture whose times the kernel counts from its boot
RULES = """table ip told {
chain tell {
type filter hook postrouting priority 0
ct state invalid ip dscp set 1
ct state new ct direction original ip dscp set 2
ct state new ct direction reply ip dscp set 3
ct state established ct direction original ip dscp set 4
ct state established ct direction reply ip dscp set 5
ct state related ct direction original ip dscp set 6
ct state related ct direction reply ip dscp set 7
}
}"""
TOLD = {1: ("INVALID", None), 2: ("NEW", "orig"), 3: ("NEW", "reply"), 4: ("ESTABLISHED", "orig"),
        5: ("ESTABLISHED", "reply"), 6: ("RELATED", "orig"), 7: ("RELATED", "reply")}
KERNELS = ("5.10", "5.15", "6.1", "6.6", "6.12", "6.18")
PLAIN = {"nf_conntrack_checksum": 1, "nf_conntrack_events": 1, "nf_conntrack_acct": 0,
         "nf_conntrack_tcp_loose": 1, "nf_conntrack_tcp_be_liberal": 0,
         "nf_conntrack_tcp_ignore_invalid_rst": 0, "nf_conntrack_tcp_max_retrans": 3}


# ---- the kernel's side
def make_router(lab):
    if not os.path.exists("/dev/net/tun"):
        raise NotRun("kernel feature missing: /dev/net/tun")
    lab.namespace(NAMESPACE, forward=True)
    lab.sysctl(NAMESPACE, "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
    for interface in (INSIDE, OUTSIDE):
        lab.run(NAMESPACE, "ip", "tuntap", "add", "mode", "tun", "name", interface)
        lab.run(NAMESPACE, "ip", "link", "set", interface, "mtu", "9000", "up")
    lab.run(NAMESPACE, "ip", "addr", "add", "192.0.2.1/32", "dev", INSIDE)
    lab.run(NAMESPACE, "ip", "route", "add", "10.0.0.0/8", "dev", INSIDE)
    lab.run(NAMESPACE, "ip", "route", "add", "default", "dev", OUTSIDE)
    lab.rules(NAMESPACE, RULES)


def sysctls_there(lab):
    listed = lab.run(NAMESPACE, "sysctl", "net.netfilter").stdout
    return {name: int(value)
            for name, value in re.findall(r"^net\.netfilter\.(nf_conntrack_\w+) = (\d+)$", listed, re.M)}


class Feed:
    """kernel_feed in the router, for all batches of a run."""

    def __init__(self, lab, program):
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", f"{lab.prefix}-{NAMESPACE}", program, INSIDE, OUTSIDE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def answers(self, packets):
        records = b"".join(
            struct.pack("!BBIIHHH", packet.from_outside, *packet.tuple, len(packet.bytes)) + packet.bytes
            for packet in packets) + bytes(16)
        writer = threading.Thread(target=self._write, args=(records,))
        writer.start()
        answers = []
        for line in self._process.stdout:
            answers.append(json.loads(line))
            if len(answers) == len(packets):
                break
        writer.join()
        if len(answers) != len(packets):
            raise RuntimeError(f"kernel_feed ended with {self._process.wait(5)} after "
                               f"{len(answers)} of {len(packets)} packets")
        for answer in answers:
            packet_class, direction = TOLD.get(answer.pop("dscp", 0), ("NONE", None))
            answer["class"] = packet_class
            if direction:
                answer["dir"] = direction
        return answers

    def _write(self, records):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(records)
            self._process.stdin.flush()


# ---- natlens's side
def write_capture(path, packets, answers):
    with open(path, "wb") as out:
        out.write(struct.pack("!IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101))  # ns, raw IP
        for packet, answer in zip(packets, answers):
            seconds, ns = divmod(EPOCH_NS + answer["ns"], 10**9)
            size = len(packet.bytes)
            out.write(struct.pack("!IIII", seconds, ns, size, size) + packet.bytes)


def natlens_answers(natlens, path, sysctls):
    kernel = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])
    nearest = [name for name in KERNELS if tuple(map(int, name.split("."))) <= kernel] or KERNELS[:1]
    settings = [f"--sysctl={name}={value}" for name, value in sysctls.items()]
    run = subprocess.run([natlens, "track", path, "--format", "jsonl", "--kernel", nearest[-1], *settings],
                         stdout=subprocess.PIPE, check=True, timeout=120)
    return [json.loads(line) for line in run.stdout.splitlines()]


# ---- comparison
class Comparison:
    """Holds the answers of one batch against each other. Entries have their own numbers on either
    side; two numbers that meet once must always meet."""

    def __init__(self):
        self._partner = {}
        self._used = set()

    def same_entry(self, kernels, ours):
        if kernels is None or ours is None:
            return kernels is ours
        if kernels not in self._partner:
            if ours in self._used:
                return False
            self._partner[kernels] = ours
            self._used.add(ours)
        return self._partner[kernels] == ours

    def differences(self, kernels, ours):
        keys = [key for key in ("class", "dir", "state", "f", "ws", "fl", "vtag")
                if kernels.get(key) != ours.get(key)]
        if not same_time(kernels.get("t"), ours.get("t")):
            keys.append("t")
        if not self.same_events(events(kernels), events(ours)):
            keys.append("ev")
        if not self.same_entry(kernels.get("ct"), ours.get("ct")):
            keys.append("ct")
        return keys

    def same_events(self, kernels, ours):
        return len(kernels) == len(ours) and all(
            k[0] == o[0] and self.same_entry(k[1], o[1]) and same_time(k[2], o[2]) and k[3] == o[3]
            for k, o in zip(kernels, ours))


def same_time(kernels, ours):
    """The kernel rounds down what is left of a timeout, natlens up."""
    return kernels == ours or (None not in (kernels, ours) and kernels == ours - 1)


def events(answer):
    """(kind, entry, seconds or None, the rest); without the ends of what had timed out, which the
    kernel notices when it happens to come across them."""
    found = []
    for text in answer.get("ev", ()):
        kind, entry, rest = (text.split(" ", 2) + [""])[:3]
        seconds = re.search(r"t=(\d+)", rest)
        if kind == "DESTROY" and not seconds:
            continue
        found.append((kind, int(entry), int(seconds[1]) if seconds else None,
                      re.sub(r"t=\d+ ?", "", rest).strip()))
    return found


def compare(kernels, ours):
    """The keys that differ, by packet."""
    comparison = Comparison()
    return {index: keys for index, pair in enumerate(zip(kernels, ours))
            if (keys := comparison.differences(*pair))}


# ---- batches
def draw_sysctls(rng, there):
    """Half the batches have the kernel's defaults, half have timeouts and switches of their own."""
    values = {name: value for name, value in there.items() if "_timeout" in name}
    values |= {name: value for name, value in PLAIN.items() if name in there}
    if rng.random() < 0.5:
        return values
    for name in values:
        if "_timeout" in name:
            values[name] = rng.randint(20, 5000)
    for name in ("nf_conntrack_tcp_loose", "nf_conntrack_tcp_be_liberal",
                 "nf_conntrack_tcp_ignore_invalid_rst"):
        if name in values:
            values[name] = int(rng.random() < 0.35)
    values["nf_conntrack_tcp_max_retrans"] = rng.choice((0, 1, 3, 7))
    return values


def mixed(rng, made):
    """The packets of all sequences as (sequence, packet), in turn or a few sequences at a time
    mixed at random."""
    if rng.random() < 0.5:
        return [(number, packet) for number, packets in enumerate(made) for packet in packets]
    out = []
    for start in range(0, len(made), 6):
        order = [number for number in range(start, min(start + 6, len(made))) for _ in made[number]]
        rng.shuffle(order)
        turns = {number: iter(made[number]) for number in set(order)}
        out += [(number, next(turns[number])) for number in order]
    return out


class Batch:
    def __init__(self, seed, there, first_number, count=250):
        rng = random.Random(seed)
        self.seed = seed
        self.sysctls = draw_sysctls(rng, there)
        without = () if "nf_conntrack_sctp_timeout_closed" in there else (sequences.sctp_sequence,)
        self.sequences = count
        tagged = mixed(rng, sequences.sequences(rng, count, first_number, without))
        self.owner = [number for number, _ in tagged]
        self.packets = [packet for _, packet in tagged]
        self.kernels = self.ours = ()

    def run(self, lab, feed, natlens, capture):
        lab.run(NAMESPACE, "conntrack", "-F")
        lab.sysctl(NAMESPACE, *(f"net.netfilter.{name}={value}" for name, value in self.sysctls.items()))
        self.kernels = feed.answers(self.packets)
        write_capture(capture, self.packets, self.kernels)
        self.ours = natlens_answers(natlens, capture, self.sysctls)
        if len(self.ours) != len(self.packets):
            raise RuntimeError(f"natlens track printed {len(self.ours)} lines for {len(self.packets)} frames")
        return compare(self.kernels, self.ours)

    def tell(self, different):
        """The sequence of the first difference, as text."""
        first = min(different)
        owner = self.owner[first]
        print(f"seed {self.seed}: packet {first + 1}, sequence {owner + 1}, differs in "
              f"{', '.join(different[first])}")
        print("sysctls:", " ".join(f"{name}={value}" for name, value in self.sysctls.items()))
        for index, packet in enumerate(self.packets):
            if self.owner[index] != owner:
                continue
            side = "from outside" if packet.from_outside else "from inside "
            print(f"{'>>' if index in different else '  '} {index + 1} {side} {packet.text}")
            if index in different or index < first:
                print(f"       kernel  {said(self.kernels[index])}")
            if index in different:
                print(f"       natlens {said(self.ours[index])}")
            if index >= first:
                break



def said(answer):
    hidden = ("ns", "i", "frame", "orig", "reply")
    return " ".join(f"{key}={json.dumps(value)}" for key, value in answer.items() if key not in hidden)


def notices_wrong_setting(natlens, capture, batch):
    """A comparison that cannot fail proves nothing: with other timeouts it must."""
    wrong = {name: value + 7 if "_timeout" in name else value for name, value in batch.sysctls.items()}
    return bool(compare(batch.kernels, natlens_answers(natlens, capture, wrong)))


def run(options, lab, folder):
    there = sysctls_there(lab)
    capture = str(folder / "batch.pcap")
    agreed = total = turn = 0
    classes = {}
    end = time.monotonic() + options.seconds
    with Feed(lab, options.kernel_feed) as feed:
        while turn < options.batches and (turn == 0 or time.monotonic() < end):
            batch = Batch(options.seed + turn, there, turn * 250 % 10_000_000)
            different = batch.run(lab, feed, options.natlens, capture)
            turn += 1
            total += len(batch.packets)
            agreed += len(batch.packets) - len(different)
            for answer in batch.kernels:
                classes[answer["class"]] = classes.get(answer["class"], 0) + 1
            if different:
                batch.tell(different)
                print(f"again: {sys.argv[0]} {options.natlens} {options.kernel_feed} "
                      f"--seed {batch.seed} --batches 1")
                break
    print(f"kernel {platform.release()}, seeds {options.seed} to {options.seed + turn - 1}: "
          f"{agreed} of {total} packets of {turn * 250} sequences agree; {classes}")
    if agreed == total and not notices_wrong_setting(options.natlens, capture, batch):
        print("a wrong setting was not noticed: the comparison is blind")
        return 1
    return 0 if agreed == total else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("kernel_feed")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--seconds", type=float,
                        default=120 if os.environ.get("NATLENS_LONG") == "1" else 10)
    parser.add_argument("--batches", type=int, default=sys.maxsize)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    try:
        require_lab()
        with Lab() as lab, tempfile.TemporaryDirectory() as folder:
            try:
                make_router(lab)
            except subprocess.CalledProcessError as error:
                raise NotRun(f"no router: {' '.join(error.cmd)}: {(error.stderr or '').strip()}") from error
            return run(options, lab, pathlib.Path(folder))
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77


if __name__ == "__main__":
    sys.exit(main())
