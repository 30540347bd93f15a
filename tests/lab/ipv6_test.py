#!/usr/bin/env python3
"""Live test of translators that know IPv6: a stateless NAT64 (tayga on a TUN device), the kernel's
NPTv6 (RFC 6296, ip6tables SNPT and DNPT), and nftables' `snat prefix`.

  ipv6_test.py NATLENS [--seed N] [--keep FOLDER]

    c1 c2 -- lan0 [box] wan0 -- srv

Addresses are drawn from the seed. What each box does to an address is known beforehand, so every
connection that the inside shows has one right partner outside; all must be found, with the right
kind, and nothing else. Then the same captures are sent through natlens's own translator: what
leaves has to be what left the box. Ends with 77 and `NOT RUN: reason` where no lab can be made.
"""
import argparse
import ipaddress
import json
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter

from netlab import HERE, Lab, NotRun, require_lab
from pcap_index import packets

TRAFFIC = (sys.executable, str(HERE / "traffic.py"))
RIGHT = """SELECT t.kind, t.protocol, t.outside_protocol, t.inside_src, t.inside_sport, t.inside_dst,
  t.inside_dport, t.outside_src, t.outside_sport, t.outside_dst, t.outside_dport
  FROM translations AS t WHERE t.hops = 1 AND t.inside_tap = 'lan' AND t.outside_tap = 'wan'"""
SEEN = """SELECT protocol, src, sport, dst, dport FROM connection AS c JOIN tap ON tap.id = c.tap_id
  WHERE tap.name = ? AND c.icmp_type IS NULL OR tap.name = ? AND c.icmp_type IN (8, 128)"""


def embedded(prefix, address):
    """RFC 6052 2.2: the four bytes behind the prefix, byte 8 left out."""
    head = prefix.prefixlen // 8
    out = bytearray(prefix.network_address.packed)
    for byte in ipaddress.IPv4Address(address).packed:
        head += head == 8
        out[head] = byte
        head += 1
    return str(ipaddress.IPv6Address(bytes(out)))


def neutral(address, inner, outer):
    """RFC 6296 3.4, prefixes of /48: the fourth word takes up the difference."""
    def total(words):
        value = sum(words)
        while value >> 16:
            value = (value & 0xffff) + (value >> 16)
        return value
    words = [int.from_bytes(ipaddress.IPv6Address(address).packed[i:i + 2], "big") for i in range(0, 16, 2)]
    head = [int.from_bytes(outer.network_address.packed[i:i + 2], "big") for i in (0, 2, 4)]
    fourth = total([words[3], total(words[:3]), 0xffff - total(head)])
    words[:4] = [*head, 0 if fourth == 0xffff else fourth]
    return str(ipaddress.IPv6Address(b"".join(word.to_bytes(2, "big") for word in words)))


