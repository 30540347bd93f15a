#!/usr/bin/env python3
"""One end of the NAT differential, in its namespace: raw frames to a router, and answers.

  nat_peer.py send IFACE ROUTER_MAC SEED COUNT     random packets of clients behind this interface
  nat_peer.py answer IFACE ROUTER_MAC SEED COUNT   answers most of what comes, and sends COUNT new
                                                   packets to the router's forwarded ports

Every packet has an IP identification and payload of its own, so that it can be told on the other
side. Prints `ready`.
"""
import random
import socket
import struct
import sys
import time

UDP, TCP, ICMP = 17, 6, 1
OUTER = ["203.0.113.5", "203.0.113.6", "203.0.113.7"]
INNER = [f"10.0.0.{n}" for n in range(2, 8)]
PORTS = [300, 301, 700, 5000, 5001, 5002, 40000, 40001]
SERVICES = [53, 80, 443, 8080]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(protocol, src, dst, sport, dport, ident, flags=2, answer=False):
    src, dst = socket.inet_aton(src), socket.inet_aton(dst)
    data = struct.pack("!I", ident * 2654435761 & 0xffffffff)
    if protocol == ICMP:
        body = struct.pack("!BBHHH", 0 if answer else 8, 0, 0, sport, ident) + data
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    else:
        if protocol == UDP:
            body, at = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data, 6
        else:
            body, at = struct.pack("!HHIIBBHHH", sport, dport, ident * 1000, 0 if flags == 2 else 1, 80,
                                   flags, 65535, 0, 0), 16
        pseudo = src + dst + struct.pack("!BBH", 0, protocol, len(body))
        body = body[:at] + struct.pack("!H", checksum(pseudo + body) or 0xffff) + body[at + 2:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), ident & 0xffff, 0, 64, protocol, 0, src, dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


class Peer:
    def __init__(self, interface, router_mac, seed):
        self.random = random.Random(seed)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind((interface, 0x0800))
        self.head = bytes.fromhex(router_mac.replace(":", "")) + self.socket.getsockname()[4] + b"\x08\0"
        self.ident = 0 if "lan" in interface else 30000

    def send(self, *args, **kwargs):
        self.ident = self.ident + 1
        self.socket.send(self.head + packet(*args, self.ident, **kwargs))

    def new(self, sources, targets, services):
        protocol = self.random.choice([UDP, UDP, TCP, ICMP])
        port = self.random.choice(PORTS)
        self.send(protocol, self.random.choice(sources), self.random.choice(targets),
                  port, self.random.choice(services))

    def answer(self, frame):
        ip = frame[14:]
        if len(ip) < 28 or frame[:6] != self.head[6:12] or self.random.random() < 0.3:
            return
        protocol, src, dst = ip[9], socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20])
        if protocol == ICMP:
            if ip[20] == 8:
                self.send(ICMP, dst, src, struct.unpack("!H", ip[24:26])[0], 0, answer=True)
        elif protocol == UDP or (protocol == TCP and ip[33] == 2):
            sport, dport = struct.unpack("!HH", ip[20:24])
            self.send(protocol, dst, src, dport, sport, flags=0x12)


def main():
    mode, interface, mac, seed, count = sys.argv[1:6]
    peer = Peer(interface, mac, int(seed))
    print("ready", file=sys.stderr, flush=True)
    if mode == "send":
        for i in range(int(count)):
            peer.new(INNER, OUTER, SERVICES)
            if i % 20 == 19:
                time.sleep(0.004)
        return
    peer.socket.settimeout(0.01)
    left = int(count)
    while True:
        try:
            peer.answer(peer.socket.recv(2048))
        except TimeoutError:
            pass
        if left and peer.random.random() < 0.2:
            left -= 1
            peer.new(OUTER, ["198.51.100.1"], [8080, 8081, 8082])


if __name__ == "__main__":
    main()
