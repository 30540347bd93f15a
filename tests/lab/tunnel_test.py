#!/usr/bin/env python3
"""Live test: real VPN daemons in namespaces, captured at the client's tunnel interface, at its card
and behind its NAT; natlens must tell what was inside, without keys and with the daemons' own.

  tunnel_test.py NATLENS [wireguard|esp-gcm|esp-cbc|openvpn-udp|openvpn-tcp...] [--seed N] [--keep FOLDER]

    cl tun0, eth0 *tun* *eth* -- [gw: masquerade] wan0 *wan* -- vs (VPN server) *far* [masquerade] *out* -- srv

All that leaves tun0 was in the tunnel and nothing else was, so the truth is what the capture there
shows. In the middle the NAT gives WireGuard and an OpenVPN that floats another port, or OpenVPN
reconnects from one of its own; WireGuard and ESP get new keys, OpenVPN often. Judged:
every claim right, both stretches said, at least 0.98 of the connections found at both taps (of a few
dozen one may be missed), at least 0.985 of their packets linked; the named queries about carriers and about what went past the tunnel.
With keys (WireGuard, ESP): every carrier right and at least 0.995 of them found; and what was said
without them, connections and packets, is held against the decrypted run by tunnel_keys.py. Of the
whole way, from tun to out, there has to be one path for each connection (`trace` prints it).
Ends with 77 and `NOT RUN: reason` where no lab can be made.
"""
import argparse
import json
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import tunnel_keys
from netlab import HERE, Lab, NotRun, require_lab

TRAFFIC = (sys.executable, str(HERE / "traffic.py"))
CLIENT, SERVER = "10.9.0.2", "10.9.0.1"   # inside the tunnel
DEVICE = {"esp-gcm": "ipsec0", "esp-cbc": "ipsec0"}   # of the client, else tun0
FAR_DEVICE = {"wireguard": "wgs0"}   # of the server, else the same
PAST = 3   # connections beside the tunnel
ROAMS = {"wireguard", "openvpn-float", "openvpn-reconnect"}
RECONNECTS = {"openvpn-reconnect"}   # ... and from another port of its own
REKEYS = {"wireguard", "esp-gcm", "esp-cbc", "openvpn-udp", "openvpn-float", "openvpn-tcp"}
PORT = {"wireguard": 49999, "esp-gcm": 4500, "esp-cbc": 4500}   # of the server, else 1194
CHARON = {"/usr/lib/ipsec/charon": "strongswan-charon", "swanctl": "strongswan-swanctl"}
NEEDED = {"esp-gcm": CHARON, "esp-cbc": CHARON,
          "wireguard": {"wireguard-go": "wireguard-go", "wg": "wireguard-tools"},
          **{name: {"openvpn": "openvpn", "openssl": "openssl"}
             for name in ("openvpn-udp", "openvpn-float", "openvpn-reconnect")},
          "openvpn-tcp": {"openvpn": "openvpn", "openssl": "openssl"}}


def masquerade(lab, name, outside, ports=""):
    # In one step: no packet leaves as it came.
    lab.rules(name, "table ip nat\ndelete table ip nat\ntable ip nat {\nchain c {\ntype nat hook postrouting priority srcnat\n"
                    f'oifname "{outside}" meta l4proto {{tcp, udp}} masquerade{ports}\n'
                    f'oifname "{outside}" masquerade\n}}\n}}')


def network(lab):
    for name in ("cl", "srv"):
        lab.namespace(name)
    for name in ("gw", "vs"):
        lab.namespace(name, forward=True)
    lab.link("cl", "eth0", "gw", "lan0", "192.168.44.50/24", "192.168.44.1/24")
    lab.link("gw", "wan0", "vs", "eth0", "198.51.100.17/24", "198.51.100.9/24")
    lab.link("vs", "eth1", "srv", "eth0", "192.0.2.1/24", "192.0.2.9/24")
    lab.route("cl", "default", "192.168.44.1")
    for name, outside in (("gw", "wan0"), ("vs", "eth1")):
        masquerade(lab, name, outside)


def roam(lab):
    """The NAT forgets, and gives ports of its own from now on."""
    masquerade(lab, "gw", "wan0", " to :41000-42000")
    lab.run("gw", "conntrack", "-F")


