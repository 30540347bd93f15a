#!/usr/bin/env python3
"""Live test of user-space NATs and proxies: real daemons between a guest and a server, captured on
both sides.

  proxy_test.py NATLENS [--seed N] [--keep FOLDER] [--only NAME,...]

    guest tap0 or eth0 -- [host: the daemon] wan0 -- srv

Who became whom is known by marks in the bytes, and by destination ports of which each is asked for
once where no byte passes. Judged: of connections with bytes precision 1 and recall 0.99; of those
without, and of names asked for, precision 0.95 and, where nothing else went on at that moment,
recall 0.9; of those whose proxy says nothing and shares no end 0.8. A daemon that cannot run here is
printed as `NOT RUN: reason`; ends with 77 if none can.
"""
import collections
import json
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import time

import pcap_index
from netlab import HERE, Lab, run_each

CLIENT = (sys.executable, str(HERE / "proxy_traffic.py"))
TRAFFIC = (sys.executable, str(HERE / "traffic.py"))
ECHO, REFUSED, DROPPED = 9000, 21000, 22000
Pair = collections.namedtuple("Pair", "inside outside bytes")
CLAIMED = """SELECT DISTINCT protocol, inside_src, inside_sport, inside_dst, inside_dport, outside_src,
  outside_sport, outside_dst, outside_dport, kind FROM translations
  WHERE inside_tap = 'guest' AND outside_tap = 'wan' OR inside_tap = 'wan' AND outside_tap = 'guest'"""


class Daemon:
    """One lab: `program` runs in the namespace host, between guest and wan0."""
    program, package = "", ""
    guest_if, guest = "eth0", "10.7.3.2"
    via = None                   # how clients ask
    outside = ("host", "wan0")   # where its other side is captured
    datagrams = False            # a proxy that takes datagrams, too
    # A connection without bytes shows where it goes; else one that the server took may (PROXY header).
    targets_tell = True

    def __init__(self, generator):
        self.generator = generator
        self.server = f"192.0.2.{generator.randrange(2, 250)}"

    def network(self, lab):
        for name in ("guest", "srv"):
            lab.namespace(name)
        lab.namespace("host")
        lab.link("host", "wan0", "srv", "eth0", "192.0.2.1/24", f"{self.server}/24")
        self.inside(lab)
        lab.rules("srv", f"table ip f {{\nchain i {{\ntype filter hook input priority 0\n"
                         f"tcp dport {DROPPED}-{DROPPED + 999} drop\n}}\n}}")

    def inside(self, lab):
        lab.link("guest", "eth0", "host", "lan0", f"{self.guest}/24", "10.7.3.1/24")

    def start(self, lab, folder):
        raise NotImplementedError

    def to(self, action):
        return action

    def actions(self):
        """Connections with bytes and without, of which each ends one way or another."""
        out = []
        for n in range(24):
            size = self.generator.choice((16, 40, 300, 5000, 40000))
            out.append({"mark": self.mark(n), "to": [self.server, ECHO + n % 3], "bytes": size,
                        "end": self.generator.choice(("fin", "reset"))})
        for n in range(4):
            out.append({"mark": self.mark(100 + n), "to": [self.server, REFUSED + n], "bytes": 0})
            out.append({"mark": self.mark(200 + n), "to": [self.server, ECHO + 10 + n], "bytes": 0,
                        "end": self.generator.choice(("fin", "reset"))})
        out.append({"mark": self.mark(300), "to": [self.server, DROPPED], "bytes": 0})
        if not self.via or self.datagrams:
            out += [{"mark": self.mark(400 + n), "to": [self.server, ECHO + n % 3], "bytes": 60, "udp": True}
                    for n in range(4)]
        self.generator.shuffle(out)
        if self.via:
            for action in out:
                action["via"] = self.via
        return out

    def mark(self, n):
        return f"mark-{n}-{self.generator.randrange(1 << 40):x}-"


class Slirp(Daemon):
    program, package = "slirp4netns", "slirp4netns"
    guest_if, guest = "tap0", "10.0.2.100"

    def inside(self, lab):
        pass

    def start(self, lab, folder):
        lab.spawn("host", "slirp4netns", "--netns-type=path", "--configure",
                  f"/run/netns/{lab.prefix}-guest", "tap0")


