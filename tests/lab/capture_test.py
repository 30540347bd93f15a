#!/usr/bin/env python3
"""natlens capture on the interfaces of a lab's NAT, while clients open 200 connections a second.

  capture_test.py NATLENS [--seed N]

- Nothing is dropped, and every entry of the router's own event log (`conntrack -E`) is in the database:
  a connection at each tap, with the router's translation, in the state that the router tells.
- Somebody runs `natlens show` all the time: it answers, and tells of connections that are open.
- Killed with SIGKILL at random moments, each time the database opens and holds everything but the last
  second.
- Root and all capabilities are gone once the interfaces are open. An interface that is deleted is told of,
  and the other tap goes on.
- What is written to pcapng meanwhile gives the same translations once it is analyzed.

Short: 10 seconds, 4 kills. NATLENS_LONG=1: 3 minutes, 20 kills. Ends with 77 and `NOT RUN: reason` where
no lab can be made.
"""
import argparse
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import router_log_test
import truth
from netlab import HERE, Lab, NotRun, require_lab

LOAD = (sys.executable, str(HERE / "capture_traffic.py"))
SERVER = "198.51.100.9"
RULES = """table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "wan0" masquerade random
  }
}
"""
RATE, HELD = 200, 5
LAST_NS = 1_000_000_000  # what a killed capture may miss
ENTRIES = ("SELECT tap_id, protocol, src, sport, dst, dport FROM connection")
PAIRS = ("SELECT protocol, inside_src, inside_sport, inside_dst, inside_dport, outside_src, outside_sport,"
         " outside_dst, outside_dport FROM translations WHERE hops = 1")


def build(lab):
    for name in ("cl", "srv"):
        lab.namespace(name)
    lab.namespace("gw", forward=True)
    lab.link("cl", "eth0", "gw", "lan0", "10.1.0.2/16", "10.1.0.1/16")
    lab.link("gw", "wan0", "srv", "eth0", "198.51.100.1/24", f"{SERVER}/24")
    lab.route("cl", "default", "10.1.0.1")
    lab.rules("gw", RULES)
    lab.spawn_ready("srv", *LOAD, "serve", SERVER, marker="ready")


class Events:
    """The router's event log from here on."""

    def __init__(self, lab, path):
        self.lab, self.path = lab, path
        self.file = open(path, "w")
        self.process = lab.spawn("gw", "conntrack", "-E", "-o", "extended,timestamp,id", "-b", "33554432",
                                 stdout=self.file)
        time.sleep(0.3)

    def stop(self):
        self.lab.stop(self.process)
        self.file.close()
        return truth.entries(self.path.read_text())


