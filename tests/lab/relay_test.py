#!/usr/bin/env python3
"""Live test of relays that encrypt: real daemons, captured in clear, on the encrypted link and beyond.

  relay_test.py NATLENS [--seed N] [--keep FOLDER] [--only NAME,...]

    guest eth0 *guest* -- host mid0 *mid* -- far wan0 *wan* -- srv

Nothing of the encrypted side is the same as of the clear one but the moments and how many bytes there
were. Each conversation has a port of its own at the server, by which it is known on the clear sides; on a
Shadowsocks link by decryption with the key, on a TLS link by the ports of the frontends. Judged: of what is
said between a clear tap and an encrypted one at least 0.95 right and none certain; how many were found is
printed. Ends with 77 and `NOT RUN: reason` where no lab can be made.
"""
import hashlib
import hmac
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

TRAFFIC = (sys.executable, str(HERE / "relay_traffic.py"))
SERVER, FIRST, COUNT = "192.0.2.9", 9000, 48
PAIRS = """SELECT inside_tap, inside_sport, inside_dport, outside_tap, outside_sport, outside_dport, confidence
  FROM translations
  WHERE hops = 1 AND kind = 'proxy'"""


def conversations(generator, seconds):
    """One after the other and at once; small and large, question and answer, or one great answer."""
    out = []
    for n in range(COUNT):
        kind = generator.choice(("small", "talk", "down", "up", "fetch"))
        if kind == "small":
            turns = [[generator.randrange(20, 600), generator.randrange(20, 4000), 0]]
        elif kind == "talk":
            turns = [[generator.randrange(12, 300), generator.randrange(1, 900), generator.uniform(0, 0.15)]
                     for _ in range(generator.randrange(3, 30))]
        elif kind == "fetch":
            turns = [[generator.randrange(100, 900), generator.randrange(500, 60000), generator.uniform(0, 0.4)]
                     for _ in range(generator.randrange(1, 8))]
        else:
            sizes = [generator.randrange(100, 900), generator.randrange(100_000, 2_000_000)]
            turns = [[*(sizes if kind == "down" else sizes[::-1]), 0]]
        out.append({"at": generator.uniform(0, seconds), "turns": turns, "tls": False, "socks": None,
                    "end": generator.choice(("fin", "fin", "reset"))})
    return out


class Relay:
    program, package = "haproxy", "haproxy"
    clear = {"guest": False, "mid": False, "wan": True}   # by tap
    listen = None   # where clients go; None: to the port of the conversation

    def start(self, lab, folder, generator):
        raise NotImplementedError

    def ask(self, number, action):
        action["to"] = self.listen or ["10.7.3.1", FIRST + number]
        return action

    def port_of(self, tap, first, destination):
        """The conversation's port at the server, of a connection that tap showed; None: unknown."""
        return destination if FIRST <= destination < FIRST + COUNT else None

    def haproxy(self, lab, folder, space, listen, to, inside_tls, outside_tls):
        pem = folder / "relay.pem"
        if not pem.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                            "-nodes", "-days", "2", "-subj", "/CN=relay", "-keyout", folder / "key", "-out",
                            folder / "crt"], check=True, capture_output=True)
            pem.write_text((folder / "crt").read_text() + (folder / "key").read_text())
        conf = ["global", "defaults", " mode tcp", " timeout connect 2s", " timeout client 10s", " timeout server 10s"]
        for port in range(FIRST, FIRST + COUNT):
            conf += [f"listen p{port}", f" bind {listen}:{port}" + (f" ssl crt {pem}" if inside_tls else ""),
                     f" server s {to}:{port}" + (" ssl verify none" if outside_tls else "")]
        path = folder / f"{space}.cfg"
        path.write_text("\n".join(conf) + "\n")
        lab.spawn(space, "haproxy", "-db", "-f", str(path))


class TlsFront(Relay):
    """Clients speak TLS, which ends in host; clear from there on."""
    clear = {"guest": False, "mid": True, "wan": True}

    def start(self, lab, folder, generator):
        self.haproxy(lab, folder, "host", "10.7.3.1", SERVER, True, False)

    def ask(self, number, action):
        return {**super().ask(number, action), "tls": True}


