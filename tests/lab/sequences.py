"""Random packet sequences for a connection tracker: mostly what stacks send, mixed with what they
should not. Each sequence uses an inside address of its own, so that sequences cannot meet.

A Packet is an IPv4 packet, the side where it enters the router (False: inside), the tuple under
which its connection is to be looked up, and a line of text for people. Same random.Random, same
sequences.
"""
import struct
from dataclasses import dataclass

TCP, UDP, ICMP, SCTP = 6, 17, 1, 132
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
FLAG_LETTERS = "FSRPAUEC"
U32 = 0xFFFFFFFF


@dataclass
class Packet:
    from_outside: bool
    bytes: bytes
    tuple: tuple  # protocol, src, dst, two numbers (ports; ICMP: id, type << 8 | code)
    text: str


@dataclass
class Place:
    """Where a sequence happens: addresses as integers, ports; index 0 is the inside end."""
    address: tuple
    port: tuple


def place(rng, number):
    inside = 0x0A000000 + 256 + number
    outside = 0xCB007100 + rng.randint(1, 250)
    return Place((inside, outside), (rng.randint(1024, 65535), rng.choice((80, 443, 53, 7000))))


def dotted(address):
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC = crc32c_table()


def crc32c(data):
    value = U32
    for byte in data:
        value = value >> 8 ^ CRC[(value ^ byte) & 255]
    return value ^ U32


def ipv4(src, dst, protocol, payload):
    head = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, src, dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def pseudo(src, dst, protocol, length):
    return struct.pack("!IIBBH", src, dst, 0, protocol, length)


def sent(where, side, protocol, payload, text):
    """A packet from end `side` to the other."""
    src, dst = where.address[side], where.address[1 - side]
    ports = where.port[side], where.port[1 - side]
    name = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}[protocol]
    return Packet(side == 1, ipv4(src, dst, protocol, payload), (protocol, src, dst, *ports),
                  f"{name} {dotted(src)}:{ports[0]} > {dotted(dst)}:{ports[1]} {text}")


# ---- TCP
class TcpEnd:
    def __init__(self, rng):
        self.isn = rng.choice((rng.getrandbits(32), U32 - rng.randint(0, 3000)))
        self.next = self.isn      # next sequence number to send
        self.right = None         # right edge of the window that the other end offered
        self.most_window = 1      # largest window offered by the other end
        self.scale = rng.choice((None, 0, 2, 7, 14, 15))
        self.sack = rng.random() < 0.6
        self.window = rng.choice((0, 1, 500, 8192, 29200, 65535))
        self.opened = False       # has sent its SYN


def off(rng, reach):
    """How far a number is from what it should be: mostly not at all."""
    if rng.random() < 0.82:
        return 0
    return rng.choice((1, -1, 2, -2, rng.randint(-100, 100), rng.randint(-70000, 70000),
                       reach, -reach, reach + 1, -reach - 1, rng.getrandbits(32)))


def tcp_options(rng, me, other, flags, ack):
    options = b""
    if flags & SYN:
        options += b"\x02\x04\x05\xb4"
        if me.scale is not None:
            options += b"\x01\x03\x03" + bytes([me.scale])
        if me.sack:
            options += b"\x04\x02\x01\x01"
    elif me.sack and other.sack and flags & ACK and rng.random() < 0.15:
        start = ack + rng.choice((1, 100, 1460, rng.randint(-5000, 70000)))
        blocks = [(start & U32, start + rng.choice((1, 1460, -10)) & U32)
                  for start in range(start, start + rng.choice((1, 3001)), 3000)]
        options += b"\x01\x01\x05" + bytes([2 + 8 * len(blocks)])
        options += b"".join(struct.pack("!II", *block) for block in blocks)
    if rng.random() < 0.25:
        options += b"\x01\x01\x08\x0a" + struct.pack("!II", rng.getrandbits(16), 0)
    if rng.random() < 0.01:
        options += bytes(rng.getrandbits(8) for _ in range(4))
    return options[:40 - len(options) % 4] + b"\0" * (-len(options) % 4)