def wireguard(lab, folder):
    keys = {}
    for name in ("cl", "vs"):
        private = subprocess.run(["wg", "genkey"], check=True, capture_output=True).stdout
        public = subprocess.run(["wg", "pubkey"], input=private, check=True, capture_output=True).stdout
        (folder / f"{name}.key").write_bytes(private)
        keys[name] = public.decode().strip()
    for name, device in (("cl", "tun0"), ("vs", "wgs0")):
        # Each in a mount namespace of its own: they share the folder of their control sockets.
        lab.spawn(name, *tunnel_keys.watched(folder / f"{name}.random"), "wireguard-go", "-f", device)
        wait(lambda n=name, d=device: lab.run(n, "ip", "link", "show", d, check=False).returncode == 0)
    wait(lambda: pathlib.Path("/var/run/wireguard/wgs0.sock").exists())
    lab.run("vs", "wg", "set", "wgs0", "listen-port", "49999", "private-key", str(folder / "vs.key"),
            "peer", keys["cl"], "allowed-ips", "10.9.0.0/24")
    lab.run("cl", "wg", "set", "tun0", "listen-port", "49998", "private-key", str(folder / "cl.key"),
            "peer", keys["vs"], "allowed-ips", "0.0.0.0/0", "endpoint", "198.51.100.9:49999")
    for name, device, address in (("cl", "tun0", CLIENT), ("vs", "wgs0", SERVER)):
        lab.run(name, "ip", "addr", "add", f"{address}/24", "dev", device)
        lab.run(name, "ip", "link", "set", device, "mtu", "1420", "up")
    # A peer that is taken out and put in again has new keys two minutes early.
    return lambda: lab.run("cl", "wg", "set", "tun0", "peer", keys["vs"], "remove", "peer", keys["vs"],
                           "allowed-ips", "0.0.0.0/0", "endpoint", "198.51.100.9:49999")


def openvpn(lab, folder, protocol):
    prints = {}
    for name in ("cl", "vs"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                        "-keyout", folder / f"{name}.pem", "-out", folder / f"{name}.crt"],
                       check=True, capture_output=True)
        said = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
                               folder / f"{name}.crt"], check=True, capture_output=True, text=True).stdout
        prints[name] = said.partition("=")[2].strip()

    def start(name, peer, *options):
        return lab.spawn(name, "openvpn", "--dev", "tun0", "--cert", str(folder / f"{name}.crt"), "--key",
                  str(folder / f"{name}.pem"), "--peer-fingerprint", prints[peer], "--cipher",
                  "AES-256-GCM", "--ping", "5", "--reneg-sec", "4", "--persist-tun", *options,
                  stdout=(folder / f"{name}.log").open("w"))

    tcp = protocol == "tcp"
    # A server of many clients goes on with one whose port changed; two peers alone do not.
    many = protocol in ("float", "reconnect")
    start("vs", "cl", "--proto", "tcp-server" if tcp else "udp", "--port", "1194", "--tls-server", "--dh", "none",
          *(("--server", "10.9.0.0", "255.255.255.0", "--topology", "subnet") if many else
            ("--ifconfig", SERVER, CLIENT)))
    time.sleep(0.5)
    client = start("cl", "vs", "--proto", "tcp-client" if tcp else "udp", "--remote", "198.51.100.9", "1194",
                   "--tls-client", *([] if tcp else ["--nobind"]),
                   *(["--pull"] if many else ["--ifconfig", CLIENT, SERVER]))
    return (lambda: client.send_signal(signal.SIGUSR1)) if protocol == "reconnect" else None


STRONGSWAN = """charon {
  filelog {
    stderr { chd = 4
      ike_name = no }
  }
  load = random nonce openssl kdf hmac sha1 sha2 aes gcm kernel-libipsec kernel-netlink socket-default vici
  plugins {
    vici { socket = unix:///run/charon.vici }
    kernel-libipsec { allow_peer_ts = yes }
  }
}
"""
CHILD = """connections { lab { version = 2
  local_addrs = %(own)s
  remote_addrs = %(peer)s
  proposals = aes128-sha256-ecp256
  local { auth = psk
    id = %(id)s }
  remote { auth = psk
    id = %(peer_id)s }
  children { lab { local_ts = %(own_net)s
    remote_ts = %(peer_net)s
    esp_proposals = %(cipher)s } } } }
secrets { ike { secret = "in a lab only" } }
"""


