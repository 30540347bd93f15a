"""Network namespaces for a lab: made under names of this run only, and gone when it ends.

A Lab is a context manager. Namespaces are called nlPID-NAME, joined by veth pairs and bridges;
processes run inside by `ip netns exec`, which becomes the program itself, so that a Popen's pid is
the program's. Leaving the context ends the processes that this run started, by their pid, and
deletes its namespaces, also after an exception, SIGTERM or Ctrl-C. IPv6 is off and so are the
offloads of every link: the captures show what a wire would.
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
NEEDED = {"ip": "iproute2", "nft": "nftables", "conntrack": "conntrack", "tcpdump": "tcpdump",
          "ping": "iputils-ping", "curl": "curl", "sysctl": "procps"}


class NotRun(Exception):
    """The lab cannot run on this machine; the text says why."""


def require_lab():
    """Raises NotRun unless this machine can hold a lab."""
    if sys.platform != "linux":
        raise NotRun("labs need Linux")
    if os.geteuid() != 0:
        raise NotRun("labs need root for network namespaces")
    for program, package in NEEDED.items():
        if not shutil.which(program):
            raise NotRun(f"missing package {package} (program {program})")
    with Lab() as lab:
        try:
            lab.namespace("probe")
            lab.link("probe", "a0", "probe", "b0")
            lab.rules("probe", "table ip nat {\nchain c {\ntype nat hook postrouting priority "
                      'srcnat\noifname "a0" masquerade\n}\n}')
            lab.sysctl("probe", "net.netfilter.nf_conntrack_acct=1")
            lab.run("probe", "conntrack", "-L")
        except subprocess.CalledProcessError as error:
            why = (error.stderr or "").strip().splitlines() or ["no message"]
            raise NotRun(f"kernel feature missing: {' '.join(error.cmd)}: {why[0]}") from error


class Lab:
    def __init__(self):
        self.prefix = f"nl{os.getpid()}"
        self._namespaces = []
        self._processes = []
        self._old_handler = None

    def __enter__(self):
        self._old_handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            self.stop(process)
        for name in self._namespaces:
            subprocess.run(["ip", "netns", "del", self._full(name)], check=False,
                           stderr=subprocess.DEVNULL)
        signal.signal(signal.SIGTERM, self._old_handler)

    # ---- namespaces and links
    def _full(self, name):
        return f"{self.prefix}-{name}"

    def namespace(self, name, forward=False, ipv6=False):
        """With ipv6 addresses are usable at once: nobody is asked whether they are taken."""
        self._host("ip", "netns", "add", self._full(name))
        self._namespaces.append(name)
        six = "net.ipv6.conf.{}.accept_dad=0" if ipv6 else "net.ipv6.conf.{}.disable_ipv6=1"
        self.sysctl(name, six.format("all"), six.format("default"),
                    *(["net.ipv4.ip_forward=1"] if forward else []),
                    *(["net.ipv6.conf.all.forwarding=1"] if forward and ipv6 else []))
        self.run(name, "ip", "link", "set", "lo", "up")

    def link(self, ns_a, if_a, ns_b, if_b, addr_a=None, addr_b=None):
        """A veth pair; addresses as ADDR/PREFIX."""
        self._host("ip", "link", "add", if_a, "netns", self._full(ns_a), "type", "veth",
                   "peer", "name", if_b, "netns", self._full(ns_b))
        for namespace, interface, address in ((ns_a, if_a, addr_a), (ns_b, if_b, addr_b)):
            self.run(namespace, sys.executable, str(HERE / "no_offload.py"), interface)
            if address:
                self.run(namespace, "ip", "addr", "add", address, "dev", interface)
            self.run(namespace, "ip", "link", "set", interface, "up")

    def bridge(self, namespace, name, address, ports):
        # With br_netfilter loaded a bridge would run the IP rules itself and skip its own interface.
        self.run(namespace, "sysctl", "-eqw", "net.bridge.bridge-nf-call-iptables=0", check=False)
        self.run(namespace, "ip", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
        for port in ports:
            self.run(namespace, "ip", "link", "set", port, "master", name)
        self.run(namespace, "ip", "addr", "add", address, "dev", name)
        self.run(namespace, "ip", "link", "set", name, "up")

    def route(self, namespace, destination, via):
        self.run(namespace, "ip", "route", "add", destination, "via", via)

    def rules(self, namespace, text):
        self.run(namespace, "nft", "-f", "-", input=text)

    def sysctl(self, namespace, *settings):
        self.run(namespace, "sysctl", "-qw", *settings)

    # ---- processes
    @staticmethod
    def _host(*command):
        subprocess.run(command, check=True, text=True, capture_output=True)

    def _inside(self, namespace, command):
        return ["ip", "netns", "exec", self._full(namespace), *command]

    def run(self, namespace, *command, check=True, input=None):
        return subprocess.run(self._inside(namespace, command), check=check, text=True, input=input,
                              capture_output=True, timeout=60)

    def spawn(self, namespace, *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        process = subprocess.Popen(self._inside(namespace, command), stdin=subprocess.DEVNULL,
                                   stdout=stdout, stderr=stderr, text=True)
        self._processes.append(process)
        return process

    def spawn_ready(self, namespace, *command, marker):
        """Starts a program and waits until its stderr holds `marker`."""
        process = self.spawn(namespace, *command, stderr=subprocess.PIPE)
        for line in process.stderr:
            if marker in line:
                return process
        raise RuntimeError(f"{command[0]} ended before it said '{marker}'")

    def stop(self, process):
        """SIGINT, so that tcpdump and conntrack write what they hold; SIGKILL after 3 seconds."""
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stderr:
            process.stderr.close()

    @staticmethod
    def wait_all(processes, seconds):
        """Waits for all; a process that outlives the time is an error."""
        end = time.monotonic() + seconds
        for process in processes:
            process.wait(max(0.1, end - time.monotonic()))


def run_each(description, names, run):
    """The main of a test of several labs. `run(natlens, name, seed, folder)` tells whether all was as it
    should be, or None where it printed why that lab did not run. Returns the exit code."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--keep", help="a folder for the captures")
    parser.add_argument("--only", default=",".join(names), help="names, comma separated")
    options = parser.parse_args()
    try:
        require_lab()
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77
    print(f"seed {options.seed}")
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.only.split(","):
            folder = pathlib.Path(options.keep or temporary) / name
            folder.mkdir(parents=True, exist_ok=True)
            results.append(run(options.natlens, name, options.seed, folder))
    results = [result for result in results if result is not None]
    print(f"{sum(results)} of {len(results)} labs good")
    return 77 if not results else 0 if all(results) else 1
