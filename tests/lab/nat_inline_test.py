#!/usr/bin/env python3
"""Live test of the NAT in-line: `natlens nat` on a TUN device between two networks, and the kernel's
NAT with the same rules in its place.

  nat_inline_test.py NATLENS [--long]

    client -- lan0 [router] wan0 -- server

The router routes what comes from the client, and what comes back to the address that is translated
to, into the device. Each of the two NATs carries the same traffic: pages of nginx, DNS, ping,
traceroute, path MTU discovery, passive FTP in both directions, many connections at once, iperf3. All
must work, with the same results, and the throughput of both is printed side by side. Then what only
natlens does: signals, privileges, the database after kill -9. Ends with 77 and `NOT RUN: reason`
where no lab can be made.
"""
import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from netlab import HERE, Lab, NotRun, require_lab

TRAFFIC = (sys.executable, str(HERE / "inline_traffic.py"))
OFFLOAD = (sys.executable, str(HERE / "no_offload.py"))
PROGRAMS = {"nginx": "nginx", "iperf3": "iperf3", "traceroute": "traceroute", "dnsmasq": "dnsmasq-base"}
CLIENT, INNER, OUTER, SERVER, POOL = "10.7.0.2", "10.7.0.1", "198.51.100.1", "198.51.100.2", "198.51.100.10"
RULES = f"""table ip filter {{
  ct helper ftp-helper {{ type "ftp" protocol tcp; }}
  chain helpers {{
    type filter hook prerouting priority -150; policy accept;
    tcp dport 21 ct helper set "ftp-helper"
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    ct state invalid drop
    iifname "wan0" ct state new ct status & dnat != dnat drop
  }}
}}
table ip nat {{
  chain pre {{
    type nat hook prerouting priority dstnat; policy accept;
    iifname "wan0" ip daddr {POOL} tcp dport {{ 21, 7007 }} dnat to {CLIENT}
  }}
  chain post {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan0" snat to {POOL}
  }}
}}
"""
NGINX = """daemon off; error_log stderr; pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/temp; proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/temp; uwsgi_temp_path {folder}/temp; scgi_temp_path {folder}/temp;
  server {{ listen {server}:80; root {folder}/www; }}
}}
"""


