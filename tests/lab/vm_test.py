#!/usr/bin/env python3
"""Live test of how a virtual machine's card is attached: told by captures at its card, at the host's card and
beyond the host's router.

  vm_test.py NATLENS [--seed N] [--keep FOLDER] [--only NAME,...]

    vm eth0 *vm* -- [host: bridge, NAT, slirp4netns or nothing] eth0 *host* -- router (masquerade) *beyond* -- srv

The host talks, too. Judged: the relation between each two taps (`query DB taps_related`), and that every
connection of the machine that reached the host's card has its translation there. Ends with 77 and `NOT RUN:
reason` where no lab can be made.
"""
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time

from netlab import HERE, Lab, run_each

CLIENT = (sys.executable, str(HERE / "proxy_traffic.py"))
SERVER, PORTS = "192.0.2.9", ("9000", "9001")
MASQUERADE = "table ip nat {\nchain c {\ntype nat hook postrouting priority srcnat\noifname \"%s\" masquerade\n}\n}"
# What must be said of (vm, host), (host, beyond), (vm, beyond); None: no row, another tap lies between.
EXPECTED = {"bridged": ("bridged", "nat", None), "nat": ("nat", "nat", None), "user_nat": ("user_nat", "nat", None),
            "host_only": ("isolated", "nat", "isolated")}


def network(lab, mode):
    for name in ("vm", "srv"):
        lab.namespace(name)
    for name in ("host", "router"):
        lab.namespace(name, forward=name == "router" or mode == "nat")
    bridged = mode == "bridged"
    lab.link("host", "eth0", "router", "lan0", None if bridged else "10.4.0.2/24", "10.4.0.1/24")
    lab.link("router", "wan0", "srv", "eth0", "192.0.2.1/24", f"{SERVER}/24")
    lab.rules("router", MASQUERADE % "wan0")
    if mode == "user_nat":
        lab.route("host", "default", "10.4.0.1")
        lab.spawn("host", "slirp4netns", "--netns-type=path", "--configure", f"/run/netns/{lab.prefix}-vm", "tap0")
        time.sleep(1)
        return "tap0", "10.0.2.2"
    address = "10.4.0.7/24" if bridged else "10.5.0.7/24"
    lab.link("vm", "eth0", "host", "vnet0", address)
    lab.bridge("host", "br0", "10.4.0.2/24" if bridged else "10.5.0.1/24", ["vnet0", "eth0"] if bridged else ["vnet0"])
    lab.route("host", "default", "10.4.0.1")
    lab.route("vm", "default", "10.4.0.1" if bridged else "10.5.0.1")
    if mode == "nat":
        lab.rules("host", MASQUERADE % "eth0")
    return "eth0", "10.5.0.1"


def actions(generator, who, to):
    out = []
    for n in range(12):
        out.append({"mark": f"{who}-{n}-{generator.randrange(1 << 40):x}-", "to": [to, int(generator.choice(PORTS))],
                    "bytes": generator.choice((20, 300, 9000)), "udp": generator.random() < 0.3,
                    "then": generator.uniform(0, 0.1)})
    return json.dumps(out)


def record(lab, folder, mode, generator):
    interface, own = network(lab, mode)
    lab.spawn_ready("srv", *CLIENT, "serve", SERVER, *PORTS, marker="ready")
    if mode == "host_only":
        lab.spawn_ready("host", *CLIENT, "serve", own, *PORTS, marker="ready")
    captures = [lab.spawn_ready(space, "tcpdump", "-i", card, "-U", "-s0", "-w", str(folder / f"{tap}.pcap"), "ip",
                                marker="listening")
                for space, card, tap in (("vm", interface, "vm"), ("host", "eth0", "host"), ("router", "wan0", "beyond"))]
    host = lab.spawn("host", *CLIENT, "client", actions(generator, "host", SERVER))
    vm = lab.spawn("vm", *CLIENT, "client", actions(generator, "vm", own if mode == "host_only" else SERVER))
    lab.wait_all([host, vm], 30)
    time.sleep(1)
    for capture in captures:
        lab.stop(capture)


def judge(natlens, folder, mode):
    database = folder / "nat.db"
    taps = ("vm", "host", "beyond")
    subprocess.run([natlens, "analyze", "--force", *(f"{tap}={folder}/{tap}.pcap" for tap in taps), "-o", str(database)],
                   check=True, stdout=subprocess.DEVNULL, timeout=120)
    with sqlite3.connect(database) as db:
        found = {frozenset(row[:2]): row[2] for row in db.execute(
            "SELECT i.name, o.name, n.relation FROM nat AS n JOIN tap AS i ON i.id = n.inside_tap_id"
            " JOIN tap AS o ON o.id = n.outside_tap_id")}
        of_vm, paired = db.execute(
            "SELECT count(*), sum(EXISTS (SELECT 1 FROM translation AS t JOIN connection AS o"
            "   ON o.id IN (t.inside_connection_id, t.outside_connection_id) JOIN tap AS x ON x.id = o.tap_id"
            "   WHERE c.id IN (t.inside_connection_id, t.outside_connection_id) AND x.name = 'host'))"
            " FROM connection AS c JOIN tap ON tap.id = c.tap_id WHERE tap.name = 'vm'"
            " AND c.dport IN (9000, 9001)").fetchone()
    said = tuple(found.get(frozenset(pair)) for pair in (("vm", "host"), ("host", "beyond"), ("vm", "beyond")))
    print(f"{mode}: vm-host {said[0]}, host-beyond {said[1]}, vm-beyond {said[2]}; {paired} of {of_vm} connections of "
          "the machine paired at the host's card", flush=True)
    return said == EXPECTED[mode] and of_vm >= 10 and paired == (0 if mode == "host_only" else of_vm)


def run_one(natlens, mode, seed, folder):
    if mode == "user_nat" and not shutil.which("slirp4netns"):
        print("NOT RUN: missing package slirp4netns (user_nat)")
        return None
    with Lab() as lab:
        record(lab, folder, mode, random.Random(f"{seed} {mode}"))
    return judge(natlens, folder, mode)


if __name__ == "__main__":
    sys.exit(run_each(__doc__, EXPECTED, run_one))
