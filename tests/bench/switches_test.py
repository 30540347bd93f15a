#!/usr/bin/env python3
"""How natlens copes with what makes pairing hard: one row for each switch of the generator.

  switches_test.py NATLENS NATLENS_GENERATE NATLENS_TWIN [--seed N] [--connections N] [--only NAME]

Prints right, wrong and missed pairs of each row, how many connections of both taps stayed ambiguous
and of how many the twin, which compares everything with everything, says that nobody can tell them
apart, how far the clock was off at worst, and the kinds that are not the truth's. Judged:
- wrong at most 1 in 10,000 of what is visible;
- ambiguous at most what the twin calls undecidable;
- the clock within 100 microseconds, from the first frame to the last;
- everything found (0.999), but where the row takes away more than packets can make up for;
- at most 1 in 1,000 of another kind than the truth's, and none called a proxy's.
Ends with 1 otherwise. Each row has 10,000 connections, with NATLENS_LONG=1 200,000.
"""
import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
import score  # noqa: E402

PACKETS = "8"  # of a connection, on average
START_NS = 1_700_000_000 * 10**9  # of the generator
# (name, options, whether all must be found)
ROWS = [
    ("plain", [], True),
    ("worst mix", ["--mix", "worst"], True),
    ("loss 1 %, reordered", ["--loss", "0.01", "--reorder", "0.05"], True),
    ("captures miss 1 %", ["--drop", "0.01"], True),
    ("clock 3600.5 s, 50 ppm", ["--offset", "3600.5", "--drift-ppm", "50"], True),
    ("time zone, 200 ppm", ["--offset", "-25200", "--drift-ppm", "-200"], True),
    ("clock set by 3.2 s", ["--step", "3.2"], True),
    ("clock set by -0.7 s", ["--step", "-0.7", "--offset", "4.5", "--drift-ppm", "-30"], True),
    ("inside set by -0.7 s", ["--inside-step", "-0.7"], True),
    ("partial overlap", ["--late", "6", "--early", "14"], True),
    ("1 payload", ["--payload-values", "1"], True),
    ("10 payloads", ["--payload-values", "10"], True),
    ("1000 payloads", ["--payload-values", "1000"], True),
    ("IP ID 0", ["--ipid-zero"], True),
    ("equal source ports", ["--same-source-ports"], True),
    ("one to many", ["--backends", "7"], True),
    ("sequence shift", ["--seq-shift"], True),
    ("snap length 60", ["--snaplen", "60"], True),
    ("offload inside", ["--tso"], True),
    ("forgotten mappings", ["--forget-mappings"], True),
    ("duplicates", ["--duplicates", "0.3"], True),
    ("no evidence but time", ["--payload-values", "1", "--ipid-zero", "--seq-shift",
                              "--same-source-ports"], False),
]


def value_of(switches, name):
    return float(switches[switches.index(name) + 1]) if name in switches else 0.0


def step_error_us(database, switches):
    """How far off the steps of both clocks are; at least a second if they are not as many."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        found = connection.execute("SELECT tap_id, step_ns FROM clock_step ORDER BY tap_id").fetchall()
    made = [(tap, value_of(switches, name) * 1e9) for tap, name in ((1, "--inside-step"), (2, "--step"))
            if name in switches]
    if [tap for tap, _ in found] != [tap for tap, _ in made]:
        return 1e6
    return max((abs(a - b) / 1e3 for (_, a), (_, b) in zip(found, made)), default=0.0)


def clock_error_us(database, switches):
    """The greatest error of the outside clock, at its first and last frame."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        offset_ns, drift_ppm, anchor_ns, last_ns = connection.execute(
            "SELECT offset_ns, drift_ppm, clock_anchor_ns, last_ns FROM tap WHERE id = 2").fetchone()
    given_ns, given_ppm = value_of(switches, "--offset") * 1e9, value_of(switches, "--drift-ppm")
    worst = step_error_us(database, switches)
    for since in (0, last_ns - (anchor_ns - offset_ns)):
        elapsed = anchor_ns - given_ns - START_NS + since
        truth = given_ns + elapsed * given_ppm * 1e-6
        worst = max(worst, abs(offset_ns + drift_ppm * 1e-6 * since - truth) / 1e3)
    return worst