def tcp_segment(rng, where, ends, side, flags, payload_bytes):
    me, other = ends[side], ends[1 - side]
    reach = rng.choice((me.most_window, other.most_window, me.window, 66000))
    seq = me.isn if flags & SYN else me.next
    if me.right is not None and rng.random() < 0.05:
        seq = me.right - payload_bytes + rng.randint(-2, 2)
    seq = seq + off(rng, reach) & U32
    ack = other.next + off(rng, reach) & U32 if flags & ACK or rng.random() < 0.02 else 0
    if rng.random() < 0.2:
        me.window = rng.choice((0, 1, 500, 8192, 29200, 65535))
    options = tcp_options(rng, me, other, flags, ack)
    reserved = rng.getrandbits(4) if rng.random() < 0.01 else 0
    offset = 5 + len(options) // 4
    if rng.random() < 0.004:
        offset = rng.randint(0, 15)
    body = struct.pack("!HHIIBBHHH", where.port[side], where.port[1 - side], seq, ack,
                       offset << 4 | reserved, flags, me.window, 0, 0) + options + bytes(payload_bytes)
    good = checksum(pseudo(where.address[side], where.address[1 - side], TCP, len(body)) + body)
    bad_sum = rng.random() < 0.01
    body = body[:16] + struct.pack("!H", good ^ (0x0101 if bad_sum else 0)) + body[18:]
    remember(me, other, flags, seq, ack, payload_bytes)
    letters = "".join(letter for bit, letter in enumerate(FLAG_LETTERS) if flags >> bit & 1) or "-"
    return sent(where, side, TCP, body,
                f"{letters} seq {seq} ack {ack} win {me.window} len {payload_bytes}"
                + (f" options {options.hex()}" if options else "")
                + (" bad checksum" if bad_sum else "") + (f" offset {offset}" if offset < 5 else ""))


def remember(me, other, flags, seq, ack, payload_bytes):
    end = seq + payload_bytes + bool(flags & SYN) + bool(flags & FIN) & U32
    if (end - me.next & U32) < 1 << 17 or flags & SYN:
        me.next = end
    me.opened |= bool(flags & SYN)
    if flags & ACK:
        scale = min(me.scale or 0, 14) if me.scale is not None and other.scale is not None else 0
        other.right = ack + (me.window << (0 if flags & SYN else scale)) & U32
        other.most_window = max(other.most_window, me.window << (0 if flags & SYN else scale))


def tcp_flags(rng, ends, side):
    """What this end sends next: (flags, payload bytes)."""
    pick = rng.random()
    if pick < 0.46:
        return ACK | (PSH if rng.random() < 0.3 else 0), rng.choice((0, 0, 1, 100, 536, 1460))
    if pick < 0.66:
        return FIN | ACK, rng.choice((0, 0, 0, 100))
    if pick < 0.76:
        return RST | (ACK if rng.random() < 0.6 else 0), 0
    if pick < 0.86:
        return SYN | (ACK if ends[1 - side].opened and rng.random() < 0.5 else 0), 0
    if pick < 0.97:
        return ACK, 0
    return rng.getrandbits(8), rng.choice((0, 10))


def tcp_opening(rng):
    """How a sequence starts: who sends which flags."""
    return rng.choice((
        [(0, SYN), (1, SYN | ACK), (0, ACK)], [(0, SYN), (1, SYN | ACK), (0, ACK)],
        [(1, SYN), (0, SYN | ACK), (1, ACK)], [(0, SYN), (0, SYN), (1, SYN | ACK), (0, ACK)],
        [(0, SYN | ECE | CWR), (1, SYN | ACK | ECE), (0, ACK)], [(0, SYN), (1, SYN), (1, SYN | ACK)],
        [(0, SYN), (1, RST | ACK)], [(0, SYN), (1, ACK)], [(0, ACK), (1, ACK)], [(1, ACK)], []))


def renew(rng, ends):
    """A new connection on the same ports."""
    for side in (0, 1):
        seen = ends[side].next
        ends[side] = TcpEnd(rng)
        if rng.random() < 0.5:
            ends[side].isn = ends[side].next = seen + rng.randint(-1000, 200000) & U32


