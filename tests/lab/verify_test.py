#!/usr/bin/env python3
"""verify against a real Linux router whose rules are changed one at a time: exactly what mentions
the changed rule fails, with one flow and the frames of both taps; unchanged, all passes with every
rule covered. The same for nftables and for iptables-save text.

  verify_test.py NATLENS
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from netlab import Lab, NotRun, require_lab

NATLENS = pathlib.Path(sys.argv[1]).resolve()
TRAFFIC = str(pathlib.Path(__file__).resolve().parent / "verify_traffic.py")
NFT = """table inet filter {
\tchain forward {
\t\ttype filter hook forward priority filter; policy drop;
\t\tct state invalid drop
\t\tct state established,related accept
\t\tiifname "lan0" accept
\t\tct status dnat accept
\t}
}
table ip nat {
\tchain prerouting {
\t\ttype nat hook prerouting priority dstnat; policy accept;
\t\tiifname "wan0" tcp dport 8080 dnat to 10.9.0.2:80
\t\tiifname "wan0" udp dport 5000-5010 dnat to 10.9.0.2
\t}
\tchain postrouting {
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\toifname "wan0" meta l4proto tcp snat to 198.51.100.1:30000-30999
\t\toifname "wan0" masquerade
\t}
}
"""
IPTABLES = """*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i lan0 -j ACCEPT
-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i wan0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.9.0.2:80
-A PREROUTING -i wan0 -p udp -m udp --dport 5000:5010 -j DNAT --to-destination 10.9.0.2
-A POSTROUTING -o wan0 -p tcp -j SNAT --to-source 198.51.100.1:30000-30999
-A POSTROUTING -o wan0 -j MASQUERADE
COMMIT
"""
# What is changed on the router; the first words of the rule that is then violated.
CHANGES = {
    "nft": [("nothing", "", "", None),
            ("masquerade gone", '\t\toifname "wan0" masquerade\n', "", 'oifname "wan0" masq'),
            ("wrong target", "dnat to 10.9.0.2:80", "dnat to 10.9.0.3:80", 'iifname "wan0" tcp'),
            ("range moved", "30000-30999", "40000-40999", 'oifname "wan0" meta l4proto tcp'),
            ("forward removed", '\t\tiifname "wan0" udp dport 5000-5010 dnat to 10.9.0.2\n', "",
             'iifname "wan0" udp'),
            ("random added", 'oifname "wan0" masquerade', 'oifname "wan0" masquerade random',
             'oifname "wan0" masq'),
            ("INVALID let through", "\t\tct state invalid drop\n", "", "ct state invalid drop")],
    "iptables": [("nothing", "", "", None),
                 ("masquerade gone", "-A POSTROUTING -o wan0 -j MASQUERADE\n", "",
                  "-A POSTROUTING -o wan0 -j MASQ"),
                 ("wrong target", "10.9.0.2:80", "10.9.0.3:80", "-A PREROUTING -i wan0 -p tcp"),
                 ("range moved", "30000-30999", "40000-40999", "-A POSTROUTING -o wan0 -p tcp"),
                 ("random added", "-j MASQUERADE", "-j MASQUERADE --random",
                  "-A POSTROUTING -o wan0 -j MASQ"),
                 ("INVALID let through",
                  "-A FORWARD -m conntrack --ctstate INVALID -j DROP\n", "",
                  "-A FORWARD -m conntrack --ctstate INVALID")],
}


def build(lab):
    for name in ("c1", "c2", "srv"):
        lab.namespace(name)
    lab.namespace("gw", forward=True)
    lab.link("c1", "eth0", "gw", "p1", "10.9.0.2/24")
    lab.link("c2", "eth0", "gw", "p2", "10.9.0.3/24")
    lab.bridge("gw", "lan0", "10.9.0.1/24", ["p1", "p2"])
    lab.link("gw", "wan0", "srv", "eth0", "198.51.100.1/24", "198.51.100.9/24")
    for client in ("c1", "c2"):
        lab.route(client, "default", "10.9.0.1")
        lab.run(client, "ip", "link", "set", "eth0", "up")
    lab.route("srv", "10.9.0.0/24", "198.51.100.1")
    for name, address in (("c1", "10.9.0.2"), ("srv", "198.51.100.9")):
        lab.spawn_ready(name, sys.executable, TRAFFIC, "serve", address, "80,443", "53,5003",
                        marker="ready")


def load(lab, kind, text):
    lab.run("gw", "nft", "flush", "ruleset")
    lab.run("gw", "conntrack", "-F", check=False)
    if kind == "nft":
        lab.rules("gw", text)
    else:
        lab.run("gw", "iptables-restore", input=text)


def play(lab, folder):
    taps = [lab.spawn_ready("gw", "tcpdump", "-i", interface, "-U", "-w",
                            str(folder / f"{interface}.pcap"), "ip", marker="listening on")
            for interface in ("lan0", "wan0")]
    lab.run("c1", sys.executable, TRAFFIC, "udp", "198.51.100.9", "53", "12")
    lab.run("c1", sys.executable, TRAFFIC, "tcp", "198.51.100.9", "443", "6")
    lab.run("srv", sys.executable, TRAFFIC, "tcp", "198.51.100.1", "8080", "3")
    lab.run("srv", sys.executable, TRAFFIC, "udp", "198.51.100.1", "5003", "3")
    lab.run("c1", sys.executable, TRAFFIC, "invalid", "198.51.100.9", "443")
    time.sleep(1.2)
    for tap in taps:
        lab.stop(tap)


def verify(folder, rules):
    report = folder / "report.json"
    done = subprocess.run([NATLENS, "verify", f"lan={folder / 'lan0.pcap'}",
                           f"wan={folder / 'wan0.pcap'}", "--rules", rules, "--json", report,
                           "--iface", "lan=lan0", "--iface", "wan=wan0"],
                          capture_output=True, text=True, check=False)
    if not report.exists():
        raise AssertionError(done.stderr)
    return done, json.loads(report.read_text())["suites"][0]


def check(name, done, suite, expected):
    failed = [o for o in suite["results"] if o["verdict"] == "fail"]
    texts = [o["title"] for o in failed]
    if expected is None:
        assert done.returncode == 0 and not failed, f"{name}: {done.stdout}"
        unused = [row["text"] for row in suite["coverage"] if row["flows"] == 0]
        assert not unused, f"{name}: not exercised: {unused}"
        return
    assert done.returncode == 1, f"{name}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert len(failed) == 1 and texts[0].startswith(expected), f"{name}: {texts}\n{done.stdout}"
    example = failed[0]["examples"][0]
    frames = {frame["tap"] for frame in example["frames"]}
    wanted = {"wan"} if example["violation"] == "no-image" else {"lan", "wan"}
    assert wanted <= frames and example["flow"], f"{name}: {example}"


def run(lab, scratch):
    for kind, text in (("nft", NFT), ("iptables", IPTABLES)):
        load(lab, kind, text)
        rules = scratch / f"right.{kind}"
        listed = lab.run("gw", *(["nft", "list", "ruleset"] if kind == "nft" else ["iptables-save"]))
        rules.write_text(listed.stdout)
        for name, before, after, expected in CHANGES[kind]:
            folder = scratch / f"{kind}-{name.replace(' ', '-')}"
            folder.mkdir()
            assert before in text
            load(lab, kind, text.replace(before, after) if before else text)
            play(lab, folder)
            check(f"{kind}: {name}", *verify(folder, rules), expected)
            print(f"ok: {kind}: {name}")


def main():
    try:
        require_lab()
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        sys.exit(77)
    with Lab() as lab, tempfile.TemporaryDirectory() as name:
        build(lab)
        run(lab, pathlib.Path(name))


main()
