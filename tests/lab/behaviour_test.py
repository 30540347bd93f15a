#!/usr/bin/env python3
"""Live test: real Linux NATs of known rules, and what natlens says of how they behave.

  behaviour_test.py NATLENS

One router after the other gets another source NAT rule, and three clients talk by UDP to servers so
that every question that captures can decide is asked: one port to several servers and ports, equal
ports of all clients, many ports, answers from strangers. The answers in `nat_behaviour` must be
those that the rule has. Ends with 77 and `NOT RUN: reason` where no lab can be made.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from netlab import Lab, NotRun, require_lab

LAN, WAN, NET = "192.168.7", "198.51.100", "203.0.113"
CLIENTS, SERVERS = 3, 3
RULES = """table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    %s
  }
}
"""

# Every address answers on ports 7000 and 7001. A packet `stranger` is also answered from another
# port and from the address .9.
SERVER = """
import select, socket, sys
sockets = {}
for host in range(1, 4):
    for port in (7000, 7001, 7002):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((f"{sys.argv[1]}.{host}", port))
        sockets[sock] = (host, port)
far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
far.bind((f"{sys.argv[1]}.9", 7009))
other = {host: sock for sock, (host, port) in sockets.items() if port == 7002}
print("ready", file=sys.stderr, flush=True)
while True:
    for sock in select.select(list(sockets), [], [])[0]:
        data, peer = sock.recvfrom(2000)
        sock.sendto(b"re: " + data, peer)
        if data.startswith(b"stranger"):
            other[sockets[sock][0]].sendto(b"from another port: " + data, peer)
            far.sendto(b"from another address: " + data, peer)
"""
# Sends `what` from each port of ports to each target, one after the other; each answer is awaited.
CLIENT = """
import json, socket, sys
for source, targets, what in json.loads(sys.argv[1]):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", source))
    sock.settimeout(1)
    for n, target in enumerate(targets):
        sock.sendto(f"{what} {sys.argv[2]} {source} {n}".encode(), tuple(target))
        try:
            sock.recvfrom(2000)
        except OSError:
            pass
"""


def targets(*ports):
    return [(f"{NET}.{host}", port) for host in range(1, SERVERS + 1) for port in ports]


def traffic(lab):
    """The same for every router. Source ports of the clients: 5000 to 5003 and 5200 are everybody's."""
    def talk(client, flows):
        lab.run(f"c{client}", sys.executable, "-c", CLIENT, json.dumps(flows), f"c{client}")

    for client in range(1, CLIENTS + 1):
        talk(client, [(5100 + 2 * client, targets(7000, 7001), "own port"),
                      (5150 + 2 * client, targets(7000, 7001), "own port")])
        talk(client, [(5120 + client, targets(7000)[:1], "stranger")])
        talk(client, [(5200, targets(7000)[client - 1:client], "shared port")])
    for client in range(1, CLIENTS + 1):
        first = targets(7002)[client - 1:client]  # nobody else's: the port is free there
        talk(client, [(5000, first + targets(7000, 7001), "common port")])
        talk(client, [(5000 + n, targets(7000)[:1], "clash") for n in range(1, 4)])
        talk(client, [(6000 + 100 * client + 2 * n, targets(7000)[:1], "many") for n in range(30)])


def make_network(lab):
    lab.namespace("gw", forward=True)
    lab.namespace("srv")
    ports = []
    for client in range(1, CLIENTS + 1):
        lab.namespace(f"c{client}")
        lab.link(f"c{client}", "eth0", "gw", f"p{client}", f"{LAN}.{10 + client}/24")
        ports.append(f"p{client}")
    lab.bridge("gw", "br-lan", f"{LAN}.1/24", ports)
    for client in range(1, CLIENTS + 1):
        lab.route(f"c{client}", "default", f"{LAN}.1")
    lab.link("gw", "wan0", "srv", "eth0", f"{WAN}.2/24", f"{WAN}.1/24")
    for host in (1, 2, 3, 9):
        lab.run("srv", "ip", "addr", "add", f"{NET}.{host}/32", "dev", "lo")
    lab.route("gw", f"{NET}.0/24", f"{WAN}.1")
    for host in range(10, 14):
        lab.run("gw", "ip", "addr", "add", f"{WAN}.{host}/32", "dev", "wan0")
    lab.spawn_ready("srv", sys.executable, "-c", SERVER, NET, marker="ready")


