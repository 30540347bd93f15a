"""The labs: topology, rules, traffic and what is recorded, one function for each.

A scenario takes a Plan (addresses, ports and amounts, from fixed documentation values or from a
seed) and a folder, makes the network, lets it live for a few seconds and leaves there: the
captures, conntrack.log, rules.nft and truth.jsonl. Every scenario has this spine:

    clients -- br-lan [gw: nftables] wan0 -- [isp] -- srv

`isp` is one more router, so that a TTL can run out behind the NAT.
"""
import dataclasses
import json
import pathlib
import random
import sys
import time

import pcap_index
import truth
from netlab import HERE, Lab

TRAFFIC = (sys.executable, str(HERE / "traffic.py"))


@dataclasses.dataclass
class Plan:
    """What varies between two runs of a scenario. Defaults: documentation addresses (RFC 5737)."""
    lan: str = "192.168.1"          # the first three bytes; the router is .1, clients from .10
    wan: str = "198.51.100.2"       # the router's outside address; isp is .1 of the same /24
    server: str = "203.0.113.10"    # servers: this address and the next
    clients: int = 3
    clash_port: int = 40000         # the source port that two clients share
    seed: int = 1
    rounds: int = 1                 # how often the ordinary traffic is repeated

    @classmethod
    def from_seed(cls, seed, clients=3, rounds=1):
        generator = random.Random(seed)
        lan = generator.choice(["10.%d.%d" % (generator.randrange(256), generator.randrange(256)),
                                "192.168.%d" % generator.randrange(256),
                                "172.%d.%d" % (generator.randrange(16, 32), generator.randrange(256))])
        outside, servers = generator.sample(["192.0.2", "198.51.100", "203.0.113"], 2)
        return cls(lan=lan, wan=f"{outside}.{generator.randrange(2, 255)}",
                   server=f"{servers}.{generator.randrange(2, 250)}", clients=clients,
                   clash_port=generator.randrange(33000, 60000), seed=seed, rounds=rounds)

    def client(self, number):
        return f"{self.lan}.{9 + number}"

    @property
    def server2(self):
        head, _, last = self.server.rpartition(".")
        return f"{head}.{int(last) + 1}"

    @staticmethod
    def net(address):
        return address.rpartition(".")[0]


MASQUERADE = """table inet filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "br-lan" accept
    ct status dnat accept
  }
}
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat
    %s
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    %s
    oifname "wan0" masquerade
  }
}
"""

# The server never answers on this port: connections stay half open.
DROP_HALF_OPEN = """table ip filter {
  chain input {
    type filter hook input priority filter
    tcp dport 7009 drop
  }
}
"""


class Recorder:
    """The router's two captures and its conntrack event log."""

    def __init__(self, lab, folder, one_file=False):
        self.lab, self.folder, self.one_file = lab, pathlib.Path(folder), one_file
        self.started = []

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = open(self.folder / "conntrack.log", "w")
        self.started = [self.lab.spawn("gw", "conntrack", "-E", "-o", "extended,timestamp,id",
                                       "-b", "8388608", stdout=self.log)]
        for interface, name in (("br-lan", "lan.pcap"), ("wan0", "wan.pcap")):
            self.started.append(self.lab.spawn_ready(
                "gw", "tcpdump", "-i", interface, "-w", str(self.folder / name), "-n", "-U",
                "-s", "262144", "--immediate-mode", "-Z", "root", marker="listening on"))
        time.sleep(0.2)
        return self

    def __exit__(self, *_):
        time.sleep(0.3)
        self.end_ns = time.time_ns()
        for process in self.started:
            self.lab.stop(process)
        self.log.close()
        if self.one_file:
            lan, wan = self.folder / "lan.pcap", self.folder / "wan.pcap"
            pcap_index.join({"br-lan": lan, "wan0": wan}, self.folder / "both.pcapng")
            lan.unlink()
            wan.unlink()

    def taps(self):
        return ("both.pcapng#br-lan", "both.pcapng#wan0") if self.one_file else ("lan.pcap", "wan.pcap")


