#!/usr/bin/env python3
"""The router's own table, as natlens makes it from two taps, held against the router's own log.

  router_table_test.py NATLENS CAPTURES

CAPTURES holds folders with captures, meta.json (which taps stand on which side of which device)
and conntrack-DEVICE.log, what `conntrack -E -o extended,timestamp,id` printed on that device. An
entry of the log counts if both taps of the device show it: its original tuple at one, its reply
turned round at the other. It must be in the view `conntrack` with both tuples, and where the
view claims to know the state (`state_basis` is not `partial`), state and flags must be what the
router last told before the shorter capture ended, and what it calls alive the router must not
have destroyed. Each folder is judged as it is, then `short`, the outside captures ending half
way, and `gapsN`, every capture without some frames of its own, each Nth. A table is printed; where a capture
lost frames (`gaps`, and where meta.json tells of impairments) 0.98 must be right, else all; and
not many may be `partial`.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

from router_log_test import HANDLING_NS, read_log

ENTRIES = """
SELECT k.protocol, k.src, k.sport, k.dst, k.dport, k.reply_src, k.reply_sport, k.reply_dst, k.reply_dport,
       k.state, k.flags, k.state_basis, k.close_reason, k.start_ns, k.end_ns, i.name AS inside, o.name AS outside
  FROM conntrack AS k
  JOIN translation AS t ON t.id = k.translation_id
  JOIN connection AS ic ON ic.id = t.inside_connection_id
  JOIN connection AS oc ON oc.id = t.outside_connection_id
  JOIN tap AS i ON i.id = ic.tap_id
  JOIN tap AS o ON o.id = oc.tap_id
 ORDER BY k.start_ns, k.translation_id"""
SEEN = """SELECT t.name AS tap, c.protocol, c.src, c.sport, c.dst, iif(c.icmp_type IS NULL, c.dport, 0) AS dport,
       c.icmp_type IS NOT NULL AS icmp FROM connection c JOIN tap t ON t.id = c.tap_id"""
EARLY_NS = 2_000_000_000  # clocks of impaired captures are put right to far better than this


def records(data):
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at:at + 16 + size]
        at += 16 + size


def seconds(record):
    whole, micro = struct.unpack_from("<II", record)
    return whole + micro / 1e6


def altered(variant, path, number, is_outside):
    """The pcap file at `path` as the variant has it."""
    data = path.read_bytes()
    frames = list(records(data))
    if variant == "short" and is_outside:
        half = (seconds(frames[0]) + seconds(frames[-1])) / 2
        frames = [frame for frame in frames if seconds(frame) < half]
    if variant.startswith("gaps"):  # no two captures lose the same frames
        every = int(variant[4:])
        frames = [frame for i, frame in enumerate(frames) if i % every != every // 6 + number * every // 5]
    return data[:24] + b"".join(frames)


def analyze(natlens, folder, meta, variant):
    taps = dict.fromkeys(pathlib.Path(tap["file"]).stem for tap in meta["taps"])
    outside = {name for device in meta["devices"] for name in device["outside_tap"]}
    inside = {name for device in meta["devices"] for name in device["inside_tap"]}
    with tempfile.TemporaryDirectory() as where:
        database = f"{where}/nat.db"
        files = []
        for number, tap in enumerate(taps):
            pcap = pathlib.Path(where) / f"{tap}.pcap"
            file = f"{tap}.pcap"
            pcap.write_bytes(altered(variant, folder / file, number, file in outside - inside))
            files.append(f"{tap}={pcap}")
        subprocess.run([natlens, "analyze", *files, "-o", database], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120)
        ask = [natlens, "query", database, "--format", "json"]
        return [json.loads(subprocess.check_output([*ask, sql]))
                for sql in (ENTRIES, SEEN, "SELECT name, first_ns, last_ns FROM tap")]


class Device:
    """Names of the taps on each side: tap names of the database, where an interface of an SLL2
    capture goes by its index."""

    def __init__(self, device, indexes, taps):
        def tap_of(name):
            file, _, interface = name.partition("#")
            tap = file.removesuffix(".pcap")
            return f"{tap}/if{indexes[interface]}" if interface else tap

        def named(side):
            return {tap_of(name) for name in device.get(side, [])} & set(taps)

        self.name = device["name"]
        self.inside, self.outside = named("inside_tap"), named("outside_tap")

    def between(self, row):
        """A bridge before the device may have a tap of its own, and be the nearer partner where frames are missing."""
        return row["inside"] in self.inside | self.outside and row["outside"] in self.inside | self.outside or (
            row["outside"] in self.outside)


def visible(entry, seen, device):
    """Both faces stand at taps of the device, at two of them (a hairpin: at one)."""
    at = [{tap for tap in device.inside | device.outside if (tap, entry.protocol, *face) in seen}
          for face in entry.faces()]
    same = entry.faces()[0] == entry.faces()[1]
    return all(at) and (len(at[0] | at[1]) > 1 or not same)


def key_of(row):
    reply = [row["reply_src"], row["reply_sport"], row["reply_dst"], row["reply_dport"]]
    return (row["protocol"], row["src"], row["sport"], row["dst"], row["dport"], *reply)


def compare(device, folder, rows, seen, ends):
    score = dict(entries=0, found=0, judged=0, state=0)
    told = []
    found = {}
    for row in rows:
        if device.between(row):
            found.setdefault(key_of(row), []).append(row)
    for entry in read_log(folder / f"conntrack-{device.name}.log"):
        end = min(ends[tap] for tap in device.inside | device.outside) + HANDLING_NS
        if entry.started_ns > end or not visible(entry, seen, device):
            continue
        score["entries"] += 1
        key = (entry.protocol, *entry.original, *entry.reply)
        rows_there = found.get(key, [])
        if not rows_there:
            told.append(f"{key}: not in the table")
            continue
        row = rows_there.pop(0)
        score["found"] += 1
        if row["state_basis"] == "partial":
            continue
        end = min(ends[row["inside"]], ends[row["outside"]]) + HANDLING_NS
        router = entry.as_of(end)
        ours = (row["state"], row["flags"] != "UNREPLIED", row["flags"] == "ASSURED")
        if row["close_reason"] == "end" and (entry.destroyed_ns or end) < end - HANDLING_NS:
            ours = ("alive", *ours)
        score["judged"] += 1
        score["state"] += router == ours
        if router != ours:
            told.append(f"{key}: router {router}, natlens {ours} ({row['state_basis']})")
    return score, told


def judge(natlens, folder, meta, devices, variant):
    """Prints a line per device; how many of them are not as they must be."""
    rows, connections, taps = analyze(natlens, folder, meta, variant)
    seen = {(row["tap"], row["protocol"], row["src"], row["sport"], row["dst"], row["dport"]) for row in connections}
    ends = {tap["name"]: tap["last_ns"] for tap in taps}
    least = 0.98 if variant.startswith("gaps") or meta.get("impairments") else 1.0
    indexes = {name: index for named in meta["sll2_interfaces"].values() for name, index in named.items()}
    bad = 0
    for device in (Device(d, indexes, ends) for d in devices):
        if not device.inside or not device.outside:
            continue
        score, told = compare(device, folder, rows, seen, ends)
        print(f"{folder.name:22} {variant:6} {device.name:6} {score['entries']:7} {score['found']:7} "
              f"{score['judged']:7} {score['state']:7}")
        print("".join(f"  {line}\n" for line in told), end="")
        bad += score["found"] < score["entries"] * least or score["state"] < score["judged"] * least
        bad += score["judged"] < score["found"] * (0.75 if least < 1 else 0.9)  # `partial` is no way out
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("captures", type=pathlib.Path)
    parser.add_argument("--only", default="", help="only folders with this in their name")
    options = parser.parse_args()
    bad = judged = 0
    print(f"{'captures':22} {'':6} {'device':6} {'entries':>7} {'tuples':>7} {'judged':>7} {'states':>7}")
    for path in sorted(options.captures.glob(f"*{options.only}*/meta.json")):
        meta = json.loads(path.read_text())
        devices = [d for d in meta["devices"] if (path.parent / f"conntrack-{d['name']}.log").exists()]
        for variant in ("whole", "short", "gaps41") if devices else ():
            bad += judge(options.natlens, path.parent, meta, devices, variant)
            judged += 1
    return 1 if bad or not judged else 0


if __name__ == "__main__":
    sys.exit(main())
