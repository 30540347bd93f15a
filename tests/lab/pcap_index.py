"""Captures of a lab: reading pcap and pcapng, finding each flow's packets, joining two captures
into one pcapng.

Only what labs produce is read: Ethernet, IPv4, pcap of this machine's byte order (as tcpdump and
`natlens replay` write) and one-section pcapng (as join() and dumpcap write). It is
kept apart from the program on purpose: the ground truth must not lean on what it judges.
"""
import bisect
import pathlib
import socket
import struct
from collections import defaultdict

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


def packets(path):
    """(interface name or "", time in ns, original length, bytes) of each record."""
    data = pathlib.Path(path).read_bytes()
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        yield from _pcapng(data)
        return
    unit_ns = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}.get(struct.unpack_from("<I", data)[0])
    if unit_ns is None:
        raise ValueError(f"{path}: not a little-endian pcap")
    offset = 24
    while offset + 16 <= len(data):
        seconds, fraction, captured, length = struct.unpack_from("<IIII", data, offset)
        offset += 16
        yield "", seconds * 1_000_000_000 + fraction * unit_ns, length, data[offset:offset + captured]
        offset += captured


def _pcapng(data):
    offset, interfaces = 0, []
    while offset + 12 <= len(data):
        block, size = struct.unpack_from("<II", data, offset)
        body = data[offset + 8:offset + size - 4]
        if block == 1:
            interfaces.append(_interface(body))
        elif block == 6:
            interface, high, low, captured, length = struct.unpack_from("<IIIII", body)
            name, unit_ns = interfaces[interface]
            yield name, (high << 32 | low) * unit_ns, length, body[20:20 + captured]
        offset += size


def _interface(body):
    """Name and time unit of an interface description (options 2 and 9)."""
    name, unit_ns, offset = "", 1000, 8
    while offset + 4 <= len(body):
        code, size = struct.unpack_from("<HH", body, offset)
        value = body[offset + 4:offset + 4 + size]
        if code == 2:
            name = value.decode()
        elif code == 9:
            unit_ns = 10 ** (9 - value[0])
        offset += 4 + (size + 3) // 4 * 4
    return name, unit_ns


def flow_of(frame):
    """(protocol, src, sport, dst, dport) of a frame, the echo id as sport of a request and dport
    of a reply; None for what has no flow of its own (ARP, later fragments, ICMP errors)."""
    if len(frame) < 34 or frame[12:14] != b"\x08\x00":
        return None
    ip = frame[14:]
    protocol, payload = PROTOCOLS.get(ip[9]), ip[(ip[0] & 15) * 4:]
    if protocol is None or struct.unpack_from(">H", ip, 6)[0] & 0x1FFF or len(payload) < 8:
        return None
    src, dst = socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20])
    if protocol != "icmp":
        return (protocol, src, *struct.unpack_from(">H", payload), dst,
                *struct.unpack_from(">H", payload, 2))
    identifier = struct.unpack_from(">H", payload, 4)[0]
    if payload[0] == 8:
        return protocol, src, identifier, dst, 0
    return (protocol, src, 0, dst, identifier) if payload[0] == 0 else None


def reverse(flow):
    protocol, src, sport, dst, dport = flow
    return protocol, dst, dport, src, sport


class Tap:
    """Packet times of each flow in one capture, or in one interface of it (FILE#INTERFACE)."""

    def __init__(self, folder, tap):
        name, _, self.interface = tap.partition("#")
        self._times = defaultdict(list)
        for interface, time_ns, _, frame in packets(pathlib.Path(folder) / name):
            flow = flow_of(frame) if interface == self.interface else None
            if flow:
                self._times[flow].append(time_ns)

    def times(self, flow, first_ns, last_ns):
        """Times of the packets of a flow, both directions, in a span, in order."""
        found = []
        for direction in (flow, reverse(flow)):
            times = self._times.get(direction, [])
            found += times[bisect.bisect_left(times, first_ns):bisect.bisect_right(times, last_ns)]
        return sorted(found)


def join(captures, path):
    """Writes one pcapng from {interface name: pcap file}, records in order of time."""
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    output = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    records = []
    for number, (name, capture) in enumerate(captures.items()):
        text = name.encode()
        option = struct.pack("<HH", 2, len(text)) + text + b"\0" * (-len(text) % 4) + b"\0" * 4
        output.append(block(1, struct.pack("<HHI", 1, 0, 262144) + option))
        records += [(time_ns, number, length, frame) for _, time_ns, length, frame in packets(capture)]
    for time_ns, number, length, frame in sorted(records, key=lambda record: record[:2]):
        micros = time_ns // 1000
        output.append(block(6, struct.pack("<IIIII", number, micros >> 32, micros & 0xFFFFFFFF,
                                           len(frame), length) + frame))
    pathlib.Path(path).write_bytes(b"".join(output))