class TlsLink(Relay):
    """In clear to host, in TLS to far, in clear to the server."""
    clear = {"guest": True, "mid": False, "wan": True}

    def start(self, lab, folder, generator):
        self.haproxy(lab, folder, "host", "10.7.3.1", "10.8.4.2", False, True)
        self.haproxy(lab, folder, "far", "10.8.4.2", SERVER, True, False)


class SocksTls(Relay):
    """SOCKS within TLS, which ends in host."""
    clear = {"guest": False, "mid": True, "wan": True}
    package = "microsocks"

    def start(self, lab, folder, generator):
        self.haproxy(lab, folder, "host", "10.7.3.1", "127.0.0.1", True, False)
        lab.spawn("host", "microsocks", "-i", "127.0.0.1", "-p", str(FIRST))

    def ask(self, number, action):
        return {**action, "to": ["10.7.3.1", FIRST], "socks": [SERVER, FIRST + number], "tls": True}

    def port_of(self, tap, first, destination):
        return None if tap == "guest" else super().port_of(tap, first, destination)


class Shadowsocks(Relay):
    program, package = "ss-local", "shadowsocks-libev"
    clear = {"guest": True, "mid": False, "wan": True}

    def start(self, lab, folder, generator):
        self.password = f"key-{generator.randrange(1 << 40)}"
        common = ("-k", self.password, "-m", "chacha20-ietf-poly1305")
        lab.spawn("far", "ss-server", "-s", "10.8.4.2", "-p", "8388", *common)
        lab.spawn("host", "ss-local", "-s", "10.8.4.2", "-p", "8388", "-b", "10.7.3.1", "-l", "1080", *common)

    def ask(self, number, action):
        return {**action, "to": ["10.7.3.1", 1080], "socks": [SERVER, FIRST + number]}

    def port_of(self, tap, first, destination):
        if tap == "wan":
            return super().port_of(tap, first, destination)
        return shadowsocks_port(self.password, first)


def chacha20(key, nonce, count):
    """The first `count` bytes of what hides a Shadowsocks chunk (RFC 8439: block 1 on)."""
    stream = b""
    for block in range(1, 2 + count // 64):
        start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), block,
                 *struct.unpack("<3I", nonce)]
        state = list(start)
        for _ in range(10):
            for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                               (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
                for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                    state[x] = (state[x] + state[y]) & 0xFFFFFFFF
                    mixed = state[z] ^ state[x]
                    state[z] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF
        stream += struct.pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(state, start)))
    return stream[:count]


def shadowsocks_port(password, first):
    """The port in the address that the first chunk begins with."""
    if len(first) < 32 + 18 + 7:
        return None
    key, last = b"", b""
    while len(key) < 32:
        last = hashlib.md5(last + password.encode()).digest()
        key += last
    extracted = hmac.new(first[:32], key, hashlib.sha1).digest()
    session, last = b"", b""
    for n in (1, 2):
        last = hmac.new(extracted, last + b"ss-subkey" + bytes([n]), hashlib.sha1).digest()
        session += last
    hidden = first[32 + 18:32 + 18 + 7]
    address = bytes(x ^ y for x, y in zip(hidden, chacha20(session[:32], b"\1" + bytes(11), 7)))
    return struct.unpack(">H", address[5:])[0] if address[0] == 1 else None


LABS = {"shadowsocks": Shadowsocks, "tls-front": TlsFront, "tls-link": TlsLink, "socks-tls": SocksTls}


def opened(path):
    """{(source port, destination port): first bytes} of the TCP connections of a capture."""
    found = {}
    for _, _, _, frame in pcap_index.packets(path):
        flow = pcap_index.flow_of(frame)
        if not flow or flow[0] != "tcp":
            continue
        ip = frame[14:14 + struct.unpack_from(">H", frame, 16)[0]]
        l4 = ip[(ip[0] & 15) * 4:]
        ports = flow[2], flow[4]
        if l4[13] & 0x12 == 2:
            found.setdefault(ports, b"")
        if ports in found and len(found[ports]) < 100:
            found[ports] += l4[(l4[12] >> 4) * 4:]
    return found


