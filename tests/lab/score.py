#!/usr/bin/env python3
"""Compares the view `translations` of a natlens database with a truth.jsonl.

  score.py FOLDER DATABASE [--min-precision P] [--min-recall R] [--list N]

Right: a truth line whose pair of tuples has a row. Missed: a visible one that has none. Wrong: a
row whose pair stands in no truth line. Not judged: rows of lines that are not visible, rows that
join a tuple with itself (the same packets at two taps, no translation) unless the truth lists
them, rows over several hops, which side is called inside, and the direction within a tuple. Equal
pairs (port reuse) count once; `times off` are rows that overlap no life of their pair. Ends with
1 if precision (right of right + wrong) or recall (right of visible) is too low.
"""
import argparse
import collections
import json
import pathlib
import sqlite3
import sys

SLACK_NS = 200_000_000  # how far a row may lie outside the life of an entry
SIDE = "{0}_src, {0}_sport, {0}_dst, {0}_dport"
QUERY = (f"SELECT protocol, {SIDE.format('inside')}, coalesce(outside_protocol, protocol), "
         f"{SIDE.format('outside')}, kind, start_ns, end_ns FROM translations WHERE hops = 1")


def undirected(protocol, src, sport, dst, dport):
    ends = (src, int(sport or 0)), (dst, int(dport or 0))
    if protocol == "icmp":  # the id may stand on either side
        return (protocol, *sorted((src, dst)), ends[0][1] or ends[1][1])
    return (protocol, *sorted(ends))


def pair(inside, outside):
    return tuple(sorted((inside, outside)))


def truth_pair(line):
    return pair(*(undirected(line["proto"], *(line[side][key] for key in ("src", "sport", "dst", "dport")))
                  for side in ("inside", "outside")))


def predictions(database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for row in connection.execute(QUERY):
            key = pair(undirected(*row[0:5]), undirected(*row[5:10]))
            yield key, row[10], row[11], row[12]


def ambiguous(database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT count(*) FROM ambiguous").fetchone()[0]


def score(lines, rows):
    """Counts by kind of truth (wrong rows by their own kind) and the pairs missed and wrong."""
    visible, hidden = collections.defaultdict(list), set()
    for line in lines:
        if line["visible"]:
            visible[truth_pair(line)].append(line)
        else:
            hidden.add(truth_pair(line))
    found, wrong, times_off, kind_off = set(), {}, 0, 0
    for key, kind, start_ns, end_ns in rows:
        if key in visible:
            found.add(key)
            lives = visible[key]
            times_off += not any(start_ns <= life["end_ns"] + SLACK_NS and
                                 end_ns >= life["start_ns"] - SLACK_NS for life in lives)
            same = ("identity", "routed", "bridged")
            kind_off += not any(kind == life["kind"] or {kind, life["kind"]} <= set(same) for life in lives)
        elif key not in hidden and (key[0] != key[1] or kind == "proxy"):
            wrong[key] = kind
    table = collections.defaultdict(collections.Counter)
    for key, lives in visible.items():
        table[lives[0]["kind"]].update(visible=1, right=key in found, missed=key not in found)
    for kind in wrong.values():
        table[kind].update(wrong=1)
    return {"table": table, "missed": [key for key in visible if key not in found], "wrong": list(wrong),
            "times_off": times_off, "kind_off": kind_off}


def report(result):
    """Prints the table; returns precision and recall."""
    columns = ("visible", "right", "wrong", "missed")
    total = collections.Counter()
    for kind, counts in sorted(result["table"].items()):
        total.update(counts)
        print(f"{kind:10}" + "".join(f"{name} {counts[name]:<8}" for name in columns))
    judged = total["right"] + total["wrong"]
    precision = total["right"] / judged if judged else 0.0
    recall = total["right"] / total["visible"] if total["visible"] else 0.0
    print(f"precision {precision:.4f} recall {recall:.4f} kind off {result['kind_off']} "
          f"times off {result['times_off']}")
    return precision, recall


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("database")
    parser.add_argument("--min-precision", type=float, default=1.0)
    parser.add_argument("--min-recall", type=float, default=0.99)
    parser.add_argument("--list", type=int, default=5, metavar="N", help="show up to N missed and N wrong pairs")
    options = parser.parse_args()
    with open(options.folder / "truth.jsonl") as file:
        lines = [json.loads(line) for line in file if line.strip()]
    result = score(lines, predictions(options.database))
    precision, recall = report(result)
    print(f"ambiguous {ambiguous(options.database)}")
    for what in ("missed", "wrong"):
        for key in result[what][:options.list]:
            print(f"{what}: {key[0]} <-> {key[1]}")
    return 0 if precision >= options.min_precision and recall >= options.min_recall else 1


if __name__ == "__main__":
    sys.exit(main())