class Pasta(Slirp):
    program, package = "pasta", "passt"
    guest_if, guest = "wan0", None

    def start(self, lab, folder):
        lab.route("host", "default", "192.0.2.254")  # what pasta takes for the gateway is the host itself
        lab.spawn("host", "pasta", "--config-net", "-f", "-q", "--runas", "0:0", "--netns",
                  f"/run/netns/{lab.prefix}-guest")


class Socks(Daemon):
    program, package = "microsocks", "microsocks"
    via = ["socks5", "10.7.3.1", 1080]

    def start(self, lab, folder):
        lab.spawn("host", "microsocks", "-i", "10.7.3.1", "-p", "1080")


class Connect(Daemon):
    program, package = "tinyproxy", "tinyproxy"
    via = ["connect", "10.7.3.1", 8888]

    def start(self, lab, folder):
        conf = folder / "tinyproxy.conf"
        conf.write_text("Port 8888\nListen 10.7.3.1\nTimeout 5\nMaxClients 50\n"
                        f'LogFile "{folder}/tinyproxy.log"\nPidFile "{folder}/tinyproxy.pid"\n')
        lab.spawn("host", "tinyproxy", "-d", "-c", str(conf))


class Haproxy(Daemon):
    program, package = "haproxy", "haproxy"
    send = "send-proxy"
    targets_tell = False

    def start(self, lab, folder):
        ports = [*range(ECHO, ECHO + 3), *range(ECHO + 10, ECHO + 14), *range(REFUSED, REFUSED + 4), DROPPED]
        conf = ["global", "defaults", " mode tcp", " timeout connect 900ms", " timeout client 5s",
                " timeout server 5s", " retries 0"]
        for port in ports:
            conf += [f"listen p{port}", f" bind 10.7.3.1:{port}", f" server s {self.server}:{port} {self.send}"]
        (folder / "haproxy.cfg").write_text("\n".join(conf) + "\n")
        lab.spawn("host", "haproxy", "-db", "-f", str(folder / "haproxy.cfg"))

    def to(self, action):
        if not action.get("udp"):
            action["to"][0] = "10.7.3.1"
        return action

    def actions(self):
        return [x for x in super().actions() if not x.get("udp")]


class HaproxyPlain(Haproxy):
    """Nothing is said; connections with bytes show where each frontend leads."""
    send = ""


class Haproxy2(Haproxy):
    send = "send-proxy-v2"


class Shadowsocks(Daemon):
    """SOCKS to ss-local in host, encrypted to ss-server in far, and on to the server."""
    program, package = "ss-local", "shadowsocks-libev"
    via = ["socks5", "10.7.3.1", 1080]
    outside = ("far", "wan0")
    targets_tell = False  # it grants every request before it has tried
    datagrams = True

    def network(self, lab):
        for name in ("guest", "host", "far", "srv"):
            lab.namespace(name)
        lab.link("host", "mid0", "far", "mid0", "10.8.4.1/24", "10.8.4.2/24")
        lab.link("far", "wan0", "srv", "eth0", "192.0.2.1/24", f"{self.server}/24")
        self.inside(lab)

    def start(self, lab, folder):
        common = ("-k", f"key-{self.generator.randrange(1 << 40)}", "-m", "chacha20-ietf-poly1305")
        lab.spawn("far", "ss-server", "-s", "10.8.4.2", "-p", "8388", "-u", *common)
        lab.spawn("host", "ss-local", "-s", "10.8.4.2", "-p", "8388", "-b", "10.7.3.1", "-l", "1080", "-u", *common)


class NameServer(Daemon):
    """dnsmasq in host, which asks srv, over TCP what it is asked over TCP. Every name is asked for once."""
    program, package = "dnsmasq", "dnsmasq-base"

    def start(self, lab, folder):
        lab.spawn_ready("srv", *TRAFFIC, "serve", self.server, marker="ready")
        lab.spawn("host", "dnsmasq", "-d", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--cache-size=0",
                  "--server", self.server, "--listen-address", "10.7.3.1", "--bind-interfaces")

    def actions(self):
        return [{"mark": f"m{n}x{self.generator.randrange(1 << 40):x}", "to": ["10.7.3.1", 53], "bytes": 1,
                 "dns": True, "udp": n % 4 != 0, "then": self.generator.choice((0, 0.01, 0.1))} for n in range(40)]


LABS = {"slirp4netns": Slirp, "pasta": Pasta, "socks": Socks, "connect": Connect, "haproxy": Haproxy,
        "haproxy_plain": HaproxyPlain, "haproxy_v2": Haproxy2, "shadowsocks": Shadowsocks, "dnsmasq": NameServer}