def _build(lab, plan, prerouting="", postrouting=""):
    """The spine. Returns nothing: namespaces are c1.., gw, isp, srv."""
    names = [f"c{n + 1}" for n in range(plan.clients)]
    for name in names + ["srv"]:
        lab.namespace(name)
    for name in ("gw", "isp"):
        lab.namespace(name, forward=True)
    for number, name in enumerate(names, 1):
        lab.link(name, "eth0", "gw", f"p-{name}", f"{plan.client(number)}/24")
    lab.bridge("gw", "br-lan", f"{plan.lan}.1/24", [f"p-{name}" for name in names])
    for name in names:
        lab.route(name, "default", f"{plan.lan}.1")
    outside, servers = Plan.net(plan.wan), Plan.net(plan.server)
    lab.link("gw", "wan0", "isp", "gw0", f"{plan.wan}/24", f"{outside}.1/24")
    lab.link("isp", "srv0", "srv", "eth0", f"{servers}.1/24", f"{plan.server}/24")
    lab.run("srv", "ip", "addr", "add", f"{plan.server2}/24", "dev", "eth0")
    lab.route("gw", "default", f"{outside}.1")
    lab.route("srv", "default", f"{servers}.1")
    lab.rules("gw", MASQUERADE % (prerouting, postrouting))
    lab.rules("srv", DROP_HALF_OPEN)
    lab.spawn_ready("srv", *TRAFFIC, "serve", plan.server, plan.server2, marker="ready")


def _client(lab, name, actions):
    return lab.spawn(name, *TRAFFIC, "client", name, json.dumps(actions))


def _curl(lab, name, url, *options):
    return lab.spawn(name, "curl", "-s", "-m", "8", "-o", "/dev/null", *options, url)


def _finish(lab, recorder, plan):
    """Rules and truth beside the captures; returns the truth lines."""
    (recorder.folder / "rules.nft").write_text(lab.run("gw", "nft", "list", "ruleset").stdout)
    log = (recorder.folder / "conntrack.log").read_text()
    lines = truth.build(recorder.folder, log, f"{plan.lan}.0/24", *recorder.taps(), recorder.end_ns)
    truth.write(recorder.folder / "truth.jsonl", lines)
    return lines


def _ordinary(plan, generator, number):
    """What one client does by itself: names, pages, echoes, a stream, and things that fail."""
    server, other = plan.server, plan.server2
    actions = []
    for turn in range(plan.rounds):
        start = turn * 1.5
        actions += [
            {"at": start, "do": "dns", "dst": server, "port": 53, "name": f"host{turn}.example.net"},
            {"at": start + 0.1, "do": "dns", "dst": other, "port": 53, "name": f"c{number}.example.org"},
            {"at": start + 0.2, "do": "tcp", "dst": server, "port": 7002,
             "count": generator.randrange(2, 6), "size": generator.randrange(40, 900), "gap": 0.1},
            {"at": start + 0.3, "do": "udp", "dst": other, "port": 7, "count": 3, "gap": 0.2,
             "size": generator.randrange(20, 400)},
            {"at": start + 0.4, "do": "tcp", "dst": server, "port": 9},            # refused
            {"at": start + 0.5, "do": "tcp", "dst": other, "port": 7001},          # reset by the server
            {"at": start + 0.6, "do": "tcp", "dst": other, "port": 7002, "end": "reset", "count": 2},
            {"at": start + 0.7, "do": "udp", "dst": server, "port": 9999},         # port unreachable
        ]
    return actions