def judge(name, relay, folder, database, asked):
    port_at = {}   # (tap, source port, destination port) -> the conversation's port
    for tap in ("guest", "mid", "wan"):
        for ports, first in opened(folder / f"{tap}.pcap").items():
            port = asked.get(ports) if tap == "guest" else relay.port_of(tap, first, ports[1])
            if port is not None:
                port_at[tap, *ports] = port
    wanted = {frozenset((one, other)) for one in port_at for other in port_at
              if one[0] < other[0] and port_at[one] == port_at[other] and relay.clear[one[0]] != relay.clear[other[0]]
              and {one[0], other[0]} != {"guest", "wan"}}
    if relay.clear["mid"]:   # the encrypted side is the guest's; mid and wan are one link
        wanted = {frozenset((one, other)) for one in port_at for other in port_at
                  if one[0] == "guest" and other[0] == "mid" and port_at[one] == port_at[other]}
    claims = {}
    with sqlite3.connect(database) as db:
        for *ends, confidence in db.execute(PAIRS):
            inside, outside = tuple(ends[:3]), tuple(ends[3:])
            if relay.clear[inside[0]] != relay.clear[outside[0]]:
                claims[frozenset((inside, outside))] = confidence
        ambiguous = db.execute("SELECT count(DISTINCT connection_id) FROM candidate").fetchone()[0]
    wrong = [claim for claim in claims if len({port_at.get(end, end) for end in claim}) != 1]
    for claim in wrong[:5]:
        print(f"  wrong {sorted(claim)}")
    found = len(set(claims) & wanted)
    precision = 1 - len(wrong) / max(1, len(claims))
    print(f"{name}: {len(wanted)} pairs; {len(claims)} said, precision {precision:.4f}, recall "
          f"{found / max(1, len(wanted)):.4f}, {ambiguous} connections ambiguous", flush=True)
    return bool(wanted) and precision >= 0.95 and "certain" not in claims.values()


def run(natlens, name, kind, seed, folder):
    generator = random.Random(f"{seed} {name}")
    relay = kind()
    with Lab() as lab:
        for space in ("guest", "host", "far", "srv"):
            lab.namespace(space, forward=space == "far")
        lab.link("guest", "eth0", "host", "lan0", "10.7.3.2/24", "10.7.3.1/24")
        lab.link("host", "mid0", "far", "mid0", "10.8.4.1/24", "10.8.4.2/24")
        lab.link("far", "wan0", "srv", "eth0", "192.0.2.1/24", f"{SERVER}/24")
        lab.route("host", "default", "10.8.4.2")
        lab.route("srv", "10.8.4.0/24", "192.0.2.1")
        lab.spawn_ready("srv", *TRAFFIC, "serve", SERVER, str(FIRST), str(COUNT), marker="ready")
        relay.start(lab, folder, generator)
        time.sleep(1)
        captures = [lab.spawn_ready(space, "tcpdump", "-i", interface, "-U", "-s0", "-B", "8192", "-w",
                                    str(folder / f"{tap}.pcap"), "ip", marker="listening")
                    for space, interface, tap in (("guest", "eth0", "guest"), ("host", "mid0", "mid"),
                                                  ("far", "wan0", "wan"))]
        actions = [relay.ask(*item) for item in enumerate(conversations(generator, generator.choice((3, 8, 20))))]
        client = lab.run("guest", *TRAFFIC, "client", json.dumps(actions))
        time.sleep(1.5)
        for capture in captures:
            lab.stop(capture)
    database = folder / "nat.db"
    subprocess.run([natlens, "analyze", "--force", *(f"{tap}={folder}/{tap}.pcap" for tap in ("guest", "mid", "wan")),
                    "-o", str(database)], check=True, stdout=subprocess.DEVNULL, timeout=120)
    asked = {(line["sport"], actions[line["number"]]["to"][1]): FIRST + line["number"]
             for line in map(json.loads, client.stdout.splitlines())}
    (folder / "asked.json").write_text(json.dumps([[*ports, port] for ports, port in asked.items()]))
    return judge(name, relay, folder, database, asked)


def run_one(natlens, name, seed, folder):
    kind = LABS[name]
    missing = [p for p in (kind.program, kind.package) if p != "shadowsocks-libev" and not shutil.which(p)]
    if missing:
        print(f"NOT RUN: missing package {kind.package} (program {missing[0]})")
        return None
    return run(natlens, name, kind, seed, folder)


if __name__ == "__main__":
    sys.exit(run_each(__doc__, LABS, run_one))
