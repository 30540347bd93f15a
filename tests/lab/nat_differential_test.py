#!/usr/bin/env python3
"""The running kernel's NAT against ours: random rules, random traffic, both sides captured.

  nat_differential_test.py NATLENS [--seed N] [--batches N] [--packets N] [--keep FOLDER]

    in0 (clients) -- lan0 [router] wan0 -- out0 (servers, which answer)

Each batch draws a ruleset and thousands of packets from few ports, so that translations clash.
`natlens replay --ports-from --compare` then has to send out what the kernel sent, and nothing else:
where the kernel draws a port, its choice is taken only if it lies in the set that the rules allow and
is free. Ends with 77 and `NOT RUN: reason` where no lab can be made.
"""
import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from netlab import HERE, Lab, NotRun, require_lab

PEER = (sys.executable, str(HERE / "nat_peer.py"))
SOURCES = ["masquerade", "masquerade random", "masquerade fully-random", "masquerade to :2000-2040",
           "snat to 198.51.100.1", "snat to 198.51.100.10-198.51.100.20",
           "snat to 198.51.100.10-198.51.100.20 persistent",
           "snat to 198.51.100.10-198.51.100.13:1000-1100", "snat to 198.51.100.1:40000-40400 random",
           "snat to 198.51.100.30:40000-40002"]
SELECTORS = ["", "", "meta l4proto udp", "meta l4proto { tcp, udp }", "ip saddr 10.0.0.0/30",
             "ip daddr { 203.0.113.5, 203.0.113.7 }", "udp dport 53", "tcp dport != 80",
             "ip saddr . udp dport { 10.0.0.2 . 53, 10.0.0.3 . 443 }"]
FORWARDS = ["dnat to 10.0.0.4", "dnat to 10.0.0.4:80", "dnat to 10.0.0.2-10.0.0.5",
            "dnat to 10.0.0.4:9000-9003", "dnat to 10.0.0.2-10.0.0.5:80"]


def rules_of(draw):
    post = [f"oifname wan0 {draw.choice(SELECTORS)} {draw.choice(SOURCES)}"
            for _ in range(draw.randrange(1, 4))]
    # A range of ports is a range for protocols that have them.
    post = [line if ":" not in line.split("to ")[-1] or "l4proto" in line or "port" in line
            else line.replace("wan0", "wan0 meta l4proto { tcp, udp }", 1) for line in post]
    pre = [f"iifname wan0 {draw.choice(['tcp', 'udp'])} dport {draw.choice([8080, 8081, 8082])} "
           f"{draw.choice(FORWARDS)}" for _ in range(draw.randrange(0, 3))]
    return ("table ip nat {\n chain pre {\n  type nat hook prerouting priority dstnat;\n  "
            + "\n  ".join(pre) + "\n }\n chain post {\n  type nat hook postrouting priority srcnat;\n  "
            + "\n  ".join(post) + "\n }\n}\n")


def mac_of(lab, namespace, interface):
    return lab.run(namespace, "cat", f"/sys/class/net/{interface}/address").stdout.strip()


def make(lab, rules):
    for name in ("in", "out"):
        lab.namespace(name)
    lab.namespace("router", forward=True)
    lab.link("router", "lan0", "in", "in0-lan", "10.0.0.1/24")
    lab.link("router", "wan0", "out", "out0", "198.51.100.1/24")
    for interface in ("all", "lan0", "wan0"):
        lab.sysctl("router", f"net.ipv4.conf.{interface}.rp_filter=0",
                   f"net.ipv4.conf.{interface}.send_redirects=0")
    inner, outer = mac_of(lab, "in", "in0-lan"), mac_of(lab, "out", "out0")
    for n in range(2, 8):
        lab.run("router", "ip", "neigh", "add", f"10.0.0.{n}", "lladdr", inner, "dev", "lan0")
    lab.run("router", "ip", "neigh", "add", "198.51.100.2", "lladdr", outer, "dev", "wan0")
    lab.route("router", "default", "198.51.100.2")
    lab.rules("router", rules)


def batch(natlens, folder, seed, packets):
    draw = random.Random(seed)
    rules = rules_of(draw)
    (folder / "rules.nft").write_text(rules)
    with Lab() as lab:
        make(lab, rules)
        dumps = [lab.spawn_ready("router", "tcpdump", "-Unni", interface, "--time-stamp-precision=nano",
                                 "-B", "8192", "-w", str(folder / f"{name}.pcap"), "ip",
                                 marker="listening on")
                 for name, interface in (("lan", "lan0"), ("wan", "wan0"))]
        answering = lab.spawn_ready("out", *PEER, "answer", "out0", mac_of(lab, "router", "wan0"),
                                    str(seed), str(packets // 10), marker="ready")
        lab.run("in", *PEER, "send", "in0-lan", mac_of(lab, "router", "lan0"), str(seed), str(packets))
        time.sleep(1.5)  # tcpdump reads its ring once a second
        for process in (answering, *dumps):
            lab.stop(process)
    result = replayed(natlens, folder)
    # Rules that are not the router's have to be seen.
    (folder / "rules.nft").write_text("table ip nat {\n chain post {\n  type nat hook postrouting "
                                      "priority srcnat;\n  snat to 198.51.100.77\n }\n}\n")
    return result, rules, replayed(natlens, folder).returncode == 1


def replayed(natlens, folder):
    return subprocess.run(
        [natlens, "replay", str(folder / "lan.pcap"), str(folder / "wan.pcap"), "--rules",
         str(folder / "rules.nft"), "--inside", "10.0.0.0/24", "--local", "10.0.0.1", "--local",
         "198.51.100.1", "--iface", "inside=lan0", "--iface", "outside=wan0", "--ports-from",
         str(folder / "wan.pcap"), "--compare", str(folder / "wan.pcap")],
        capture_output=True, text=True, check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("natlens")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--packets", type=int, default=3000)
    parser.add_argument("--keep", type=pathlib.Path)
    given = parser.parse_args()
    try:
        require_lab()
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77
    bad = 0
    begin = time.monotonic()
    for number in range(given.batches):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="natdiff"))
        result, rules, sees = batch(given.natlens, folder, given.seed + number, given.packets)
        told = [line for line in result.stdout.splitlines() if "equal" in line or "inconclusive" in line]
        print(f"seed {given.seed + number}: {' '.join(told)}")
        if result.returncode != 0 or not sees or "inconclusive" in result.stdout:
            bad += 1
            print("" if sees else "other rules went unnoticed")
            print(rules + result.stdout + result.stderr)
            if given.keep:
                shutil.copytree(folder, given.keep / str(given.seed + number), dirs_exist_ok=True)
        shutil.rmtree(folder)
    print(f"{given.batches} batches, {bad} with differences, {time.monotonic() - begin:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