def home_router(lab, plan, folder, one_file=False):
    """Masquerading router. Two clients share a source port towards one server, over TCP and UDP,
    and an ICMP echo id: the router must give one of them another."""
    generator = random.Random(plan.seed)
    _build(lab, plan)
    with Recorder(lab, folder, one_file) as recorder:
        running = []
        for number in range(1, plan.clients + 1):
            actions = _ordinary(plan, generator, number)
            if number <= 2:
                actions += [
                    {"at": 0.3 + number / 10, "do": "tcp", "dst": plan.server, "port": 7002,
                     "sport": plan.clash_port, "count": 4, "size": 120, "gap": 0.4},
                    {"at": 0.5 + number / 10, "do": "udp", "dst": plan.server, "port": 7,
                     "sport": plan.clash_port + 1, "count": 4, "size": 48, "gap": 0.4}]
            running.append(_client(lab, f"c{number}", actions))
            running.append(lab.spawn(f"c{number}", "ping", "-c", "3", "-i", "0.3", "-e",
                                     "77" if number <= 2 else str(1000 + number), plan.server))
            running.append(_curl(lab, f"c{number}", f"http://{plan.server}/{800 * number}"))
        running += [
            _client(lab, "c1", [
                {"at": 0.5, "do": "tcp", "dst": plan.server, "port": 7009, "timeout": 1.6},  # half-open
                {"at": 0.6, "do": "udp", "dst": plan.server, "port": 7, "ttl": 2}]),    # TTL exceeded
            _client(lab, "c3", [
                {"at": 0.4, "do": "tcp", "dst": plan.server2, "port": 7002, "count": 3, "gap": 0.9,
                 "sport": plan.clash_port},
                {"at": 0.8, "do": "stream", "dst": plan.server, "port": 7003, "count": 20}]),
            _curl(lab, "c2", f"http://{plan.server2}/9000", "--limit-rate", "6k"),
        ]
        Lab.wait_all(running, 30 + 2 * plan.rounds)
    return _finish(lab, recorder, plan)


def port_forward(lab, plan, folder):
    """A web server behind the router: reached from outside by port forwards, and from inside by
    the router's outside address (hairpin, RFC 4787 section 6)."""
    web = plan.client(plan.clients)
    _build(lab, plan,
           f'ip daddr {plan.wan} tcp dport 8080 dnat to {web}:80\n'
           f'ip daddr {plan.wan} tcp dport 7100 dnat to {web}:7002\n'
           f'ip daddr {plan.wan} udp dport 5353 dnat to {web}:53',
           f'iifname "br-lan" oifname "br-lan" ip daddr {web} masquerade')
    name = f"c{plan.clients}"
    lab.spawn_ready(name, *TRAFFIC, "serve", web, marker="ready")
    with Recorder(lab, folder) as recorder:
        running = []
        for turn in range(3 * plan.rounds):
            running += [
                _curl(lab, "srv", f"http://{plan.wan}:8080/{300 * (turn + 1)}"),
                _curl(lab, f"c{turn % 2 + 1}", f"http://{plan.wan}:8080/{500 * (turn + 1)}"),
                _client(lab, "srv", [
                    {"at": turn / 5, "do": "dns", "dst": plan.wan, "port": 5353, "name": f"n{turn}.example.com"},
                    {"at": turn / 5 + 0.1, "do": "tcp", "dst": plan.wan, "port": 7100, "count": 3, "gap": 0.2},
                    {"at": turn / 5 + 0.2, "do": "tcp", "dst": plan.wan, "port": 7100, "end": "reset"}]),
                _client(lab, f"c{turn % 2 + 1}", [
                    {"at": turn / 5, "do": "dns", "dst": plan.wan, "port": 5353, "name": f"h{turn}.example.com"},
                    {"at": turn / 5 + 0.1, "do": "tcp", "dst": plan.wan, "port": 7100, "count": 2,
                     "sport": plan.clash_port + turn // 2, "gap": 0.3},
                    {"at": turn / 5 + 0.2, "do": "tcp", "dst": plan.server, "port": 7002, "count": 2},
                    {"at": turn / 5 + 0.3, "do": "dns", "dst": plan.server, "port": 53, "name": "example.com"}]),
            ]
        Lab.wait_all(running, 30)
    return _finish(lab, recorder, plan)


def one_file(lab, plan, folder):
    """The home router again, both of its interfaces in one pcapng."""
    return home_router(lab, plan, folder, one_file=True)