def esp(lab, folder, cipher):
    """The daemon's user-space ESP, always in UDP; its own device, without kernel support."""
    nets = {"cl": f"{CLIENT}/32", "vs": f"{SERVER}/32,192.0.2.0/24"}
    ends = {"cl": "192.168.44.50", "vs": "198.51.100.9"}
    pids = {}
    (folder / "strongswan.conf").write_text(STRONGSWAN)
    for name, peer in (("vs", "cl"), ("cl", "vs")):
        lab.run(name, "ip", "addr", "add", nets[name].partition(",")[0], "dev", "lo")
        (folder / f"{name}.conf").write_text(CHILD % {
            "own": ends[name], "peer": "%any" if name == "vs" else ends[peer], "id": name,
            "peer_id": peer, "own_net": nets[name], "peer_net": nets[peer], "cipher": cipher})
        # A /run of its own: there can be one daemon in each.
        # Its log at level 4 holds the keys of its associations.
        pids[name] = lab.spawn(name, "unshare", "-m", "sh", "-c",
                               f"mount -t tmpfs none /run && STRONGSWAN_CONF={folder}/strongswan.conf "
                               "exec /usr/lib/ipsec/charon --use-syslog no",
                               stdout=(folder / f"{name}.log").open("w"),
                               stderr=subprocess.STDOUT).pid

    def control(name, *command):
        return subprocess.run(["nsenter", "-t", str(pids[name]), "-m", "-n", "swanctl", *command],
                              text=True, capture_output=True, timeout=30)

    for name in ("vs", "cl"):
        wait(lambda n=name: control(n, "--load-all", "--file", str(folder / f"{n}.conf")).returncode == 0)
    wait(lambda: control("cl", "--initiate", "--child", "lab").returncode == 0)
    return lambda: control("cl", "--rekey", "--child", "lab")


START = {"wireguard": wireguard,
         "esp-gcm": lambda lab, folder: esp(lab, folder, "aes128gcm16"),
         "esp-cbc": lambda lab, folder: esp(lab, folder, "aes128-sha256"),
         "openvpn-udp": lambda lab, folder: openvpn(lab, folder, "udp"),
         "openvpn-float": lambda lab, folder: openvpn(lab, folder, "float"),
         "openvpn-reconnect": lambda lab, folder: openvpn(lab, folder, "reconnect"),
         "openvpn-tcp": lambda lab, folder: openvpn(lab, folder, "tcp")}


KEYS = {"wireguard": tunnel_keys.wireguard_log,
        "esp-gcm": lambda folder: tunnel_keys.charon_state(folder, "aes128gcm16"),
        "esp-cbc": lambda folder: tunnel_keys.charon_state(folder, "aes128-sha256")}