def tcp_sequence(rng, where):
    ends = [TcpEnd(rng), TcpEnd(rng)]
    packets = []
    script = tcp_opening(rng)
    for _ in range(rng.randint(3, 26)):
        if script:
            side, flags = script.pop(0)
            packets.append(tcp_segment(rng, where, ends, side, flags, 0))
        elif packets and rng.random() < 0.1:
            packets.append(rng.choice(packets[-4:]))
        elif packets and rng.random() < 0.03:
            packets.append(icmp_error(rng, rng.choice(packets[-3:])))
        elif rng.random() < 0.04:
            renew(rng, ends)
            script = tcp_opening(rng)
        else:
            side = rng.randint(0, 1)
            packets.append(tcp_segment(rng, where, ends, side, *tcp_flags(rng, ends, side)))
    return packets


# ---- UDP and ICMP
def udp_sequence(rng, where):
    packets = []
    for _ in range(rng.randint(1, 8)):
        if packets and rng.random() < 0.15:
            packets.append(icmp_error(rng, rng.choice(packets)))
            continue
        side = rng.randint(0, 1) if packets else int(rng.random() < 0.2)
        payload = bytes(rng.choice((0, 1, 40, 1200)))
        length = 8 + len(payload) + (rng.choice((-9, -1, 1, 50)) if rng.random() < 0.05 else 0)
        length = max(0, length)
        body = struct.pack("!HHHH", where.port[side], where.port[1 - side], length, 0) + payload
        ends = where.address[side], where.address[1 - side]
        good = checksum(pseudo(*ends, UDP, len(body)) + body) or 0xFFFF
        field, what = rng.choice(((good, ""), (good, ""), (good, ""), (good, ""), (0, " no checksum"),
                                  (good ^ 0x0101, " bad checksum")))
        packets.append(sent(where, side, UDP, body[:6] + struct.pack("!H", field) + payload,
                            f"length {length} payload {len(payload)}{what}"))
    return packets


ICMP_INVERSE = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17}


def icmp_packet(src, dst, from_outside, kind, code, rest, lookup, text, bad_sum=False):
    body = struct.pack("!BBH", kind, code, 0) + rest
    body = body[:2] + struct.pack("!H", checksum(body) ^ (0x0101 if bad_sum else 0)) + body[4:]
    return Packet(from_outside, ipv4(src, dst, ICMP, body), lookup,
                  f"icmp {dotted(src)} > {dotted(dst)} type {kind} code {code} {text}"
                  + (" bad checksum" if bad_sum else ""))


def icmp_sequence(rng, where):
    packets = []
    asks = rng.choice((8, 8, 8, 13, 15, 17))
    for _ in range(rng.randint(1, 7)):
        if packets and asks == 8 and rng.random() < 0.1:
            packets.append(icmp_error(rng, rng.choice(packets)))
            continue
        side = rng.randint(0, 1) if packets else 0
        kind = asks if side == 0 else ICMP_INVERSE[asks]
        if rng.random() < 0.1:
            kind = rng.choice((0, 8, 13, 14, 9, 10, 1, 30, 42, 200))
        ident = where.port[0] if rng.random() < 0.9 else rng.getrandbits(16)
        src, dst = where.address[side], where.address[1 - side]
        lookup = (ICMP, src, dst, ident, kind << 8)
        packets.append(icmp_packet(src, dst, side == 1, kind, 0,
                                   struct.pack("!HH", ident, len(packets)) + bytes(20), lookup,
                                   f"id {ident}", rng.random() < 0.02))
    return packets