class Network:
    """The three namespaces and the servers; a NAT comes and goes."""

    def __init__(self, lab, folder, natlens):
        self.lab, self.folder, self.natlens = lab, folder, natlens
        self.rules = folder / "nat.nft"
        self.rules.write_text(RULES)
        for name in ("client", "server"):
            lab.namespace(name)
        lab.namespace("router", forward=True)
        lab.link("client", "c0", "router", "lan0", f"{CLIENT}/24", f"{INNER}/24")
        lab.link("router", "wan0", "server", "s0", f"{OUTER}/24", f"{SERVER}/24")
        lab.route("client", "default", INNER)
        lab.sysctl("router", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                   "net.ipv4.neigh.wan0.proxy_delay=0")
        (folder / "www").mkdir()
        (folder / "temp").mkdir()  # nginx makes it its own
        folder.chmod(0o755)
        self.page = random.randbytes(3_000_000)
        (folder / "www" / "page").write_bytes(self.page)
        self.digest = hashlib.sha256(self.page).hexdigest()

    def serve(self):
        conf = self.folder / "nginx.conf"
        conf.write_text(NGINX.format(folder=self.folder, server=SERVER))
        self.lab.spawn("server", "nginx", "-c", str(conf), "-e", "stderr")
        self.lab.spawn("server", "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=",
                       "--pid-file=", "--bind-interfaces", f"--listen-address={SERVER}",
                       "--address=/lab.test/203.0.113.77")
        self.lab.spawn("server", "iperf3", "-s")
        self.lab.spawn("client", "iperf3", "-s")
        for namespace, address in (("server", SERVER), ("client", CLIENT)):
            self.lab.spawn_ready(namespace, *TRAFFIC, "echo-server", address, "7007", marker="ready")
            self.lab.spawn_ready(namespace, *TRAFFIC, "ftp-server", address, "21", str(self.folder / "www"),
                                 marker="ready")
        time.sleep(0.5)

    @contextlib.contextmanager
    def kernel(self):
        self.lab.run("router", "ip", "addr", "add", f"{POOL}/32", "dev", "wan0")
        self.lab.rules("router", self.rules.read_text())
        yield None
        self.lab.run("router", "nft", "flush", "ruleset")
        self.lab.run("router", "ip", "addr", "del", f"{POOL}/32", "dev", "wan0")

    @contextlib.contextmanager
    def inline(self, *options, stdout=subprocess.DEVNULL):
        nat = self.lab.spawn("router", self.natlens, "nat", "--tun", "nat0", "--rules", str(self.rules), "--inside",
                             "10.7.0.0/24", "--local", POOL, "--iface", "inside=lan0", "--iface", "outside=wan0",
                             *options, stdout=stdout, stderr=subprocess.PIPE)
        line = nat.stderr.readline()
        if "is open" not in line:
            raise RuntimeError(f"natlens nat: {line}{nat.stderr.read()}")
        commands = ("route add default dev nat0 table 100", "rule add iif lan0 lookup 100",
                    f"route add {POOL} dev nat0", f"neigh add proxy {POOL} dev wan0")
        for command in commands:
            self.lab.run("router", "ip", *command.split())
        self.lab.sysctl("router", "net.ipv4.conf.wan0.proxy_arp=1", "net.ipv4.conf.nat0.accept_local=1")
        try:
            yield nat
        finally:
            self.lab.run("router", "ip", "rule", "del", "iif", "lan0")
            self.lab.run("router", "ip", "neigh", "del", "proxy", POOL, "dev", "wan0")
            if nat.poll() is None:
                nat.send_signal(signal.SIGTERM)
                nat.wait(10)

    def client(self, *command, seconds=60, namespace="client"):
        """What a program in the client's namespace printed; fails with what it said."""
        done = self.lab.run(namespace, *command, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout


# ---- traffic: each returns what is to be the same through either NAT
def pages(net):
    for _ in range(5):
        got = subprocess.run(net.lab._inside("client", ["curl", "-s", f"http://{SERVER}/page"]), capture_output=True,
                             timeout=30, check=True).stdout
        assert got == net.page, f"{len(got)} bytes of {len(net.page)}"
    seen = {line.split()[0] for line in (net.folder / "access.log").read_text().splitlines()}
    return f"5 pages, nginx saw {sorted(seen)}"


def names(net):
    return [net.client(*TRAFFIC, "dns", SERVER, f"host{i}.lab.test", how).strip()
            for i, how in enumerate(("udp", "udp", "tcp"))]


def pings(net):
    out = []
    for bytes_ in ("56", "1400", "4000"):
        text = net.client("ping", "-c", "3", "-i", "0.1", "-W", "2", "-s", bytes_, SERVER)
        out.append(re.search(r"(\d+) received", text).group(1))
    text = net.client("ping", "-c", "3", "-i", "0.1", "-W", "2", POOL, namespace="server")
    return out + [re.search(r"(\d+) received", text).group(1)]


def traceroutes(net):
    """Each way of asking reaches the server; a hop more is the device's."""
    reached = []
    for how in (["-I"], [], ["-T", "-p", "80"]):
        lines = net.client("traceroute", "-n", "-q", "1", "-N", "1", "-w", "1", "-m", "6", *how, SERVER).splitlines()
        hops = [line.split()[1] for line in lines[1:]]
        assert "*" not in hops, hops
        reached.append(hops[-1])
    return reached


def path_mtu(net):
    """Behind the NAT is a narrower link: its error comes back through the NAT, to whom it concerns."""
    net.lab.run("router", "ip", "link", "set", "wan0", "mtu", "1300")
    try:
        done = net.lab.run("client", "ping", "-M", "do", "-s", "1400", "-c", "1", "-W", "2", SERVER, check=False)
        mtu = re.search(r"mtu ?= ?(\d+)", done.stdout + done.stderr)
        route = net.client("ip", "route", "get", SERVER)
        sent = json.loads(net.client("iperf3", "-J", "-c", SERVER, "-n", "3M"))["end"]["sum_received"]["bytes"]
        # What the server had when the client was done: more than a first window.
        return mtu and mtu.group(1), re.search(r"mtu (\d+)", route).group(1), sent > 500_000
    finally:
        net.lab.run("router", "ip", "link", "set", "wan0", "mtu", "1500")
        net.lab.run("client", "ip", "route", "flush", "cache")


def files(net):
    outward = net.client(*TRAFFIC, "ftp", SERVER, "21", "page").strip() == net.digest
    inward = net.client(*TRAFFIC, "ftp", POOL, "21", "page", namespace="server").strip() == net.digest
    return outward, inward


def crowd(net, count):
    return (net.client(*TRAFFIC, "echo", SERVER, "7007", str(count), "2").strip(),
            net.client(*TRAFFIC, "echo", POOL, "7007", "50", "1", namespace="server").strip())


def iperf(net, seconds, *options):
    end = json.loads(net.client("iperf3", "-J", "-c", SERVER, "-t", str(seconds), *options))["end"]
    total = end.get("sum_received") or end["sum"]
    return total["bits_per_second"] / 1e6, end.get("sum", {}).get("lost_percent", 0.0)


def all_traffic(net, count, seconds):
    results = {}
    checks = {"pages": pages, "names": names, "pings": pings, "traceroutes": traceroutes, "files": files,
              "crowd": lambda n: crowd(n, count), "path MTU": path_mtu}
    for name, check in checks.items():
        try:
            results[name] = check(net)
        except Exception as error:  # the other checks tell more
            results[name] = f"FAILED: {error}"
    speeds = {}
    for wire in (True, False):
        for namespace, interface in (("client", "c0"), ("router", "lan0"), ("router", "wan0"), ("server", "s0")):
            net.lab.run(namespace, *OFFLOAD, interface, *([] if wire else ["on"]))
        kind = "wire-sized" if wire else "offloaded"
        speeds[f"TCP up, {kind}"] = iperf(net, seconds)[0]
        speeds[f"TCP down, {kind}"] = iperf(net, seconds, "-R")[0]
        speed, lost = iperf(net, seconds, "-u", "-b", "50M")
        speeds[f"UDP 50M, {kind}"] = speed
        results[f"UDP, {kind}"] = "arrives" if lost < 20 else f"FAILED: {lost:.1f} % lost"
    for namespace, interface in (("client", "c0"), ("router", "lan0"), ("router", "wan0"), ("server", "s0")):
        net.lab.run(namespace, *OFFLOAD, interface)
    return results, speeds


def logged(net, seconds):
    """The throughput while connections are written down."""
    with net.inline("-o", str(net.folder / "speed.db")):
        return iperf(net, seconds)[0]


def compare(net, count, seconds):
    with net.kernel():
        kernel, kernel_speeds = all_traffic(net, count, seconds)
    with net.inline():
        inline, inline_speeds = all_traffic(net, count, seconds)
    logged_speed = logged(net, seconds) if count >= 2000 else None
    good = True
    for name, expected in kernel.items():
        same = inline[name] == expected and "FAILED" not in str(expected)
        good = good and same
        print(f"{'ok  ' if same else 'BAD '} {name}: {inline[name]}" + ("" if same else f"; the kernel: {expected}"))
    print(f"{'Mbit/s':24}{'kernel':>10}{'natlens':>10}")
    for name, speed in kernel_speeds.items():
        print(f"{name:24}{speed:10.0f}{inline_speeds[name]:10.0f}")
    if logged_speed:
        print(f"{'TCP up, wire-sized, -o':24}{'':10}{logged_speed:10.0f}")
    return good


# ---- what natlens alone does
def holding(net, count, seconds):
    process = subprocess.Popen(net.lab._inside("client", [*TRAFFIC, "echo", SERVER, "7007", str(count), str(seconds)]),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "open" in line:
            return process
    raise RuntimeError("the connections did not open")


def said(nat, words, seconds=5):
    end, text = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        if select.select([nat.stderr], [], [], 0.1)[0]:
            text += os.read(nat.stderr.fileno(), 65536).decode()
        if words in text:
            return True
    print(f"not said: {words}; but: {text}")
    return False


def reloads(net):
    """50 connections go on while the rules are read again: other ones, broken ones, the old ones."""
    with net.inline() as nat:
        held = holding(net, 50, 4)
        net.rules.write_text(RULES.replace("snat to", "counter snat to").replace(POOL, "198.51.100.99"))
        nat.send_signal(signal.SIGHUP)
        good = said(nat, "connections go on")
        net.rules.write_text(RULES.replace("snat to", "snat towards"))
        nat.send_signal(signal.SIGHUP)
        good &= said(nat, "the rules stay as they were")
        net.rules.write_text(RULES)
        nat.send_signal(signal.SIGHUP)
        good &= said(nat, "connections go on")
        out = held.communicate(timeout=30)[0].strip()
        print(f"reload under 50 connections: {out}")
        return good and out == "100 of 100"


def counters(net):
    with open(net.folder / "counters", "w+", encoding="utf-8") as out, net.inline(stdout=out) as nat:
        status = pathlib.Path(f"/proc/{nat.pid}/status").read_text()
        capabilities = dict(re.findall(r"^(Cap(?:Eff|Prm|Inh)):\s*(\w+)$", status, re.M))
        net.client("ping", "-c", "2", "-i", "0.1", SERVER)
        nat.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        first = (net.folder / "counters").read_text()
        nat.send_signal(signal.SIGINT)
        code = nat.wait(5)
    text = (net.folder / "counters").read_text()
    good = (all(int(value, 16) == 0 for value in capabilities.values()) and "4 forwarded" in first and
            "connections 1," in first and text.count("packets in") == 2 and code == 0)
    print(f"capabilities {capabilities}, exit {code}\n{first.strip()}")
    return good


def killed(net):
    """kill -9: the database opens, and knows all but the last second."""
    database = net.folder / "nat.db"
    with net.inline("-o", str(database)) as nat:
        net.client(*TRAFFIC, "echo", SERVER, "7007", "200", "1")
        held = holding(net, 50, 3)
        time.sleep(1.5)
        live = rows(database)
        nat.kill()
        nat.wait()
        held.kill()
        held.communicate()
    after = rows(database)
    shown = [subprocess.run([net.natlens, "show", str(database), what], capture_output=True, text=True).stdout
             for what in ("conntrack", "mappings", "translations", "nats")]
    print(f"while it ran {live}, after kill -9 {after}")
    return (live == after and after[0] >= 250 and after[1] >= 250 and all(POOL in text for text in shown[:3]) and
            "nat" in shown[3])


def ended(net):
    """A clean end: what show prints is what the traffic was."""
    database = net.folder / "ended.db"
    with net.inline("-o", str(database)) as nat:
        net.client(*TRAFFIC, "echo", SERVER, "7007", "20", "1")
        net.client(*TRAFFIC, "dns", SERVER, "host.lab.test")
        net.client(*TRAFFIC, "echo", POOL, "7007", "5", "1", namespace="server")
        nat.send_signal(signal.SIGTERM)
        nat.wait(10)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        kinds = connection.execute("SELECT protocol, kind, count(*) FROM translations GROUP BY 1, 2 ORDER BY 1, 2"
                                   ).fetchall()
        states = connection.execute("SELECT DISTINCT state FROM conntrack WHERE protocol = 'tcp'").fetchall()
        complete = connection.execute("SELECT value FROM meta WHERE key = 'complete'").fetchone()
    print(f"after a clean end {kinds}, TCP states {states}, complete {complete}")
    return kinds == [("tcp", "dnat", 5), ("tcp", "snat", 20), ("udp", "snat", 1)] and complete == ("1",)


def rows(database):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT (SELECT count(*) FROM translations), (SELECT count(*) FROM mappings), "
                                  "(SELECT count(*) FROM conntrack)").fetchone()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("--long", action="store_true", default=os.environ.get("NATLENS_LONG") == "1")
    parser.add_argument("--only", default="compare,reloads,counters,killed,ended")
    options = parser.parse_args()
    try:
        require_lab()
        for program, package in PROGRAMS.items():
            if not shutil.which(program):
                raise NotRun(f"missing package {package} (program {program})")
        if not os.path.exists("/dev/net/tun"):
            raise NotRun("kernel feature missing: /dev/net/tun")
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77
    count, seconds = (2000, 5) if options.long else (500, 1)
    parts = {"compare": lambda net: compare(net, count, seconds), "reloads": reloads, "counters": counters,
             "killed": killed, "ended": ended}
    results = []
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        net = Network(lab, pathlib.Path(folder), options.natlens)
        net.serve()
        for name in options.only.split(","):
            began = time.monotonic()
            results.append(parts[name](net))
            print(f"{'good' if results[-1] else 'BAD'}: {name}, {time.monotonic() - began:.1f} s", flush=True)
    print(f"{sum(results)} of {len(results)} parts good")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