def wait(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("a daemon did not get ready")
        time.sleep(0.1)


def actions(seed, few):
    generator = random.Random(seed)
    result = []
    for number in range(60 if few else 40):
        at, dst = generator.uniform(0, 6), "192.0.2.9"
        kind = generator.choice(["tcp", "tcp", "udp", "dns", "stream"])
        action = {"at": at, "do": kind, "dst": dst}
        if kind == "tcp":
            action.update(port=7002, count=generator.randrange(1, 12),
                          size=generator.choice([1, 40, 200] if few else [1, 40, 300, 1500, 9000]), gap=generator.uniform(0, 0.2))
        elif kind == "udp":
            action.update(port=7, count=generator.randrange(1, 10), size=generator.randrange(20, 1300),
                          gap=generator.uniform(0, 0.3))
        elif kind == "dns":
            action.update(port=53, name=f"host{number}.example")
        else:
            action.update(port=7003, count=generator.randrange(5, 12 if few else 60))
        result.append(action)
    return result


def record(lab, folder, tunnel, seed, few):
    network(lab)
    device = DEVICE.get(tunnel, "tun0")
    captures = {"eth": ("cl", "eth0"), "wan": ("gw", "wan0"), "tun": ("cl", device),
                "far": ("vs", FAR_DEVICE.get(tunnel, device)), "out": ("vs", "eth1")}
    running = []

    def capture(tap):
        namespace, interface = captures[tap]
        running.append(lab.spawn_ready(namespace, "tcpdump", "-i", interface, "-s", "0", "-U", "-n", "-B",
                                       "8192", "--immediate-mode", "-w", str(folder / f"{tap}.pcap"), marker="listening on"))

    capture("eth")
    capture("wan")
    in_the_middle = START[tunnel](lab, folder)
    wait(lambda: lab.run("cl", "ip", "link", "show", device, check=False).returncode == 0)
    for tap in ("tun", "far", "out"):
        capture(tap)
    wait(lambda: lab.run("cl", "ping", "-c", "1", "-W", "1", SERVER, check=False).returncode == 0)
    if device == "tun0":
        lab.run("cl", "ip", "route", "add", "192.0.2.0/24", "dev", device)
    lab.spawn_ready("srv", *TRAFFIC, "serve", "192.0.2.9", marker="ready")
    # Past the tunnel: to the gateway, which answers itself.
    lab.spawn_ready("gw", *TRAFFIC, "serve", "192.168.44.1", marker="ready")
    past = [{"at": at, "do": "udp", "dst": "192.168.44.1", "port": 7, "count": 5, "size": 200, "gap": 0.2}
            for at in (0.3, 1.7, 3.1)]
    client = lab.spawn("cl", *TRAFFIC, "client", "cl", json.dumps(actions(seed, few) + past))
    ping = lab.spawn("cl", "ping", "-i", "0.3", "-c", "15", "192.0.2.9")
    time.sleep(3)
    if tunnel in ROAMS:
        roam(lab)
    if in_the_middle:
        in_the_middle()
    lab.wait_all([client, ping], 60)
    time.sleep(1)
    for process in running:
        lab.stop(process)


def query(natlens, database, question, **parameters):
    sets = [word for name, value in parameters.items() for word in ("--set", f"{name}={value}")]
    said = subprocess.run([natlens, "query", str(database), question, *sets, "--format", "jsonl"], check=True,
                          text=True, stdout=subprocess.PIPE, timeout=60).stdout
    return [json.loads(line) for line in said.splitlines()]


def ask(natlens, database, tunnel):
    """How many connections are named as sent past the tunnel; whether both named queries know who carried whom."""
    beside = {row["connection"] for row in query(natlens, database, "beside_the_tunnel")
              if row["tap"] == "eth" and "192.168.44.1 7" in row["connection"]}
    carrier = f"198.51.100.9 {PORT.get(tunnel, 1194)}"
    rows = query(natlens, database, "carried_by", carrier=carrier)
    middle = rows[len(rows) // 2]
    then = query(natlens, database, "carried_by", carrier=carrier, **{"from": middle["first"], "until": middle["last"]})
    after = query(natlens, database, "carried_by", carrier=carrier, **{"from": "2100-01-01"})
    back = query(natlens, database, "carriers_of", inner=" ".join(middle["inner"].split()[1:3]))
    known = all(any(row["inner"] == middle["inner"] and row["carrier"] == middle["carrier"] for row in found)
                for found in (then, back))
    overlap = all(row["first"] <= middle["last"] and row["last"] >= middle["first"] for row in then)
    return len(beside), known and overlap and not after


def judge(natlens, folder, tunnel):
    database = folder / "nat.db"
    taps = [f"{t}={folder}/{t}.pcap" for t in ("tun", "eth", "wan")]
    subprocess.run([natlens, "analyze", *taps, "-o", str(database), "--force", "--packets"], check=True,
                   stdout=subprocess.DEVNULL, timeout=120)
    db = sqlite3.connect(database)
    inner, unknown = {}, set()
    for connection, packets, reply, dst in db.execute(
            "SELECT c.id, c.original_packets + c.reply_packets, c.reply_packets, c.dst FROM connection AS c"
            " JOIN tap AS t ON t.id = c.tap_id WHERE t.name = 'tun' AND c.protocol IN ('tcp', 'udp', 'icmp')"):
        if reply == 0 and (dst == SERVER or tunnel in RECONNECTS):
            unknown.add(connection)  # the daemon took it before it could send, or the peer was not there yet
        else:
            inner[connection] = packets
    carrier_port = PORT.get(tunnel, 1194)
    truth = {(connection, tap) for connection in inner for tap in ("eth", "wan")}
    said = {(row[0], row[1]): row[2] for row in db.execute(
        "SELECT e.connection_id, t.name, c.dport FROM encapsulation AS e"
        " JOIN connection AS c ON c.id = e.carrier_id JOIN tap AS t ON t.id = c.tap_id"
        " WHERE e.basis = 'aligned'") if row[0] not in unknown}
    wrong = [key for key, port in said.items() if key not in truth or port != carrier_port]
    packets, linked = db.execute("SELECT sum(packets), sum(linked) FROM tunnelled").fetchone()
    recall = len(set(said) & truth) / len(truth)
    # Stretches: carriers beyond the NAT, keys of one direction.
    (carriers,) = db.execute("SELECT count(DISTINCT e.carrier_id) FROM encapsulation AS e JOIN connection AS c"
                             " ON c.id = e.carrier_id JOIN tap AS t ON t.id = c.tap_id WHERE t.name = 'wan'"
                             " AND e.basis = 'aligned'").fetchone()
    (sessions,) = db.execute("SELECT count(DISTINCT key) FROM encapsulation WHERE basis = 'aligned'"
                         " AND direction = 'original'").fetchone()
    beside, inside = ask(natlens, database, tunnel)
    share = (linked or 0) / (packets or 1)
    # Frame by frame: where both taps show the outer packet, each has the link.
    (links,) = db.execute("SELECT count(DISTINCT frame) FROM packet_links WHERE tap = 'tun'").fetchone()
    if links != linked:
        print(f"  {links} frames have links")
    print(f"{tunnel}: {len(inner)} connections, {sum(inner.values())} packets; carriers: "
          f"{len(said)} said, {len(wrong)} wrong, recall {recall:.4f}; packets linked {share:.4f}; {carriers} carriers "
          f"beyond the NAT, {sessions} keys", flush=True)
    if beside != PAST:
        print(f"  {beside} connections named as sent past the tunnel, of {PAST}")
    if not inside:
        print("  carried_by and carriers_of do not agree")
    missed = len(truth - set(said))
    found = missed <= max(2, 0.02 * len(truth))  # one connection, at both taps
    least = 0.95 if tunnel in RECONNECTS else 0.985   # what was sent while no tunnel was up is in none
    good = len(inner) >= 30 and links == linked and not wrong and found and share >= least
    good = good and beside == PAST and inside
    good = good and (tunnel not in ROAMS or carriers > 1) and (tunnel not in REKEYS or sessions > 1)
    good = tunnel_keys.judge_path(natlens, folder, tunnel) and good
    if tunnel not in KEYS:
        return good
    keys = KEYS[tunnel](folder)
    if keys is None:
        print(f"NOT RUN: {tunnel} with keys: the daemon's are not known (no strace, or another version)")
        return good
    return tunnel_keys.judge(natlens, folder, tunnel, database, taps, keys) and good


def run(natlens, tunnel, seed, keep, few):
    missing = [package for program, package in NEEDED[tunnel].items() if not shutil.which(program)]
    if missing:
        print(f"NOT RUN: missing package {missing[0]} ({tunnel})")
        return None
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(keep or folder) / tunnel
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with Lab() as lab:
                record(lab, folder, tunnel, seed, few)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            why = re.sub(r"\s+", " ", str(getattr(error, "stderr", None) or error)).strip()
            print(f"NOT RUN: {tunnel}: {why}")
            return None
        return judge(natlens, folder, tunnel)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("tunnels", nargs="*", metavar="TUNNEL", default=list(START))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--keep", help="leave the captures there")
    parser.add_argument("--few", action="store_true", help="shorter connections, as in tests/data/wireguard-keys.tar.xz")
    options = parser.parse_args()
    try:
        require_lab()
        if not pathlib.Path("/dev/net/tun").exists():
            raise NotRun("no /dev/net/tun")
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77
    print(f"seed {options.seed}")
    results = [run(options.natlens, tunnel, options.seed, options.keep, options.few) for tunnel in options.tunnels]
    if all(result is None for result in results):
        return 77
    return 1 if False in results else 0


if __name__ == "__main__":
    sys.exit(main())