def record(lab, folder, rule):
    lab.run("gw", "nft", "flush", "ruleset")
    lab.run("gw", "conntrack", "-F", check=False)
    lab.rules("gw", RULES % rule)
    taps = [lab.spawn_ready("gw", "tcpdump", "-i", interface, "-w", str(folder / f"{name}.pcap"), "-n", "-U",
                            "--immediate-mode", "-Z", "root", "udp", marker="listening on")
            for interface, name in (("br-lan", "lan"), ("wan0", "wan"))]
    time.sleep(0.2)
    traffic(lab)
    time.sleep(0.3)
    for tap in taps:
        lab.stop(tap)


def told(natlens, folder):
    database = folder / "nat.db"
    subprocess.run([natlens, "analyze", f"lan={folder}/lan.pcap", f"wan={folder}/wan.pcap", "-o", database], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
    rows = json.loads(subprocess.check_output([natlens, "show", database, "behaviours", "--format", "json"]))
    return {row["property"]: row for row in rows}


# What each rule is, by the kernel's nf_nat_core.c; None: the traffic must not decide it.
KEEPS = {"mapping": "endpoint-independent until conflict", "filtering": "address-and-port-dependent",
         "port_preservation": "preserving", "on_conflict": "remaps", "port_overloading": "no", "port_sharing": "yes",
         "determinism": "no", "timeout": None, "port_blocks": None}
RANDOM = {"mapping": "address-and-port-dependent", "port_preservation": "not preserving", "port_order": "random",
          "filtering": "address-and-port-dependent", "port_overloading": None, "port_parity": "not kept",
          "timeout": None}
BLOCKS = "; ".join(f"ip saddr {LAN}.{10 + n} meta l4proto udp snat to {WAN}.2:{1000 * n + 9000}-{1000 * n + 9999}"
                   for n in range(1, CLIENTS + 1))
CASES = [
    ("masquerade", 'oifname "wan0" masquerade', {**KEEPS, "pooling": "one external address"}),
    ("masquerade random", 'oifname "wan0" masquerade random', {**RANDOM, "port_blocks": "none"}),
    ("masquerade fully-random", 'oifname "wan0" masquerade fully-random', {**RANDOM, "port_blocks": "none"}),
    ("pool", f'oifname "wan0" snat to {WAN}.10-{WAN}.13', {"port_preservation": "preserving", "pooling": "arbitrary"}),
    ("pool, persistent", f'oifname "wan0" snat to {WAN}.10-{WAN}.13 persistent',
     {"port_preservation": "preserving", "pooling": "paired"}),
    ("port range", f'oifname "wan0" meta l4proto udp snat to {WAN}.2:10000-10999 random',
     {**RANDOM, "port_blocks": "none"}),
    ("a range of ports per client", BLOCKS.replace("; ", "\n"),
     {"port_preservation": "not preserving", "port_blocks": "blocks of"}),
]


def judge(name, expected, seen):
    wrong = 0
    for key, value in expected.items():
        row = seen.get(key, {"value": "no row", "detail": ""})
        good = row["value"] is None if value is None else (row["value"] or "").startswith(value)
        wrong += not good
        if not good:
            print(f"  {key}: {row['value']}, not {value} ({row['detail']})")
    print(f"{name}: {len(expected) - wrong} of {len(expected)} answers are the rule's", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    options = parser.parse_args()
    try:
        require_lab()
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77
    wrong = 0
    with Lab() as lab:
        make_network(lab)
        for name, rule, expected in CASES:
            with tempfile.TemporaryDirectory() as folder:
                record(lab, pathlib.Path(folder), rule)
                wrong += judge(name, expected, told(options.natlens, pathlib.Path(folder)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
