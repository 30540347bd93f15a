"""Writes small captures for the tests of the command line: frames, pcap, pcapng, a NAT between."""
import random
import socket
import struct

START = 1_700_000_000  # seconds


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(src, dst, protocol, payload, ttl=64, ident=0):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, 0x4000, ttl, protocol, 0,
                         socket.inet_aton(src), socket.inet_aton(dst))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def with_checksum(src, dst, protocol, segment, at):
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, protocol, len(segment))
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment)) + segment[at + 2:]


def tcp(src, sport, dst, dport, flags, seq, ack=0, data=b"", ttl=64):
    options = b"\x02\x04\x05\xb4\x01\x03\x03\x07" if flags & 2 else b""
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, (5 + len(options) // 4) << 4, flags, 64240,
                          0, 0) + options + data
    return ipv4(src, dst, 6, with_checksum(src, dst, 6, segment, 16), ttl, seq & 0xFFFF)


def udp(src, sport, dst, dport, data, ttl=64):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    return ipv4(src, dst, 17, with_checksum(src, dst, 17, segment, 6), ttl)


def ethernet(packet):
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0" + packet


def pcap(frames, link_type=1):
    """frames: (seconds after START, bytes)."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)
    for time, data in frames:
        micro = round(time * 1e6)
        out += struct.pack("<IIII", START + micro // 1_000_000, micro % 1_000_000, len(data), len(data)) + data
    return out


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def pcapng(interfaces, frames):
    """interfaces: names; frames: (interface number, seconds after START, bytes)."""
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for name in interfaces:
        raw = name.encode()
        out += block(1, struct.pack("<HHI", 1, 0, 262144) + struct.pack("<HH", 2, len(raw)) + raw +
                     b"\0" * (-len(raw) % 4) + struct.pack("<HH", 0, 0))
    for interface, time, data in frames:
        micro = START * 1_000_000 + round(time * 1e6)
        out += block(6, struct.pack("<IIIII", interface, micro >> 32, micro & 0xFFFFFFFF, len(data), len(data)) + data)
    return out


def session(rng, client, server, begin):
    """One TCP connection: (time, from client, flags, seq, ack, data) of each segment."""
    ours, theirs = rng.getrandbits(32), rng.getrandbits(32)
    ask, say = rng.randbytes(200), rng.randbytes(900)
    plan = [(True, 2, 0, 0, b""), (False, 18, 0, 1, b""), (True, 16, 1, 1, b""), (True, 24, 1, 1, ask),
            (False, 24, 1, 201, say), (True, 16, 201, 901, b""), (True, 17, 201, 901, b""),
            (False, 17, 901, 202, b""), (True, 16, 202, 902, b"")]
    for step, (out, flags, seq, ack, data) in enumerate(plan):
        mine, other = (ours, theirs) if out else (theirs, ours)
        yield (begin + step * 0.01, out, flags, (mine + seq) % 2**32,
               (other + ack) % 2**32 if flags & 16 else 0, data)


def through_nat(seed=1, count=20, clients="192.168.1.{}", public="198.51.100.2", server="203.0.113.10"):
    """The same connections before and after a source NAT: frames of the inside, of the outside."""
    rng = random.Random(seed)
    inside, outside = [], []
    for i in range(count):
        client, port = clients.format(10 + i % 5), 40000 + i
        for time, out, flags, seq, ack, data in session(rng, client, server, i * 0.05):
            there = time + 0.0004
            if out:
                inside.append((time, ethernet(tcp(client, port, server, 443, flags, seq, ack, data))))
                outside.append((there, ethernet(tcp(public, 20000 + i, server, 443, flags, seq, ack, data, 63))))
            else:
                outside.append((time, ethernet(tcp(server, 443, public, 20000 + i, flags, seq, ack, data))))
                inside.append((there, ethernet(tcp(server, 443, client, port, flags, seq, ack, data, 63))))
    order = lambda frame: frame[0]  # noqa: E731
    return sorted(inside, key=order), sorted(outside, key=order)
