#!/usr/bin/env python3
"""How natlens copes with what makes pairing hard: one row for each switch of the generator.

  switches_test.py NATLENS NATLENS_GENERATE [--seed N] [--only NAME]

Prints right, wrong, missed and ambiguous of each row. Judged: wrong at most 1 in 10,000 of what is
visible; ends with 1 otherwise. A plain capture and those whose switch takes no evidence away must
be found as well: recall at least 0.99. NATLENS_LONG=1 takes 200,000 connections instead of 2,000.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
import score  # noqa: E402

# (name, options, whether all must be found)
ROWS = [
    ("plain", [], True),
    ("worst mix", ["--mix", "worst"], True),
    ("loss 1 %, reordered", ["--loss", "0.01", "--reorder", "0.05"], True),
    ("captures miss 1 %", ["--drop", "0.01"], True),
    ("clock 3600.5 s, 50 ppm", ["--offset", "3600.5", "--drift-ppm", "50"], True),
    ("1 payload", ["--payload-values", "1"], False),
    ("10 payloads", ["--payload-values", "10"], False),
    ("1000 payloads", ["--payload-values", "1000"], False),
    ("IP ID 0", ["--ipid-zero"], True),
    ("equal source ports", ["--same-source-ports"], True),
    ("sequence shift", ["--seq-shift"], False),
    ("snap length 60", ["--snaplen", "60"], False),
    ("offload inside", ["--tso"], True),
    ("forgotten mappings", ["--forget-mappings"], True),
    ("duplicates", ["--duplicates", "0.3"], True),
    ("no evidence but time", ["--payload-values", "1", "--ipid-zero", "--seq-shift",
                              "--same-source-ports"], False),
]


def row(programs, name, options, folder):
    """Right, wrong, missed, ambiguous of one capture, or the text of a failure."""
    natlens, generate = programs
    subprocess.run([generate, *options, folder], check=True, stdout=subprocess.DEVNULL)
    database = f"{folder}/nat.db"
    done = subprocess.run([natlens, "analyze", f"in={folder}/inside.pcap", f"out={folder}/outside.pcap",
                           "-o", database, "--force"], text=True, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE)
    if done.returncode not in (0, 3):  # 3: nothing could be paired, an honest answer here
        return f"{name}: natlens ended with {done.returncode}: {done.stderr.strip()}"
    lines = [json.loads(line) for line in pathlib.Path(folder, "truth.jsonl").read_text().splitlines()]
    result = score.score(lines, score.predictions(database))
    total = {what: sum(counts[what] for counts in result["table"].values())
             for what in ("visible", "right", "wrong", "missed")}
    return {**total, "ambiguous": score.ambiguous(database)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("generate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="the row of that name")
    options = parser.parse_args()
    connections = 200_000 if os.environ.get("NATLENS_LONG") == "1" else 2000
    failures = []
    print(f"seed {options.seed}, {connections} connections")
    print(f"{'':24}{'visible':>9}{'right':>9}{'wrong':>9}{'missed':>9}{'ambiguous':>11}")
    for name, switches, complete in ROWS:
        if options.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            given = ["--seed", str(options.seed), "--connections", str(connections),
                     "--packets-per-connection", "20", *switches]
            counts = row((options.natlens, options.generate), name, given, folder)
        if isinstance(counts, str):
            failures.append(counts)
            continue
        print(f"{name:24}{counts['visible']:9}{counts['right']:9}{counts['wrong']:9}"
              f"{counts['missed']:9}{counts['ambiguous']:11}", flush=True)
        if counts["wrong"] * 10_000 > counts["visible"]:
            failures.append(f"{name}: {counts['wrong']} wrong")
        if complete and counts["right"] < 0.99 * counts["visible"]:
            failures.append(f"{name}: only {counts['right']} of {counts['visible']} found")
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