def started(lab, natlens, database, *options):
    """A capture that has begun to take packets."""
    capture = lab.spawn("gw", natlens, "capture", "lan=lan0", "wan=wan0", "-o", str(database), *options,
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(100):
        if pathlib.Path(database).exists() or capture.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(0.3)
    return capture


def load(lab, seconds):
    return lab.spawn("cl", *LOAD, "load", SERVER, str(RATE), str(seconds), str(HELD), stdout=subprocess.PIPE)


def rows(database, query):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def outside_of(entry):
    protocol, src, sport, dst, dport = entry["reply"]
    return (protocol, dst, dport, src, sport)


def missing(entries, database, until_ns):
    """Entries of the router up to that moment that a tap has no connection of."""
    held = set(rows(database, ENTRIES))
    wanted = [(tap, face) for entry in entries if entry["new_ns"] <= until_ns
              for tap, face in ((1, entry["original"]), (2, outside_of(entry)))]
    return [one for one in wanted if (one[0], *one[1]) not in held], len(wanted)


def untranslated(entries, database):
    held = set(rows(database, PAIRS))
    return [entry for entry in entries if (*entry["original"], *outside_of(entry)[1:]) not in held]


class Reader(threading.Thread):
    """Runs `natlens show` again and again."""

    def __init__(self, natlens, database):
        super().__init__(daemon=True)
        self.natlens, self.database = natlens, str(database)
        self.going, self.runs, self.failed, self.rows = True, 0, [], 0

    def run(self):
        while self.going:
            for what in ("connections", "mappings", "findings", "taps"):
                done = subprocess.run([self.natlens, "show", self.database, what, "--limit", "50"],
                                      capture_output=True, text=True, timeout=30)
                self.runs += 1
                if done.returncode not in (0, 1) or "rror" in done.stderr:
                    self.failed.append(f"{what}: {done.returncode} {done.stderr}")
                if what == "connections":
                    self.rows = max(self.rows, done.stdout.count("\n"))
            time.sleep(0.2)


def told(good, text):
    print(("ok    " if good else "WRONG ") + text, flush=True)
    return good


def states_agree(natlens, folder, database):
    """As the router's log tells them at the end of the capture. The log's times are those at which
    conntrack(8) came to print; nothing passes in the last second, so it may take that long."""
    ask = [natlens, "query", str(database), "--format", "json"]
    found = json.loads(subprocess.check_output([*ask, router_log_test.QUERY]))
    ends = json.loads(subprocess.check_output([*ask, "SELECT name, last_ns FROM tap"]))
    ends = {end["name"]: end["last_ns"] + 1_000_000_000 for end in ends}
    agreed, differences = router_log_test.compare(folder, found, ends)
    for difference in differences[:5]:
        print(f"      {difference}")
    return told(not differences and agreed > 0, f"{agreed} states as the router's, {len(differences)} not")


def whole_run(lab, natlens, folder, seconds):
    database, frames = folder / "nat.db", folder / "all.pcapng"
    events = Events(lab, folder / "conntrack-gw.log")
    capture = started(lab, natlens, database, "-w", str(frames))
    reader = Reader(natlens, database)
    reader.start()
    clients = load(lab, seconds)
    said = clients.communicate(timeout=seconds + 60)[0].strip()
    time.sleep(1)
    reader.going = False
    reader.join()
    capture.send_signal(signal.SIGINT)
    summary, errors = capture.communicate(timeout=120)
    entries = events.stop()
    good = told(capture.returncode == 0, f"{said}; ended with {capture.returncode}")
    dropped = rows(database, "SELECT sum(dropped) FROM tap")[0][0]
    good &= told(dropped == 0 and "0 dropped by the kernel, 0 by the interface" in errors,
                 f"{dropped} packets dropped")
    lost, wanted = missing(entries, database, time.time_ns())
    good &= told(not lost and wanted >= 2 * RATE * seconds * 0.8,
                 f"{wanted} entries of the router at their taps, {len(lost)} missing {lost[:2]}")
    unpaired = untranslated(entries, database)
    good &= told(not unpaired, f"{len(entries)} translations as the router's, {len(unpaired)} missing {unpaired[:1]}")
    good &= states_agree(natlens, folder, database)
    good &= told(reader.runs > 4 and not reader.failed and reader.rows > 10,
                 f"{reader.runs} times somebody read meanwhile {reader.failed[:1]}")
    good &= told("snat" in summary and rows(database, "SELECT value FROM meta WHERE key = 'complete'") == [("1",)],
                 "the summary, and a complete database")
    place = rows(database, "SELECT first_frame FROM connection WHERE tap_id = 2 ORDER BY id DESC LIMIT 1")[0][0]
    explained = subprocess.run([natlens, "explain", str(database), f"wan:{place}"], capture_output=True, text=True)
    good &= told(explained.returncode == 0 and "tap wan" in explained.stdout,
                 f"frame {place} of wan is found again {explained.stderr}")
    again = folder / "again.db"
    subprocess.run([natlens, "analyze", str(frames), "-o", str(again)], check=True, capture_output=True, timeout=120)
    return good & told(set(rows(again, PAIRS)) == set(rows(database, PAIRS)), "the frames written tell the same")


def killed(lab, natlens, folder, after):
    database = folder / f"killed-{after:.3f}.db"
    events = Events(lab, folder / f"killed-{after:.3f}.log")
    capture = started(lab, natlens, database)
    clients = load(lab, after + 0.5)
    time.sleep(after)
    capture.kill()
    moment = time.time_ns()
    capture.communicate()
    clients.communicate(timeout=60)
    entries = events.stop()
    opened = subprocess.run([natlens, "show", str(database), "translations", "--limit", "3"], capture_output=True,
                            text=True)
    whole = rows(database, "PRAGMA integrity_check") == [("ok",)]
    lost, wanted = missing(entries, database, moment - LAST_NS)
    before = [entry for entry in entries if entry["new_ns"] <= moment - LAST_NS]
    unpaired = untranslated(before, database)
    good = opened.returncode == 0 and whole and not lost and not unpaired
    return told(good, f"killed after {after:.3f} s: {wanted} entries older than a second, {len(lost)} missing, "
                f"{len(unpaired)} without translation; opens: {opened.returncode == 0}, whole: {whole}")


def gives_up_and_goes_on(lab, natlens, folder):
    """Root is given up once the interfaces are open; one of them goes, and the other tap goes on."""
    database = folder / "gone.db"
    folder.chmod(0o777)
    capture = started(lab, natlens, database, "-Z", "nobody", "-w", str(folder / "gone.pcapng"))
    status = pathlib.Path(f"/proc/{capture.pid}/status").read_text()
    ids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    held = next(line.split()[1] for line in status.splitlines() if line.startswith("CapPrm:"))
    clients = load(lab, 5)
    time.sleep(1)
    lab.run("gw", "ip", "link", "set", "wan0", "down")
    time.sleep(1.5)
    lab.run("gw", "ip", "link", "del", "wan0")
    time.sleep(1.5)
    before = dict(rows(database, "SELECT name, frames FROM tap"))
    time.sleep(1.2)
    after = dict(rows(database, "SELECT name, frames FROM tap"))
    capture.send_signal(signal.SIGINT)
    errors = capture.communicate(timeout=60)[1]
    clients.kill()
    good = told("0" not in ids and int(held, 16) == 0 and database.owner() == "nobody",
                f"users {ids}, capabilities {held}")
    good &= told("wan0 is down" in errors and "wan0 is gone" in errors, "told that the interface went")
    return good & told(after["lan"] > before["lan"] and after["wan"] == before["wan"] and capture.returncode == 0,
                       f"the other tap goes on: {before} then {after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    options = parser.parse_args()
    try:
        require_lab()
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77
    natlens = os.path.abspath(options.natlens)
    whole = os.environ.get("NATLENS_LONG") == "1"
    generator = random.Random(options.seed)
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        folder = pathlib.Path(folder)
        build(lab)
        good = whole_run(lab, natlens, folder, 180 if whole else 10)
        for _ in range(20 if whole else 4):
            good &= killed(lab, natlens, folder, generator.uniform(1.2, 8.0 if whole else 3.5))
        good &= gives_up_and_goes_on(lab, natlens, folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