def flows(path):
    """{flow: its first bytes} of the connections of a capture, by the opener's tuple, in order."""
    found = {}
    for _, _, _, frame in pcap_index.packets(path):
        flow = pcap_index.flow_of(frame)
        if not flow or flow[0] == "icmp":
            continue
        if flow not in found and pcap_index.reverse(flow) not in found:
            found[flow] = b""
        if flow in found and len(found[flow]) < 400:
            ip = frame[14:14 + struct.unpack_from(">H", frame, 16)[0]]
            l4 = ip[(ip[0] & 15) * 4:]
            found[flow] += l4[(l4[12] >> 4) * 4:] if flow[0] == "tcp" else l4[8:]
    return found


def truth(lines, actions, outside, tells):
    """The pairs, from what the client did and the first bytes that came out on the other side."""
    by_mark = {action["mark"]: action for action in actions}
    pairs = []
    for line in lines:
        action = by_mark[line["mark"]]
        protocol = "udp" if action.get("udp") else "tcp"
        for flow, data in outside.items():
            once = action["bytes"] == 0 and flow[4] == action["to"][1]
            if flow[0] == protocol and (once or action["bytes"] and line["mark"].encode() in data):
                kind = "with" if action["bytes"] else "without" if tells or data else "untold"
                pairs.append(Pair((protocol, *line["src"], *line["dst"]), flow, kind))
    return pairs


def judge(name, pairs, claimed):
    """Prints how many were found and claimed wrongly; True if good enough."""
    right = {(pair.inside, pair.outside): pair.bytes for pair in pairs}
    known = {pair.inside for pair in pairs} | {pair.outside for pair in pairs}
    claims = {((r[0], *r[1:5]), (r[0], *r[5:9])): r[9] for r in claimed}
    claims = {k: v for k, v in claims.items() if k[0] in known or k[1] in known}
    good = True
    for kind, bar in (("with", 0.99), ("without", 0.9), ("untold", 0.8)):
        wanted = {k for k, v in right.items() if v == kind}
        found = {k for k in wanted if claims.get(k) == "proxy"}
        for lost in sorted(wanted - found)[:5]:
            print(f"  missed {lost} {claims.get(lost, '')}")
        print(f"{name}: {kind} bytes {len(found)} of {len(wanted)}")
        good &= len(found) >= bar * len(wanted)
    good &= bool(right)
    wrong = [k for k in claims if k not in right]
    for claim in wrong[:5]:
        print(f"  wrong {claim}")
    return good and not wrong


def run(natlens, name, kind, seed, folder):
    generator = random.Random(f"{seed} {name}")
    daemon = kind(generator)
    with Lab() as lab:
        daemon.network(lab)
        ports = [*range(ECHO, ECHO + 3), *range(ECHO + 10, ECHO + 14)]
        lab.spawn_ready("srv", *CLIENT, "serve", daemon.server, *map(str, ports), marker="ready")
        daemon.start(lab, folder)
        time.sleep(1)
        captures = [lab.spawn_ready(space, "tcpdump", "-i", interface, "-U", "-s0", "-w", str(folder / file),
                                    "ip", marker="listening")
                    for space, interface, file in (("guest", daemon.guest_if, "guest.pcap"),
                                                   (*daemon.outside, "wan.pcap"))]
        actions = [daemon.to(action) for action in daemon.actions()]
        client = lab.run("guest", *CLIENT, "client", json.dumps(actions))
        time.sleep(1.5)
        for capture in captures:
            lab.stop(capture)
    database = folder / "nat.db"
    analyze = subprocess.run([natlens, "analyze", "--force", f"guest={folder}/guest.pcap", f"wan={folder}/wan.pcap",
                              "-o", str(database)], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=120)
    if analyze.returncode != 0:
        print(f"{name}: natlens analyze ended with {analyze.returncode}:\n{analyze.stdout}")
        return False
    lines = [json.loads(line) for line in client.stdout.splitlines()]
    with sqlite3.connect(database) as db:
        claimed = db.execute(CLAIMED).fetchall()
    return judge(name, truth(lines, actions, flows(folder / "wan.pcap"), daemon.targets_tell), claimed)


def run_one(natlens, name, seed, folder):
    kind = LABS[name]
    if not shutil.which(kind.program):
        print(f"NOT RUN: missing package {kind.package} (program {kind.program})")
        return None
    return run(natlens, name, kind, seed, folder)


if __name__ == "__main__":
    sys.exit(run_each(__doc__, LABS, run_one))