def in_doubt(database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT count(*) FROM unpaired WHERE reason = 'ambiguous'").fetchone()[0]


def undecidable(twin, switches, folder):
    """What the twin says: pairs it has wrong, connections of both taps that it cannot tell."""
    options = ["--shifted"] if "--seq-shift" in switches else []
    for name in ("--offset", "--drift-ppm", "--step", "--inside-step"):
        if name in switches:
            options += [name, str(value_of(switches, name))]
    words = subprocess.run([twin, *options, folder], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    return int(words[3]), int(words[5]) + int(words[6])


def row(programs, name, switches, options, folder):
    """The counts of one capture, or the text of a failure."""
    natlens, generate, twin = programs
    subprocess.run([generate, "--seed", str(options.seed), "--connections", str(options.connections),
                    "--packets-per-connection", PACKETS, *switches, folder], check=True,
                   stdout=subprocess.DEVNULL)
    database = f"{folder}/nat.db"
    done = subprocess.run([natlens, "analyze", f"in={folder}/inside.pcap", f"out={folder}/outside.pcap",
                           "-o", database, "--force"], text=True, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE)
    if done.returncode != 0:
        return f"{name}: natlens ended with {done.returncode}: {done.stderr.strip()}"
    with open(f"{folder}/truth.jsonl") as lines:
        rows = list(score.predictions(database))
        result = score.score(map(json.loads, lines), rows)
    total = {what: sum(counts[what] for counts in result["table"].values())
             for what in ("visible", "right", "wrong", "missed")}
    twin_wrong, unknowable = undecidable(twin, switches, folder)
    return {**total, "ambiguous": in_doubt(database), "twin_wrong": twin_wrong, "undecidable": unknowable,
            "clock": clock_error_us(database, switches), "proxy": sum(r[1] == "proxy" for r in rows),
            "kind_off": result["kind_off"]}


def judge(name, counts, complete):
    if counts["wrong"] * 10_000 > counts["visible"]:
        yield f"{name}: {counts['wrong']} wrong"
    if counts["ambiguous"] > counts["undecidable"]:
        yield f"{name}: {counts['ambiguous']} ambiguous, though but {counts['undecidable']} are undecidable"
    if counts["twin_wrong"] * 10_000 > counts["visible"]:
        yield f"{name}: the twin itself has {counts['twin_wrong']} wrong"
    if counts["clock"] > 100:
        yield f"{name}: the clock is off by {counts['clock']:.0f} microseconds"
    if complete and counts["right"] < 0.999 * counts["visible"]:
        yield f"{name}: only {counts['right']} of {counts['visible']} found"
    if counts["kind_off"] * 1000 > counts["visible"]:  # what opens an entry anew may be an answer
        yield f"{name}: {counts['kind_off']} of another kind than the truth's"
    if counts["proxy"]:
        yield f"{name}: {counts['proxy']} taken for a proxy's"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("generate")
    parser.add_argument("twin")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int,
                        default=200_000 if os.environ.get("NATLENS_LONG") == "1" else 10_000)
    parser.add_argument("--only", help="the row of that name")
    options = parser.parse_args()
    failures = []
    columns = ("visible", "right", "wrong", "missed", "ambiguous", "undecidable")
    print(f"seed {options.seed}, {options.connections} connections")
    print(f"{'':24}" + "".join(f"{column:>12}" for column in columns) + f"{'clock us':>10}{'s':>6}")
    for name, switches, complete in ROWS:
        if options.only not in (None, name):
            continue
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            counts = row((options.natlens, options.generate, options.twin), name, switches, options, folder)
        if isinstance(counts, str):
            failures.append(counts)
            continue
        print(f"{name:24}" + "".join(f"{counts[column]:12}" for column in columns) +
              f"{counts['clock']:10.1f}{time.monotonic() - begun:6.0f}", flush=True)
        failures += judge(name, counts, complete)
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