def icmp_error(rng, about):
    """An error that quotes `about`, from its destination or a router on the way."""
    protocol, src, dst, first, second = about.tuple
    carries = about.bytes[9], about.bytes[20] if protocol == ICMP else 0
    if carries not in ((protocol, 0), (ICMP, 8)) or (protocol == ICMP and second >> 8 != carries[1]):
        return about  # an error about an error, or about what nobody answers
    kind, code = rng.choice(((3, 0), (3, 1), (3, 3), (3, 4), (11, 0), (12, 0), (4, 0), (5, 1)))
    quoted = about.bytes[:20 + rng.choice((8, 8, 20, 60))]
    lookup = ((ICMP, dst, src, first, ICMP_INVERSE[second >> 8] << 8) if protocol == ICMP
              else (protocol, dst, src, second, first))
    from_outside = not about.from_outside
    sender = rng.choice((dst, 0xCB0071FE if from_outside else 0x0A0000FE))
    to = src if rng.random() < 0.93 else src ^ 1
    return icmp_packet(sender, to, from_outside, kind, code, bytes(4) + quoted, lookup,
                       f"about: {about.text}", rng.random() < 0.02)


# ---- SCTP (RFC 9260)
CHUNKS = {"DATA": 0, "INIT": 1, "INIT_ACK": 2, "SACK": 3, "HEARTBEAT": 4, "HEARTBEAT_ACK": 5,
          "ABORT": 6, "SHUTDOWN": 7, "SHUTDOWN_ACK": 8, "ERROR": 9, "COOKIE_ECHO": 10,
          "COOKIE_ACK": 11, "SHUTDOWN_COMPLETE": 14, "AUTH": 15}
USUAL = ((0, "INIT"), (1, "INIT_ACK"), (0, "COOKIE_ECHO"), (1, "COOKIE_ACK"), (0, "DATA"),
         (1, "SACK"), (1, "HEARTBEAT"), (0, "HEARTBEAT_ACK"), (0, "SHUTDOWN"), (1, "SHUTDOWN_ACK"),
         (0, "SHUTDOWN_COMPLETE"))


def sctp_packet(rng, where, side, names, tags):
    """`tags[side]` is what packets towards end `side` must carry."""
    tag = 0 if names[0] == "INIT" else tags[1 - side]
    if rng.random() < 0.06:
        tag = rng.choice((0, tags[side], rng.getrandbits(32)))
    chunks = b""
    for name in names:
        value = struct.pack("!I", tags[side]) + bytes(12) if name in ("INIT", "INIT_ACK") else bytes(8)
        flags = rng.getrandbits(1) if name in ("ABORT", "SHUTDOWN_COMPLETE") else 0
        length = 4 + len(value) + (rng.choice((-12, 1, 100)) if rng.random() < 0.01 else 0)
        chunks += struct.pack("!BBH", CHUNKS[name], flags, max(0, length)) + value
    head = struct.pack("!HHI", where.port[side], where.port[1 - side], tag)
    bad_sum = rng.random() < 0.02
    field = crc32c(head + bytes(4) + chunks) ^ (1 if bad_sum else 0)
    return sent(where, side, SCTP, head + struct.pack("<I", field) + chunks,
                f"{'+'.join(names)} tag {tag:#x}" + (" bad checksum" if bad_sum else ""))


def sctp_sequence(rng, where):
    packets = []
    tags = [rng.getrandbits(32) | 1, rng.getrandbits(32) | 1]
    story = list(USUAL) if rng.random() < 0.8 else []
    turned = rng.random() < 0.15
    for _ in range(rng.randint(2, 15)):
        if packets and rng.random() < 0.05:
            packets.append(icmp_error(rng, rng.choice(packets)))
        elif packets and rng.random() < 0.08:
            packets.append(rng.choice(packets[-3:]))
        elif story and rng.random() < 0.8:
            side, name = story.pop(0)
            packets.append(sctp_packet(rng, where, side ^ turned, [name], tags))
        else:
            names = [rng.choice(list(CHUNKS)) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
            packets.append(sctp_packet(rng, where, rng.randint(0, 1), names, tags))
    return packets


KINDS = ((tcp_sequence, 78), (udp_sequence, 9), (icmp_sequence, 6), (sctp_sequence, 7))


def sequences(rng, count, first_number, without=()):
    kinds = [(make, weight) for make, weight in KINDS if make not in without]
    makers = rng.choices([make for make, _ in kinds], [weight for _, weight in kinds], k=count)
    return [make(rng, place(rng, first_number + turn)) for turn, make in enumerate(makers)]
