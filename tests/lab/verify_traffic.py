"""Traffic for a router under test, run inside namespaces: verify_traffic.py ROLE ARGUMENTS."""
import socket
import struct
import sys
import threading
import time


def serve(address, tcp_ports, udp_ports):
    """Echo on all of them, for ever."""
    def tcp(port):
        listener = socket.create_server((address, port))
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    def echo(connection):
        with connection:
            while data := connection.recv(2000):
                connection.sendall(data)

    def udp(port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((address, port))
            while True:
                data, who = s.recvfrom(2000)
                s.sendto(data, who)

    for port in tcp_ports:
        threading.Thread(target=tcp, args=(port,), daemon=True).start()
    for port in udp_ports:
        threading.Thread(target=udp, args=(port,), daemon=True).start()
    print("ready", file=sys.stderr, flush=True)
    threading.Event().wait()


def ask_udp(address, port, count):
    for number in range(count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.3)
            s.sendto(b"question %d" % number, (address, port))
            try:
                s.recv(2000)
            except OSError:
                s.sendto(b"again %d" % number, (address, port))


def ask_tcp(address, port, count):
    for number in range(count):
        try:
            with socket.create_connection((address, port), timeout=1) as s:
                s.sendall(b"question %d" % number)
                s.recv(2000)
        except OSError:
            pass


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def next_sequence(connection, queue):
    """The sequence number that the kernel uses next: of what it sends (2) or receives (1)."""
    repair, repair_queue, queue_seq = 19, 20, 21  # linux/tcp.h
    connection.setsockopt(socket.IPPROTO_TCP, repair, 1)
    connection.setsockopt(socket.IPPROTO_TCP, repair_queue, queue)
    (number,) = struct.unpack("=I", connection.getsockopt(socket.IPPROTO_TCP, queue_seq, 4))
    connection.setsockopt(socket.IPPROTO_TCP, repair, -1)  # off, without a window probe
    return number


def send_invalid(address, port):
    """Data far beyond the window of an open connection: tracking refuses it. Data far before the
    window would not do: that is taken for a late copy and let through."""
    with socket.create_connection((address, port), timeout=2) as s:
        s.sendall(b"hello")
        s.recv(2000)
        source, own = s.getsockname()
        data = b"out of the window"
        beyond = (next_sequence(s, 2) + (1 << 28)) & 0xFFFFFFFF
        head = struct.pack("!HHIIBBHHH", own, port, beyond, next_sequence(s, 1), 5 << 4, 0x18, 500,
                           0, 0)
        pseudo = socket.inet_aton(source) + socket.inet_aton(address) + struct.pack(
            "!BBH", 0, socket.IPPROTO_TCP, len(head) + len(data))
        head = head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:]
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
            for _ in range(3):
                raw.sendto(head + data, (address, 0))
                time.sleep(0.02)
        s.sendall(b"bye")
        s.recv(2000)


def main():
    role, *rest = sys.argv[1:]
    if role == "serve":
        address, tcp, udp = rest
        serve(address, [int(p) for p in tcp.split(",")], [int(p) for p in udp.split(",")])
    elif role == "invalid":
        send_invalid(rest[0], int(rest[1]))
    else:
        {"udp": ask_udp, "tcp": ask_tcp}[role](rest[0], int(rest[1]), int(rest[2]))


main()