def moved(address, outer):
    """The prefix replaced, the rest kept."""
    host = ipaddress.IPv6Address(address).packed[outer.prefixlen // 8:]
    return str(ipaddress.IPv6Address(outer.network_address.packed[:outer.prefixlen // 8] + host))


class Box:
    """One translator. inside/outside: what an address of this side is on the other."""
    clients = 2

    def __init__(self, generator):
        self.inner = ipaddress.ip_network(f"fd{generator.randrange(256):02x}:{generator.randrange(1, 65536):x}:"
                                          f"{generator.randrange(1, 65536):x}::/48")
        self.outer = ipaddress.ip_network(f"2001:db8:{generator.randrange(1, 65536):x}::/48")
        subnet = f"{str(self.inner.network_address)[:-2]}:{generator.randrange(1, 65535):x}::"
        self.gateway = str(ipaddress.IPv6Address(f"{subnet}1"))
        self.hosts = [str(ipaddress.IPv6Address(f"{subnet}{generator.randrange(0x1000, 0xffff):x}"))
                      for _ in range(self.clients)]
        self.server = f"2001:db8:ffff::{generator.randrange(2, 0xffff):x}"
        self.upstream, self.target = "2001:db8:ffff::1", self.server

    def network(self, lab):
        for name in ("c1", "c2", "srv"):
            lab.namespace(name, ipv6=True)
        lab.namespace("box", forward=True, ipv6=True)
        for number, host in enumerate(self.hosts, 1):
            lab.link(f"c{number}", "eth0", "box", f"p{number}", f"{host}/64")
        lab.bridge("box", "lan0", f"{self.gateway}/64", ["p1", "p2"])
        lab.link("box", "wan0", "srv", "eth0", f"{self.upstream}/{self.bits}", f"{self.server}/{self.bits}")
        for number in (1, 2):
            lab.route(f"c{number}", "default", self.gateway)
        lab.route("srv", "default", self.upstream)
    bits = 64


class Npt(Box):
    kind = "npt"

    def start(self, lab, _):
        for chain, target, pair in (("POSTROUTING", "SNPT", (self.inner, self.outer)),
                                    ("PREROUTING", "DNPT", (self.outer, self.inner))):
            side = ("-o", "-s") if target == "SNPT" else ("-i", "-d")
            rule = ["ip6tables", "-w", "-t", "mangle", "-A", chain, side[0], "wan0", side[1], str(pair[0]),
                    "-j", target, "--src-pfx", str(pair[0]), "--dst-pfx", str(pair[1])]
            lab.run("box", *rule)

    def outside(self, address):
        return neutral(address, self.inner, self.outer)

    def target_outside(self, address):
        return address

    def replay(self, natlens, folder):
        """Complaints: every packet, to the last bit."""
        rules = folder / "own.rules"
        rules.write_text(f"npt {{ inside {self.inner}; outside {self.outer} }}\n")
        done = subprocess.run([natlens, "replay", f"lan={folder}/lan.pcap", f"wan={folder}/wan.pcap", "--rules",
                               str(rules), "--compare", f"{folder}/wan.pcap"], text=True, capture_output=True,
                              timeout=60)
        print("  replay: " + done.stdout.splitlines()[2] if done.returncode == 0 else done.stdout + done.stderr)
        return [] if done.returncode == 0 else ["the replay differs"]


class Prefix(Npt):
    replay = None  # nftables has it without the sum
    def start(self, lab, _):
        lab.rules("box", f"table ip6 nat {{\nchain post {{\ntype nat hook postrouting priority srcnat\n"
                         f'oifname "wan0" ip6 saddr {self.inner} snat ip6 prefix to {self.outer}\n}}\n}}')

    def outside(self, address):
        return moved(address, self.outer)


class Nat64(Box):
    kind = "nat64"
    bits = 24

    def __init__(self, generator):
        super().__init__(generator)
        self.prefix = ipaddress.ip_network(
            generator.choice(["2001:db8:64:ff9b::/96", "2001:db8:64::/48", "2001:db8:6464:1::/64", "2001:db8::/32"]))
        net = generator.choice(["198.51.100", "203.0.113"])
        self.upstream, self.server = f"{net}.1", f"{net}.{generator.randrange(2, 250)}"
        self.target = embedded(self.prefix, self.server)
        self.pool = {host: f"192.0.2.{number}" for number, host in enumerate(self.hosts, generator.randrange(10, 200))}

    def start(self, lab, folder):
        if not shutil.which("tayga"):
            raise NotRun("missing package tayga (program tayga)")
        conf = folder / "tayga.conf"
        maps = "".join(f"map {v4} {v6}\n" for v6, v4 in self.pool.items())
        conf.write_text(f"tun-device nat64\nipv4-addr 192.0.2.1\nipv6-addr {self.gateway[:-1]}2\n"
                        f"prefix {self.prefix}\ndata-dir {folder}\n{maps}")
        lab.run("box", "tayga", "-c", str(conf), "--mktun")
        lab.run("box", "ip", "link", "set", "nat64", "up")
        lab.run("box", "ip", "route", "add", str(self.prefix), "dev", "nat64")
        lab.run("box", "ip", "route", "add", "192.0.2.0/24", "dev", "nat64")
        lab.spawn("box", "tayga", "-c", str(conf), "-n")
        time.sleep(0.3)

    def outside(self, address):
        return self.pool[address]

    def target_outside(self, address):
        return self.server if address == self.target else address

    def replay(self, natlens, folder):
        """Complaints: the packets of one host (whose address the pool is), but for what tayga does otherwise: it
        counts three hops, and sets DF and no identification in whatever packet."""
        host, alias = next(iter(self.pool.items()))
        for side, address in (("lan", host), ("wan", alias)):
            subprocess.run(["tcpdump", "-r", f"{folder}/{side}.pcap", "-w", f"{folder}/{side}1.pcap", "host", address],
                           check=True, capture_output=True)
        rules = folder / "own.rules"
        rules.write_text(f"nat64 {{ prefix {self.prefix}; pool {alias} }}\n")
        subprocess.run([natlens, "replay", f"lan={folder}/lan1.pcap", f"wan={folder}/wan1.pcap", "--rules", str(rules),
                        "-o", f"{folder}/own.pcap"], check=True, capture_output=True, timeout=60)
        left = {(4, ipaddress.IPv4Address(alias).packed), (6, ipaddress.IPv6Address(self.target).packed)}
        real = Counter(plain(data) for side in ("lan1", "wan1") for data in ip_packets(folder / f"{side}.pcap")
                       if source(data) in left)
        own = Counter(plain(data) for data in ip_packets(folder / "own.pcap"))
        print(f"  replay: {(own & real).total()} of {real.total()} packets equal, {(own - real).total()} besides")
        return [] if own == real and real else ["the replay differs"]


def ip_packets(path):
    raw = path.read_bytes()[20] == 101  # the link type
    for _, _, _, data in packets(path):
        if raw or data[12:14] in (b"\x08\x00", b"\x86\xdd"):
            yield data if raw else data[14:]


def source(data):
    return (4, data[12:16]) if data[0] >> 4 == 4 else (6, data[8:24])


def plain(data):
    """Without hop count, identification, DF and header checksum."""
    v4 = data[0] >> 4 == 4
    data = bytearray(data[:int.from_bytes(data[2:4], "big") if v4 else int.from_bytes(data[4:6], "big") + 40])
    for field in (slice(4, 6), slice(6, 7), slice(8, 9), slice(10, 12)) if v4 else (slice(7, 8),):
        data[field] = bytes(len(data[field]))
    return bytes(data)


def actions(generator, target):
    out = [{"at": generator.random(), "do": "tcp", "dst": target, "port": 7002, "count": generator.randrange(1, 5),
            "size": generator.randrange(1, 3000)} for _ in range(8)]
    out += [{"at": generator.random(), "do": "udp", "dst": target, "port": 7, "count": generator.randrange(1, 5),
             "size": generator.randrange(20, 900)} for _ in range(8)]
    out += [{"at": generator.random(), "do": "dns", "dst": target, "name": f"host{n}.example.com", "port": 53}
            for n in range(4)]
    out.append({"at": 0.5, "do": "tcp", "dst": target, "port": 9})
    return out


def live(lab, box, generator, folder):
    """Builds, captures both sides, lets clients talk; leaves lan.pcap and wan.pcap."""
    box.network(lab)
    box.start(lab, folder)
    for name in ("c1", "c2"):  # neighbours know each other from here on
        lab.run(name, "ping", "-6", "-c", "1", "-W", "2", box.target)
    captures = [lab.spawn_ready("box", "tcpdump", "-i", interface, "-w", str(folder / name), "-n", "-U",
                                "--immediate-mode", "-Z", "root", marker="listening on")
                for interface, name in (("lan0", "lan.pcap"), ("wan0", "wan.pcap"))]
    lab.spawn_ready("srv", *TRAFFIC, "serve", box.server, marker="ready")
    clients = []
    for name in ("c1", "c2"):
        clients.append(lab.spawn(name, *TRAFFIC, "client", name, json.dumps(actions(generator, box.target))))
        clients.append(lab.spawn(name, "ping", "-6", "-c", "3", "-i", "0.2", box.target))
    lab.wait_all(clients, 30)
    time.sleep(0.3)
    for capture in captures:
        lab.stop(capture)


def outside_protocol(box, protocol):
    return "icmp" if box.kind == "nat64" and protocol == "icmpv6" else protocol


def check(box, database):
    """Complaints: what the inside shows against what was paired."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(RIGHT).fetchall()
        # A capture may have missed the opener's first packet: then src is the server.
        both_ways = [turned for protocol, src, sport, dst, dport in connection.execute(SEEN, ("lan", "lan"))
                     for turned in ((protocol, src, sport, dst, dport), (protocol, dst, dport, src, sport))]
        seen = [row for row in both_ways if row[1] in box.hosts and row[3] == box.target]
    wanted = {(box.kind, protocol, outside_protocol(box, protocol), src, sport, dst, dport,
               box.outside(src), sport, box.target_outside(dst), dport)
              for protocol, src, sport, dst, dport in seen}
    given = {tuple(value or 0 for value in row) for row in rows}
    wanted = {tuple(value or 0 for value in row) for row in wanted}
    print(f"  {len(wanted & given)} of {len(wanted)} connections paired as the box translated them")
    if len(wanted) < 20:
        return [f"only {len(wanted)} connections were seen inside"]
    return [f"missing {row}" for row in sorted(wanted - given)] + [f"wrong {row}" for row in sorted(given - wanted)]


def run(natlens, kind, seed, keep):
    generator = random.Random(f"{kind.__name__} {seed}")
    box = kind(generator)
    print(f"{kind.__name__} seed {seed}: inside {box.inner}, target {box.target}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(keep) if keep else pathlib.Path(folder)
        with Lab() as lab:
            live(lab, box, generator, folder)
        database = folder / "nat.db"
        analyze = subprocess.run([natlens, "analyze", f"lan={folder}/lan.pcap", f"wan={folder}/wan.pcap", "-o",
                                  str(database), "--force"], text=True, capture_output=True, timeout=120)
        if analyze.returncode != 0:
            print(analyze.stdout + analyze.stderr)
            return False
        complaints = check(box, database)
        if box.replay:
            complaints += box.replay(natlens, folder)
    print("".join(f"  {complaint}\n" for complaint in complaints[:10]), end="")
    return not complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--only")
    parser.add_argument("--keep")
    options = parser.parse_args()
    good, not_run = [], []
    try:
        require_lab()
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77
    for kind in (Nat64, Npt, Prefix):
        if options.only not in (None, kind.__name__):
            continue
        try:
            good.append(run(options.natlens, kind, options.seed, options.keep))
        except NotRun as reason:
            not_run.append(kind)
            print(f"NOT RUN: {reason}")
        except subprocess.CalledProcessError as error:
            not_run.append(kind)
            print(f"NOT RUN: kernel feature missing: {' '.join(error.cmd[4:])}: {(error.stderr or '').strip()}")
    if not good:
        return 77
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
